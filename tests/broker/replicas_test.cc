// Replicas that get every write: groups, those that are behind, and who copies whom.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/broker/lane_world.h"

namespace flow::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::InstanceState;

wire::Holding holding(std::uint64_t newest, std::uint64_t digest) {
  return {{newest, 1}, digest, digest};
}

// "index" of one shard, "many" of two.
NodePlan plan(std::uint32_t shards, std::uint32_t replicas) {
  NodePlan plan{"index", shards, replicas};
  plan.replicate = {"/index"};
  plan.polling.endpoints = {{"/index", Polling::kHash}};
  return plan;
}

// A world whose replicas all keep something, nothing at first.
struct Replicas : World {
  explicit Replicas(std::uint32_t shards = 1, std::uint32_t count = 2)
      : World({plan(shards, count)}), shards_(shards) {
    for (std::uint32_t s = 0; s < shards; ++s) {
      for (std::uint32_t r = 0; r < count; ++r)
        holds[name(s, r)] = wire::Holding();
    }
  }
  std::string name(std::uint32_t shard, std::uint32_t replica) const {
    return shards_ == 1
               ? "index/rep-" + std::to_string(replica)
               : "index/shard-" + std::to_string(shard) + "/rep-" + std::to_string(replica);
  }
  Peer& rep(std::uint32_t replica, std::uint32_t shard = 0) {
    return (*this)[name(shard, replica)];
  }
  Peer& start(std::uint32_t replica) { return worker(name(0, replica)); }
  bool serves(Peer& peer) const { return in_topology(peer.id(), InstanceState::kServing); }
  bool behind(Peer& peer) const { return in_topology(peer.id(), InstanceState::kBehind); }
  std::string reason_of(Peer& peer) { return core().instances().at(peer.id()).reason; }

  // The one group that is planned; empty when there is none.
  Members group() {
    Members found;
    int count = 0;
    for (const auto& [id, group] : core().groups()) {
      if (group.retired()) continue;
      found = group.entry.members;
      ++count;
    }
    CHECK(count <= 1);
    return found;
  }
  std::size_t retired() {
    return static_cast<std::size_t>(std::ranges::count_if(
        core().groups(), [](const auto& entry) { return entry.second.retired(); }));
  }
  void say_copied(Peer& peer, Errc code = Errc::kOk) {
    REQUIRE_FALSE(peer.copies.empty());
    peer.member->caught_up({peer.copies.back(), code, code == Errc::kOk ? "" : "it broke"});
    run(milliseconds(20));
  }

 private:
  std::uint32_t shards_;
};

TEST_CASE("replicas that hold the same serve at once, all in one group") {
  Replicas world(2, 2);
  world.bring_up();
  CHECK(world.group() == Members{world.rep(0, 0).id(), world.rep(1, 0).id(), world.rep(0, 1).id(),
                                 world.rep(1, 1).id()});
  CHECK(world.rep(0).copies.empty());
  CHECK(world["gateway/0"].topologies.back().groups.size() == 1);
  CHECK(world["gateway/0"].topologies.back().nodes[0].replicate ==
        std::vector<std::string>{"/index"});
}

TEST_CASE("an executor that keeps nothing is never behind") {
  Replicas world;
  world.holds.clear();
  world.start(0);
  world.gateway();
  world.run(milliseconds(50));
  CHECK(world.serves(world.rep(0)));
  world.start(1);
  world.run(milliseconds(50));
  CHECK(world.serves(world.rep(1)));
  CHECK(world.group() == Members{world.rep(0).id(), world.rep(1).id()});
}

TEST_CASE("a replica that comes later gets new writes, copies, and then serves") {
  Replicas world;
  world.bring_up();
  Peer& gateway = world["gateway/0"];
  world.kill(world.rep(1));
  world.run(milliseconds(50));
  CHECK(world.group() == Members{world.rep(0).id(), InstanceId{}});
  CHECK(world.core().state() == FlowState::kDegraded);
  gateway.oldest_plan = world.core().version();  // a write that was planned before it came

  Peer& late = world.start(1);
  world.run(milliseconds(100));
  CHECK(world.behind(late));
  CHECK(world.group() == Members{world.rep(0).id(), late.id()});
  CHECK(late.copies.empty());
  CHECK(world.reason_of(late) == "writes are under way that it does not get");
  CHECK(reason(world).find("index/rep-1 is behind: writes are under way") != std::string::npos);

  gateway.oldest_plan = ~std::uint64_t{0};
  gateway.member->acknowledge(world.core().version(), world.core().version());
  world.run(milliseconds(50));
  CHECK(world.retired() == 0);
  CHECK(late.copies == Members{world.rep(0).id()});
  CHECK(world.behind(late));
  CHECK(world.reason_of(late) == "it copies index/rep-0");
  CHECK(world.core().state() == FlowState::kDegraded);

  world.say_copied(late);
  CHECK(world.serves(late));
  CHECK(world.group() == Members{world.rep(0).id(), late.id()});
  CHECK(world.core().state() == FlowState::kReady);
}

