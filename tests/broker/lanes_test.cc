#include <doctest/doctest.h>

#include <algorithm>

#include "tests/broker/lane_world.h"

namespace flow::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::InstanceState;

TEST_CASE("a flow is ready when every lane is seen; before that no gateway can plan it") {
  World world({kIndex2x2});
  world.bring_up();

  REQUIRE(serving(world).size() == 2);
  CHECK(members(serving(world)) == sorted({lane_of(world, {0, 0}), lane_of(world, {1, 1})}));
  CHECK(world.core().counters().lanes_formed == 2);
  CHECK(world.core().topology().lanes == serving(world));
  for (const auto& [id, lane] : world.core().lanes())
    CHECK_FALSE(world.core().instances().contains(id));
  CHECK(world["gateway/0"].welcome->publishes);
  CHECK_FALSE(at(world, 0, 0).welcome->publishes);
}

TEST_CASE("a dead member's lane is retired at once and another takes its place when it is seen") {
  World world({kIndex2x2});
  world.bring_up();
  const std::vector<wire::TopologyLane> before = serving(world);
  Peer& gateway = world["gateway/0"];
  gateway.oldest_plan = world.core().version();  // a request in flight
  gateway.blind = true;

  world.kill(at(world, 0, 0));
  world.run(milliseconds(10));
  REQUIRE(lanes(world, InstanceState::kRetired).size() == 1);
  CHECK(lanes(world, InstanceState::kRetired)[0].id == before[0].id);
  CHECK(members(lanes(world, InstanceState::kStarting)) == AllMembers{lane_of(world, {1, 0})});
  CHECK(serving(world).size() == 1);

  gateway.blind = false;
  world.run(milliseconds(10));
  CHECK(members(serving(world)) == sorted({lane_of(world, {1, 0}), lane_of(world, {1, 1})}));

  Peer& back = world.worker("index/shard-0/rep-0");
  world.run(milliseconds(20));
  CHECK(members(serving(world)) ==
        sorted({{back.id(), at(world, 1, 0).id()}, lane_of(world, {1, 1})}));
  CHECK(world.core().state() == FlowState::kReady);
}

TEST_CASE("what replaces a lane serves before the lane is retired") {
  World world({kIndex2x2});
  world.bring_up();
  world.kill(at(world, 0, 0));
  world.run(milliseconds(20));
  const std::size_t pushed = world.pushed.size();
  world["gateway/0"].blind = true;

  world.worker("index/shard-0/rep-0");
  world.run(milliseconds(50));
  CHECK(serving(world).size() == 2);
  CHECK(lanes(world, InstanceState::kStarting).size() == 1);
  world["gateway/0"].blind = false;
  world.run(milliseconds(50));

  CHECK(serving(world).size() == 2);
  const InstanceId other = at(world, 1, 0).id();
  for (std::size_t i = pushed; i < world.pushed.size(); ++i) {
    const auto covers = [other](const wire::TopologyLane& lane) {
      return lane.state == InstanceState::kServing && lane.members[1] == other;
    };
    CHECK(std::ranges::any_of(world.pushed[i].lanes, covers));
  }
}

TEST_CASE("a retired lane leaves the topology when all requests planned before it are over") {
  World world({kIndex2x2});
  world.bring_up();
  Peer& gateway = world["gateway/0"];
  gateway.oldest_plan = world.core().version();
  world.kill(at(world, 1, 1));
  world.run(seconds(1));
  CHECK(lanes(world, InstanceState::kRetired).size() == 1);

  gateway.oldest_plan = ~std::uint64_t{0};
  gateway.member->acknowledge(world.core().version(), world.core().version());
  world.run(milliseconds(20));

  CHECK(lanes(world, InstanceState::kRetired).empty());
  CHECK(world.core().topology().lanes == serving(world));
}

