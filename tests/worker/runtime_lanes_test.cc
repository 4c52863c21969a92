// A worker process in a lane, and one that publishes to a lane.
#include <doctest/doctest.h>

#include <filesystem>

#include "runtime_fixture.h"

namespace {

using namespace flow;
using namespace flow::worker;
using namespace std::chrono_literals;

using Marks = std::vector<wire::LaneMark>;

constexpr InstanceId kLane{50};
constexpr InstanceId kMember{9};

// The worker is the only member of a lane.
void put_into_lane(wire::Topology& topology) {
  wire::TopologyLane& lane = topology.lanes.emplace_back();
  lane.id = kLane;
  lane.members = {Stage::kWorker};
}

// A second node behind the worker's, with one lane, answers.
void put_lane_behind(wire::Topology& topology) {
  wire::TopologyNode& node = topology.nodes.emplace_back();
  node.name = "behind";
  node.needs = {NodeIndex{0}};
  topology.sink = NodeIndex{1};
  wire::TopologyLane& lane = topology.lanes.emplace_back();
  lane.id = kLane;
  lane.node = NodeIndex{1};
  lane.members = {kMember};
}

bool told(Stage& stage, const Marks& marks) {
  return stage.wait([&] {
    const auto* subscriptions = stage.last<wire::Subscriptions>();
    return subscriptions != nullptr && subscriptions->marks == marks;
  });
}

}  // namespace

TEST_CASE("a worker in a lane is seen by its publishers and gets what is published") {
  Stage stage;
  stage.listen_to_members();
  stage.shape = put_into_lane;
  stage.start();
  REQUIRE(stage.serve());
  REQUIRE(stage.wait([&] { return stage.marks() == Marks{{kLane, Stage::kWorker}}; }));

  stage.publish(kLane, 1, "/append");
  stage.post(2, "/append");

  REQUIRE(stage.wait([&] { return stage.answers.size() == 2; }));
  CHECK(stage.last<wire::Ready>()->lane_address.empty());
}

TEST_CASE("a worker whose lane is gone is not seen any more, nor when it ends") {
  Stage stage;
  stage.listen_to_members();
  stage.shape = put_into_lane;
  stage.start();
  REQUIRE(stage.serve());
  REQUIRE(stage.wait([&] { return !stage.marks().empty(); }));
  stage.shape = [](wire::Topology&) {};
  stage.publish_topology(true);
  REQUIRE(stage.wait([&] { return stage.marks().empty(); }));

  stage.shape = put_into_lane;
  stage.publish_topology(true);
  REQUIRE(stage.wait([&] { return !stage.marks().empty(); }));
  stage.to_worker(wire::Drain{10s});

  REQUIRE(stage.wait_exit(0));
  CHECK(stage.wait([&] { return stage.marks().empty(); }));
}

TEST_CASE("a draining worker still serves what was published to it") {
  Stage stage;
  stage.listen_to_members();
  stage.shape = put_into_lane;
  stage.start();
  REQUIRE(stage.serve());
  REQUIRE(stage.wait([&] { return !stage.marks().empty(); }));
  stage.terminate();
  REQUIRE(stage.wait([&] { return stage.last<wire::Exit>() != nullptr; }));

  stage.publish(kLane, 1, "/append");

  REQUIRE(stage.wait([&] { return stage.answers.size() == 1; }));
  stage.to_worker(wire::Drain{10s});
  CHECK(stage.wait_exit(0));
}

TEST_CASE("a worker tells the broker who subscribes to its lanes, and publishes to them") {
  Stage stage;
  stage.welcome_message.publishes = true;
  stage.shape = put_lane_behind;
  stage.plan_behind = wire::PlanEntry{.target = kLane.value, .polling = wire::Polling::kAll};
  stage.start();
  REQUIRE(stage.serve());
  const std::string address = stage.last<wire::Ready>()->lane_address;
  CHECK(address == "ipc://" + stage.folder.path() + "/lane-7.ipc");
  net::Socket member = stage.join_lane(kLane, kMember);
  REQUIRE(told(stage, {{kLane, kMember}}));

  stage.post(1, "/append");

  Received received;
  REQUIRE(stage.wait([&] { return member.receive(received); }));
  wire::Part part;
  REQUIRE(wire::decode_part(std::move(received), part).ok());
  CHECK(part.header.target == kLane.value);
  CHECK(part.header.request.sequence == 1);

  member.close();
  REQUIRE(told(stage, {}));
  stage.to_worker(wire::Drain{10s});
  REQUIRE(stage.wait_exit(0));
  CHECK_FALSE(std::filesystem::exists(stage.folder.path() + "/lane-7.ipc"));
}
