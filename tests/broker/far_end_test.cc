// What the broker says of external executors whose far ends do not answer.
#include <doctest/doctest.h>

#include "tests/broker/broker_world.h"

namespace flow::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kAway = "nobody answers at tcp://10.0.0.8:7001";

// far (two hosts) -> own, which answers.
CoreOptions with_far() {
  graph::FlowDecl flow;
  graph::ExecutorDecl far;
  far.name.value = "far";
  far.external = true;
  far.hosts = {"tcp://10.0.0.7:7001", "tcp://10.0.0.8:7001"};
  far.replicas = 2;
  far.needs.push_back({"gateway", {}});
  graph::ExecutorDecl own;
  own.name.value = "own";
  own.uses.value = "pass-through";
  own.needs.push_back({"far", {}});
  flow.executors = {far, own};
  return options_for(std::move(flow));
}

void set_far(World& world, const std::string& name, Duration away) {
  wire::Beat beat;
  beat.far_away = away;
  if (away > Duration{}) beat.far_trouble = kAway;
  world[name].member->set_beat(beat);
  world.run(milliseconds(250));
}

ValueMap executor(World& world, std::size_t index) {
  return *(*world.core().status(world.now).find("executors")->if_list())[index].if_map();
}

ValueMap instance(World& world, std::size_t replica) {
  return *(*executor(world, 0).find("instances")->if_list())[replica].if_map();
}

std::string text(const ValueMap& map, const char* key) {
  return *map.find(key)->if_string();
}

ValueMap far_end(World& world, std::size_t replica) {
  return *instance(world, replica).find("far_end")->if_map();
}

TEST_CASE("an instance whose far end is away is degraded, says where, why and since when") {
  World world(with_far());
  world.bring_up();
  REQUIRE(world.core().state() == FlowState::kReady);
  CHECK(text(far_end(world, 1), "address") == "tcp://10.0.0.8:7001");
  CHECK(*far_end(world, 1).find("reachable") == Value(true));
  const std::string up_since = text(instance(world, 1), "since");

  set_far(world, "far/rep-1", seconds(90));

  CHECK(text(instance(world, 0), "state") == "ready");
  CHECK(*far_end(world, 0).find("reachable") == Value(true));
  CHECK(text(instance(world, 1), "state") == "degraded");
  CHECK(text(instance(world, 1), "reason") == "far/rep-1 is cut off: " + kAway);
  CHECK(*far_end(world, 1).find("reachable") == Value(false));
  CHECK(text(instance(world, 1), "since") < up_since);  // before it was even started
  CHECK(text(executor(world, 0), "state") == "degraded");
  CHECK(text(executor(world, 0), "reason").find(kAway) != std::string::npos);
  CHECK(world.core().state() == FlowState::kDegraded);
  CHECK(world.core().reason().find(kAway) != std::string::npos);
  CHECK(executor(world, 1).find("instances")->if_list()->front().if_map()->find("far_end") ==
        nullptr);
}

TEST_CASE("it stays away since the first beat that said so, and is ready when it is back") {
  World world(with_far());
  world.bring_up();
  const std::string before = text(instance(world, 1), "since");
  set_far(world, "far/rep-1", milliseconds(1));
  const std::string since = text(instance(world, 1), "since");
  set_far(world, "far/rep-1", seconds(1));
  CHECK(text(instance(world, 1), "since") == since);

  set_far(world, "far/rep-1", Duration{});

  CHECK(text(instance(world, 1), "state") == "ready");
  CHECK(text(instance(world, 1), "since") == before);
  CHECK(world.core().state() == FlowState::kReady);
  CHECK(world.core().reason().empty());
}

TEST_CASE("an executor without any far end is down, and the flow that needs it") {
  World world(with_far());
  world.bring_up();
  set_far(world, "far/rep-0", seconds(1));
  set_far(world, "far/rep-1", seconds(1));
  CHECK(text(executor(world, 0), "state") == "down");
  CHECK(world.core().state() == FlowState::kDown);
}

TEST_CASE("a flow becomes ready without its far ends: who waits for that is answered") {
  World world(with_far());
  ValueMap ready;
  ready.set("state", "ready");
  world.to_core(ConnectionId{9000}, wire::AdminRequest{5, "wait", ready});
  world.worker("far/rep-0");
  world.worker("far/rep-1");
  set_far(world, "far/rep-0", seconds(2));
  set_far(world, "far/rep-1", seconds(2));
  CHECK(world.replies.empty());
  CHECK(world.core().state() == FlowState::kStarting);

  world.worker("own/rep-0");
  world.gateway();
  world.run(milliseconds(100));

  REQUIRE(world.replies.size() == 1);
  CHECK(world.replies[0].code == Errc::kOk);
  CHECK(world.core().state() == FlowState::kDown);
}

TEST_CASE("a broker that was started again knows since when a far end is away") {
  World world(with_far());
  world.bring_up();
  set_far(world, "far/rep-1", seconds(90));
  world.restart_broker();
  set_far(world, "far/rep-1", seconds(91));
  world.run(seconds(1));
  CHECK(text(instance(world, 1), "state") == "degraded");
  CHECK(world.core().state() == FlowState::kDegraded);
}

TEST_CASE("what the store keeps of its health says it, too") {
  World world(with_far());
  world.bring_up();
  world.health.clear();
  set_far(world, "far/rep-1", seconds(90));
  world.run(seconds(2));
  const auto tells = [](const store::SaveHealth& saved) {
    return saved.instance == "far/rep-1" && saved.value.find(kAway) != std::string::npos &&
           saved.value.find("degraded") != std::string::npos;
  };
  CHECK(std::ranges::any_of(world.health, tells));
}

}  // namespace
}  // namespace flow::broker