TEST_CASE("what a stopped gateway planned on stays until it wakes up or is given up") {
  for (const bool wakes : {true, false}) {
    CAPTURE(wakes);
    World world({kIndex2x2});
    world.bring_up();
    world.gateway("gateway/1");
    world.run(milliseconds(50));
    Peer& stopped = world["gateway/0"];
    stopped.member->acknowledge(world.core().version(), world.core().version());
    world.pump();
    stopped.paused = true;
    world.kill(at(world, 1, 1));
    world.run(milliseconds(1500));
    CHECK(serving(world).size() == 2);
    CHECK(lanes(world, InstanceState::kRetired).size() == 1);

    if (wakes) stopped.paused = false;
    world.run(seconds(2));
    CHECK(world.core().counters().lost == (wakes ? 1 : 2));
    CHECK(lanes(world, InstanceState::kRetired).empty());
  }
}

TEST_CASE("a lane goes without a shard that has nobody, until a complete one serves") {
  World world({partial(2, 1)});
  world.bring_up();
  const InstanceId complete = serving(world)[0].id;
  world["gateway/0"].oldest_plan = 1;

  world.kill(at(world, 1, 0));
  world.run(milliseconds(20));
  CHECK(world.core().lanes().at(complete).retired());
  CHECK(members(serving(world)) == AllMembers{lane_of(world, {0, -1})});
  CHECK(world.core().state() == FlowState::kDegraded);
  const InstanceId without = serving(world)[0].id;

  world["gateway/0"].blind = true;
  world.worker("index/shard-1/rep-0");
  world.run(milliseconds(20));
  CHECK(serving(world).size() == 1);
  CHECK(serving(world)[0].id == without);
  CHECK(world.core().state() == FlowState::kDegraded);
  CHECK(reason(world).find("waits for gateway/0 to see index/shard-0/rep-0") != std::string::npos);

  world["gateway/0"].blind = false;
  world.run(milliseconds(20));
  CHECK(world.core().lanes().at(without).retired());
  CHECK(members(serving(world)) == AllMembers{lane_of(world, {0, 0})});
  CHECK(world.core().state() == FlowState::kReady);
}

TEST_CASE("ALL_ASYNC can do without a shard, ALL alone cannot") {
  NodePlan async{"index", 2, 1};
  async.polling = polled(Polling::kAllAsync);
  World first({async});
  first.bring_up();
  first.kill(at(first, 0, 0));
  first.run(milliseconds(20));
  CHECK(members(serving(first)) == AllMembers{lane_of(first, {-1, 0})});

  World second({NodePlan{"index", 2, 1}});
  second.bring_up();
  second.kill(at(second, 0, 0));
  second.run(milliseconds(20));
  CHECK(serving(second).empty());
  CHECK(lanes(second, InstanceState::kStarting).empty());
  CHECK(second.core().state() == FlowState::kDegraded);
  CHECK(reason(second).find("index/shard-0/rep-0 is gone") != std::string::npos);
}

TEST_CASE("a lane goes without a shard that is only suspected, until it is heard again") {
  NodePlan async{"index", 2, 1};
  async.polling = polled(Polling::kAllAsync);
  for (const NodePlan& plan : {async, partial(2, 1)}) {
    CAPTURE(plan.allow_partial);
    World world({plan});
    world.bring_up();
    Peer& silent = at(world, 1, 0);
    silent.paused = true;
    world.run(seconds(1));
    REQUIRE(world.in_topology(silent.id(), InstanceState::kSuspect));
    CHECK(members(serving(world)) == AllMembers{lane_of(world, {0, -1})});
    const std::size_t pushed = world.pushed.size();

    world["gateway/0"].blind = true;
    silent.paused = false;
    world.run(milliseconds(300));
    CHECK(members(serving(world)) == AllMembers{lane_of(world, {0, -1})});
    CHECK(members(lanes(world, InstanceState::kStarting)) == AllMembers{lane_of(world, {0, 0})});
    world["gateway/0"].blind = false;
    world.run(milliseconds(100));

    CHECK(members(serving(world)) == AllMembers{lane_of(world, {0, 0})});
    CHECK(world.core().topology().lanes == serving(world));
    CHECK(world.core().state() == FlowState::kReady);
    for (std::size_t i = pushed; i < world.pushed.size(); ++i)
      CHECK(std::ranges::count(world.pushed[i].lanes, InstanceState::kServing,
                               &wire::TopologyLane::state) == 1);
  }
}