TEST_CASE("lanes have only replicas that serve") {
  Replicas world(2, 2);
  world.bring_up();
  world.kill(world.rep(1, 0));
  world.run(milliseconds(50));
  Peer& late = world.worker(world.name(0, 1));
  world.run(milliseconds(100));
  REQUIRE(world.behind(late));
  for (const wire::TopologyLane& lane : serving(world))
    CHECK(std::ranges::count(lane.members, late.id()) == 0);
  world.say_copied(late);
  CHECK(std::ranges::any_of(serving(world), [&](const auto& lane) {
    return std::ranges::count(lane.members, late.id()) > 0;
  }));
}

TEST_CASE("another sibling is copied when the first dies, and a copy that failed is tried again") {
  Replicas world(1, 3);
  world.bring_up();
  world.kill(world.rep(2));
  world.run(milliseconds(50));
  Peer& late = world.start(2);
  world.run(milliseconds(100));
  REQUIRE(late.copies == Members{world.rep(0).id()});
  world.kill(world.rep(0));
  world.run(milliseconds(100));
  REQUIRE(late.copies.size() == 2);
  CHECK(late.copies[1] == world.rep(1).id());

  world.say_copied(late, Errc::kInternal);
  CHECK(world.behind(late));
  CHECK(late.copies.size() == 2);
  world.run(seconds(1));
  REQUIRE(late.copies.size() == 3);
  world.say_copied(late);
  CHECK(world.serves(late));
}

TEST_CASE("a cold start waits for all replicas, and the one with the newest writes serves first") {
  Replicas world(1, 3);
  world.holds[world.name(0, 0)] = holding(5, 10);
  world.holds[world.name(0, 1)] = holding(7, 11);
  world.holds[world.name(0, 2)] = holding(7, 11);
  world.gateway();
  world.start(0);
  world.start(1);
  world.run(seconds(1));
  CHECK(world.behind(world.rep(0)));
  CHECK(world.group().empty());
  CHECK(world.reason_of(world.rep(1)) == "it waits for index/rep-2, which may hold newer writes");
  CHECK(world.core().state() == FlowState::kStarting);

  world.start(2);
  world.run(milliseconds(100));
  CHECK(world.rep(1).copies == Members{world.rep(0).id()});  // it may have what others lack
  CHECK(world.rep(0).copies.empty());
  world.say_copied(world.rep(1));
  CHECK(world.serves(world.rep(1)));
  CHECK(world.serves(world.rep(2)));  // it held the same before
  world.run(milliseconds(50));
  CHECK(world.behind(world.rep(0)));
  REQUIRE(world.rep(0).copies.size() == 1);
  world.say_copied(world.rep(0));
  CHECK(world.core().state() == FlowState::kReady);
}

TEST_CASE("replicas that do not come are waited for only so long") {
  Replicas world;
  world.gateway();
  world.start(1);
  world.run(milliseconds(9900));
  CHECK(world.behind(world.rep(1)));
  world.run(milliseconds(300));
  CHECK(world.serves(world.rep(1)));
  CHECK(world.group() == Members{InstanceId{}, world.rep(1).id()});
}

TEST_CASE("a replica that served alone need not wait for those that missed its writes") {
  Replicas world;
  world.bring_up();
  world.kill(world.rep(1));
  world.run(milliseconds(50));
  world.kill(world.rep(0));
  world.run(milliseconds(50));
  CHECK(world.group().empty());
  world.holds[world.name(0, 0)] = holding(5, 10);
  Peer& back = world.start(0);
  world.run(milliseconds(50));
  CHECK(world.serves(back));

  // The other one alone waits for it.
  world.kill(back);
  Peer& other = world.start(1);
  world.run(seconds(5));
  CHECK(world.behind(other));
  CHECK(world.reason_of(other) == "it waits for index/rep-0, which may hold newer writes");
  CHECK(world.group().empty());
  world.start(0);
  world.run(milliseconds(100));
  CHECK(world.serves(world.rep(0)));
  CHECK(other.copies == Members{world.rep(0).id()});
}