TEST_CASE("a lane whose shards are all suspected is there again as soon as they are") {
  World world({partial(2, 1)});
  world.bring_up();
  const std::vector<wire::TopologyLane> before = serving(world);
  at(world, 0, 0).paused = at(world, 1, 0).paused = true;
  world.run(seconds(1));
  REQUIRE(world.in_topology(at(world, 0, 0).id(), InstanceState::kSuspect));
  REQUIRE(world.in_topology(at(world, 1, 0).id(), InstanceState::kSuspect));
  CHECK(serving(world).empty());

  at(world, 0, 0).paused = at(world, 1, 0).paused = false;
  world.run(milliseconds(300));
  CHECK(serving(world) == before);
  CHECK(world.core().state() == FlowState::kReady);
}

TEST_CASE("shards that are only polled ANY have no lanes") {
  NodePlan any{"index", 3, 2};
  any.polling = polled(Polling::kAny);
  World world({NodePlan{"encode"}, any});

  world.bring_up();

  CHECK(world.core().lanes().empty());
  CHECK_FALSE(world["encode/rep-0"].welcome->publishes);
  CHECK_FALSE(world["gateway/0"].welcome->publishes);
}

TEST_CASE("with unequal deaths every living replica stays in a lane") {
  World world({{"index", 2, 3}});
  world.bring_up();
  CHECK(serving(world).size() == 3);

  world.kill(at(world, 0, 1));
  world.run(milliseconds(20));
  CHECK(members(serving(world)) ==
        sorted({lane_of(world, {0, 0}), lane_of(world, {0, 1}), lane_of(world, {2, 2})}));
  world.kill(at(world, 0, 2));
  world.kill(at(world, 1, 0));
  world.run(milliseconds(20));
  CHECK(members(serving(world)) == sorted({lane_of(world, {0, 1}), lane_of(world, {0, 2})}));
  for (const char* name : {"index/shard-0/rep-1", "index/shard-0/rep-2", "index/shard-1/rep-0"})
    world.worker(name);
  world.run(milliseconds(50));

  CHECK(members(serving(world)) ==
        sorted({lane_of(world, {0, 0}), lane_of(world, {1, 1}), lane_of(world, {2, 2})}));
  CHECK(world.core().state() == FlowState::kReady);
}

TEST_CASE("a lane whose member drains is planned no more, and both leave together") {
  World world({kIndex2x2});
  world.bring_up();
  Peer& gateway = world["gateway/0"];
  gateway.oldest_plan = world.core().version();
  Peer& leaving = at(world, 0, 0);

  drain(world, leaving.name);
  world.run(milliseconds(50));
  CHECK(lanes(world, InstanceState::kRetired).size() == 1);
  CHECK(members(serving(world)) == sorted({lane_of(world, {1, 0}), lane_of(world, {1, 1})}));
  CHECK(leaving.drains == 0);

  gateway.member->acknowledge(world.core().version(), world.core().version());
  world.run(milliseconds(50));
  CHECK(lanes(world, InstanceState::kRetired).empty());
  CHECK(leaving.drains == 1);
}

TEST_CASE("the status lists the lanes of a node and what they wait for") {
  World world({{"index", 2, 1}});
  world.bring_up();

  const ValueMap status = world.admin("status").value;

  const ValueMap& index = *(*status.find("executors")->if_list())[0].if_map();
  const ValueList& rows = *index.find("lanes")->if_list();
  REQUIRE(rows.size() == 1);
  const ValueMap& row = *rows[0].if_map();
  CHECK(*row.find("state") == Value("ready"));
  CHECK(*row.find("reason") == Value(""));
  CHECK(row.find("members")->if_list()->size() == 2);
}

}  // namespace
}  // namespace flow::broker