TEST_CASE("a silent replica is left out and behind when it is heard again") {
  Replicas world(1, 3);
  world.bring_up();
  Peer& silent = world.rep(1);
  silent.paused = true;
  world.run(seconds(1));
  CHECK(world.group() == Members{world.rep(0).id(), InstanceId{}, world.rep(2).id()});
  silent.paused = false;
  world.run(milliseconds(300));
  CHECK(world.behind(silent));
  CHECK(world.group() == Members{world.rep(0).id(), silent.id(), world.rep(2).id()});
  world.say_copied(silent);
  CHECK(world.serves(silent));
}

TEST_CASE("a silent replica stays where its shard has no other, and is not behind") {
  Replicas world;
  world.bring_up();
  world.kill(world.rep(1));
  world.run(milliseconds(50));
  Peer& silent = world.rep(0);
  const Members before = world.group();
  silent.paused = true;
  world.run(seconds(1));
  CHECK(world.in_topology(silent.id(), InstanceState::kSuspect));
  CHECK(world.group() == before);
  silent.paused = false;
  world.run(milliseconds(300));
  CHECK(world.serves(silent));
  CHECK(silent.copies.empty());
}

TEST_CASE("a broker that starts again knows who is behind, and has it copy again") {
  Replicas world;
  world.bring_up();
  world.kill(world.rep(1));
  world.run(milliseconds(50));
  Peer& late = world.start(1);
  world.run(milliseconds(100));
  REQUIRE(late.copies.size() == 1);
  world.restart_broker();
  world.run(seconds(2));
  CHECK(world.serves(world.rep(0)));
  CHECK(world.behind(late));
  CHECK(world.group() == Members{world.rep(0).id(), late.id()});
  REQUIRE(late.copies.size() == 2);
  world.say_copied(late);
  CHECK(world.serves(late));
}

TEST_CASE("a replica that is drained leaves the group, and the others go on") {
  Replicas world;
  world.bring_up();
  Peer& leaving = world.rep(0);
  drain(world, "index/rep-0");
  world.run(milliseconds(50));
  CHECK(world.group() == Members{InstanceId{}, world.rep(1).id()});
  CHECK(leaving.drains == 1);
  CHECK(world.serves(world.rep(1)));
}

TEST_CASE("a behind replica that publishes waits for its successors' lanes first") {
  NodePlan index = plan(1, 2);
  NodePlan store{"store", 2, 1};
  World world({index, store});
  world.holds["index/rep-0"] = world.holds["index/rep-1"] = wire::Holding();
  world.bring_up();
  world.kill(world["index/rep-1"]);
  world.run(milliseconds(20));
  world.newcomers_are_blind = true;
  Peer& late = world.worker("index/rep-1");
  world.run(milliseconds(100));
  CHECK(world.in_topology(late.id(), InstanceState::kStarting));
  late.blind = false;
  world.run(milliseconds(100));
  CHECK(world.in_topology(late.id(), InstanceState::kBehind));
  CHECK(late.copies.size() == 1);
}

TEST_CASE("the status shows the groups and who is behind") {
  Replicas world;
  world.bring_up();
  world.kill(world.rep(1));
  world.run(milliseconds(50));
  world.start(1);
  world.run(milliseconds(100));
  const ValueMap status = world.core().status(world.now);
  const ValueMap& executor = *(*status.find("executors")->if_list())[0].if_map();
  const ValueMap& replica = *(*executor.find("instances")->if_list())[1].if_map();
  CHECK(*replica.find("state")->if_string() == "behind");
  CHECK(*replica.find("reason")->if_string() == "index/rep-1 is behind: it copies index/rep-0");
  REQUIRE(executor.find("groups")->if_list()->size() == 1);
  const ValueMap& group = *(*executor.find("groups")->if_list())[0].if_map();
  CHECK(*group.find("state")->if_string() == "ready");
  CHECK(group.find("members")->if_list()->size() == 2);
}

}  // namespace
}  // namespace flow::broker
