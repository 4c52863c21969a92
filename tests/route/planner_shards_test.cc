#include <doctest/doctest.h>

#include <set>

#include "planner_fixture.h"

namespace {

using namespace flow;         // NOLINT: a test
using namespace route_tests;  // NOLINT: a test
using namespace std::chrono_literals;
using route::Choice;

}  // namespace

TEST_CASE("sequential requests visit every replica of every shard, whatever their endpoints") {
  Fixture f(sharded(3, 2));
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 6; ++i) {
    REQUIRE(f.ask(i % 2 == 0 ? "/index" : "/other", at(i * 1ms)));
    CHECK(f.entries[0].polling == wire::Polling::kAny);
    CHECK(f.entries[0].parts == 1);
    seen.insert(f.entries[0].target);
    f.complete(at(i * 1ms), 50us * (i + 1));
  }
  CHECK(seen.size() == 6);
}

TEST_CASE("a shard without a serving instance is passed by, and the others share its requests") {
  wire::Topology topology = sharded(3, 1);
  topology.instances[1].state = wire::InstanceState::kStarting;
  Fixture f(topology);
  std::vector<int> times(3);
  for (int i = 0; i < 6; ++i) {
    REQUIRE(f.ask("/index", at(i * 1ms)));
    ++times[f.shard()];
    f.complete(at(i * 1ms), 50us);
  }
  CHECK(times == std::vector{3, 0, 3});
}

TEST_CASE("a shard without room is passed by while another has room") {
  Fixture f(sharded(2, 1));
  CHECK(f.ask("/index"));
  CHECK(f.ask("/index"));
  CHECK(f.planner.find(InstanceId{1})->outstanding == 1);
  CHECK(f.planner.find(InstanceId{2})->outstanding == 1);
  CHECK_FALSE(f.ask("/index"));
  CHECK_FALSE(f.blocked.nobody);
}

TEST_CASE("a plan that fails takes no shard's turn") {
  wire::Topology topology = sharded(2, 1);
  topology.nodes.push_back(topology.nodes[0]);
  topology.nodes[1].name = "behind";
  topology.nodes[1].shards = 1;
  topology.nodes[1].needs = {NodeIndex{0}};
  topology.sink = NodeIndex{1};
  Fixture f(topology);
  CHECK_FALSE(f.ask("/index"));
  topology.instances.push_back(topology.instances[0]);
  topology.instances.back().id = InstanceId{9};
  topology.instances.back().node = NodeIndex{1};
  f.switch_to(topology);
  REQUIRE(f.ask("/index"));
  CHECK(f.shard() == 0);
}

TEST_CASE("a request that is planned again keeps its shard, another replica will do") {
  wire::Topology topology = sharded(2, 2);
  Fixture f(topology);
  REQUIRE(f.ask("/index"));
  const std::uint16_t shard = f.shard();
  const std::uint32_t first = f.entries[0].target;
  kill(topology, first);
  f.switch_to(topology);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(f.again("/index"));
    CHECK(f.shard() == shard);
    CHECK(f.entries[0].target != first);
    f.complete(at(0ms), 50us);
  }
  const std::uint32_t second = f.entries[0].target;
  kill(topology, second);
  f.switch_to(topology);
  CHECK_FALSE(f.again("/index"));
  CHECK(f.blocked.nobody);
  CHECK_FALSE(f.planner.has(f.blocked.node, f.blocked.lack));
  CHECK(f.planner.describe(f.blocked) ==
        "executor 'index': shard 0 has no live instance; tried "
        "index/shard-0/rep-0 (ipc:///1), index/shard-0/rep-1 (ipc:///2)");
  REQUIRE(f.ask("/index"));  // another request goes to the other shard
  CHECK(f.shard() == 1);
}

TEST_CASE("a node that is passed over takes any instance and no shard's turn") {
  wire::Topology topology = sharded(2, 1);
  for (auto& instance : topology.instances) {
    instance.catch_all = false;
    instance.endpoints = {"/index"};
  }
  Fixture f(topology);
  REQUIRE(f.ask("/search"));
  CHECK(f.entries[0].mode == wire::PlanMode::kPassOver);
  CHECK(f.entries[0].polling == wire::Polling::kAny);
  CHECK(f.entries[0].target < 100);
  f.complete(at(0ms), 1us);
  REQUIRE(f.ask("/index"));
  CHECK(f.shard() == 0);
}

// A node before or behind the sharded one, that binds nothing.
wire::Topology with_another(bool before) {
  wire::Topology topology = sharded(2, 1);
  wire::TopologyNode other;
  other.name = "other";
  other.needs = {before ? kGatewayNode : NodeIndex{0}};
  if (before) topology.nodes[0].needs = {NodeIndex{1}};
  if (!before) topology.sink = NodeIndex{1};
  topology.nodes.push_back(other);
  wire::TopologyInstance instance = topology.instances[0];
  instance.id = InstanceId{9};
  instance.node = NodeIndex{1};
  instance.shard = 0;
  instance.catch_all = false;
  topology.instances.push_back(instance);
  return topology;
}

TEST_CASE("nodes before and behind a lane are not left out, those at one shard are") {
  for (const bool before : {true, false}) {
    CAPTURE(before);
    Fixture f(with_another(before));
    REQUIRE(f.ask("/search"));
    CHECK(f.entries[0].polling == wire::Polling::kAll);
    CHECK(f.entries[1].mode == wire::PlanMode::kPassOver);
    f.complete(at(0ms), 1us);
    REQUIRE(f.ask("/index"));
    CHECK(f.entries[0].polling == wire::Polling::kAny);
    CHECK(f.entries[1].mode == wire::PlanMode::kLeftOut);
  }
}

TEST_CASE("ALL plans a lane and charges each of its members once") {
  Fixture f(sharded(3, 1));
  REQUIRE(f.ask("/search"));
  CHECK(f.entries[0].target == 100);
  CHECK(f.entries[0].polling == wire::Polling::kAll);
  CHECK(f.entries[0].parts == 3);
  REQUIRE(f.choices.of(NodeIndex{0}).size() == 3);
  for (std::uint16_t s = 0; s < 3; ++s) {
    CHECK(f.choices.of(NodeIndex{0})[s].shard == s);
    CHECK(f.planner.find(InstanceId{s + 1U})->outstanding == 1);
  }
  f.complete(at(0ms), 1ms);
  f.complete(at(0ms), 1ms);  // released already: no effect
  for (std::uint32_t id = 1; id <= 3; ++id)
    CHECK(f.planner.find(InstanceId{id})->outstanding == 0);
}

TEST_CASE("a polling is found by the exact endpoint, else by all others'") {
  wire::Topology topology = sharded(2, 1);
  topology.nodes[0].polling = {{"*", wire::Polling::kAll}, {"/one", wire::Polling::kAny}};
  Fixture f(topology);
  REQUIRE(f.ask("/one"));
  CHECK(f.entries[0].polling == wire::Polling::kAny);
  f.complete(at(0ms), 1us);
  for (const char* endpoint : {"/one/more", "/ONE", "one"}) {
    REQUIRE(f.ask(endpoint));
    CHECK(f.entries[0].polling == wire::Polling::kAll);
    f.complete(at(0ms), 1us);
  }
}

TEST_CASE("idle lanes take turns") {
  Fixture f(sharded(2, 3));
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(f.ask("/search", at(i * 1ms)));
    seen.insert(f.entries[0].target);
    f.complete(at(i * 1ms), 50us * (i + 1));
  }
  CHECK(seen.size() == 3);
}

TEST_CASE("a lane is as full as its fullest member and as slow as its slowest") {
  Fixture f(sharded(2, 2));
  const auto search = f.planner.endpoint("/search");
  const auto took = [&](std::uint32_t id, Duration service) {
    Choice choice{static_cast<std::uint32_t>(id - 1), InstanceId{id}};
    f.planner.complete(choice, NodeIndex{0}, search, service, 0, at(0ms));
  };
  took(1, 1ms);
  took(3, 50ms);  // lane 100: shard 1 is slow
  took(2, 2ms);
  took(4, 2ms);
  REQUIRE(f.ask("/search"));
  CHECK(f.entries[0].target == 101);
}

TEST_CASE("a lane with a full member has no room") {
  Fixture f(sharded(2, 1));
  REQUIRE(f.ask("/index"));  // nothing is known of its time: one at once
  CHECK_FALSE(f.ask("/search"));
  CHECK_FALSE(f.blocked.nobody);
  CHECK(f.planner.find(InstanceId{2})->outstanding == 0);
}

TEST_CASE("only whole lanes in service with all members in service are planned") {
  wire::Topology topology = sharded(2, 1);
  bool nobody = false;
  SUBCASE("the lane is not in service") {
    topology.lanes[0].state = wire::InstanceState::kStarting;
  }
  SUBCASE("the lane is retired") {
    topology.lanes[0].state = wire::InstanceState::kRetired;
  }
  SUBCASE("a member is suspect") {
    topology.instances[1].state = wire::InstanceState::kSuspect;
    nobody = true;
  }
  SUBCASE("a member is gone") {
    topology.instances.pop_back();
    nobody = true;
  }
  SUBCASE("a shard is missing") {
    topology.lanes[0].members[1] = {};
  }
  Fixture f(topology);
  CHECK_FALSE(f.ask("/search"));
  CHECK(f.blocked.nobody ==
        nobody);  // shards that all live get their lane, it is only not there yet
  CHECK(f.choices.all().empty());
}

TEST_CASE("a lane that is not there yet holds up no request whose answer does not wait for it") {
  wire::Topology topology = sharded(2, 1);
  topology.lanes[0].state = wire::InstanceState::kStarting;
  topology.sink = kGatewayNode;
  Fixture f(topology);
  CHECK(f.ask("/search"));
  CHECK(f.choices.all().empty());
}

TEST_CASE("a lane ends with a member of whom is known that it is gone") {
  Fixture f(sharded(2, 2));
  REQUIRE(f.planner.remove(InstanceId{3}));  // of lane 100
  for (int i = 0; i < 3; ++i) {
    REQUIRE(f.ask("/search", at(i * 1ms)));
    CHECK(f.entries[0].target == 101);
    f.complete(at(i * 1ms), 50us);
  }
  REQUIRE(f.planner.remove(InstanceId{4}));
  CHECK_FALSE(f.ask("/search"));
  CHECK(f.planner.describe(f.blocked) ==
        "executor 'index': shard 1 has no live instance; tried "
        "index/shard-1/rep-0 (ipc:///3), index/shard-1/rep-1 (ipc:///4)");
}

TEST_CASE(
    "a lane that misses a shard is taken by ALL_ASYNC and allow_partial, if there is no other") {
  wire::Topology topology = sharded(2, 2);
  topology.lanes[1].members[0] = {};
  Fixture f(topology);
  for (int i = 0; i < 2; ++i) {
    REQUIRE(f.ask("/first"));
    CHECK(f.entries[0].target == 100);
    f.complete(at(0ms), 50us);
  }
  topology.lanes.erase(topology.lanes.begin());
  ++topology.version;
  f.switch_to(topology);
  REQUIRE(f.ask("/first"));
  CHECK(f.entries[0].target == 101);
  CHECK(f.entries[0].parts == 1);
  CHECK(f.choices.of(NodeIndex{0}).front().shard == 1);
  f.complete(at(0ms), 50us);
  CHECK_FALSE(f.ask("/search"));
  topology.nodes[0].allow_partial = true;
  f.switch_to(topology);
  CHECK(f.ask("/search"));
}

TEST_CASE("of lanes that miss shards those are taken that miss the fewest") {
  wire::Topology topology = sharded(3, 2);
  topology.lanes[0].members = {{}, {}, InstanceId{5}};
  topology.lanes[1].members = {InstanceId{2}, {}, InstanceId{6}};
  Fixture f(topology);
  for (int i = 0; i < 2; ++i) {
    REQUIRE(f.ask("/first"));
    CHECK(f.entries[0].target == 101);
    f.complete(at(0ms), 50us);
  }
}

TEST_CASE("HASH plans a lane, and a lane that misses a shard never, not even with allow_partial") {
  wire::Topology topology = sharded(2, 1);
  topology.nodes[0].polling = {{"/index", wire::Polling::kHash}, {"*", wire::Polling::kAll}};
  topology.nodes[0].allow_partial = true;
  Fixture f(topology);
  REQUIRE(f.ask("/index"));
  CHECK(f.entries[0].target == 100);
  CHECK(f.entries[0].polling == wire::Polling::kHash);
  CHECK(f.entries[0].parts == 2);
  REQUIRE(f.choices.of(NodeIndex{0}).size() == 2);
  CHECK(f.choices.of(NodeIndex{0})[1].shard == 1);
  f.complete(at(0ms), 50us);

  kill(topology, 2);
  topology.lanes = {{InstanceId{102},
                     NodeIndex{0},
                     wire::InstanceState::kServing,
                     {InstanceId{1}, InstanceId{}}}};
  f.switch_to(topology);
  REQUIRE(f.ask("/search"));
  CHECK(f.entries[0].parts == 1);
  CHECK_FALSE(f.ask("/index"));
  CHECK(f.blocked.nobody);
  CHECK(f.planner.describe(f.blocked) ==
        "executor 'index': shard 1 has no live instance; tried index/shard-1/rep-0 (ipc:///2)");
}

namespace {

// sharded(2, 2) whose "/index" is replicated; group 200 has all four.
wire::Topology replicated(std::uint16_t shards = 2) {
  wire::Topology topology = sharded(shards, 2);
  topology.nodes[0].replicate = {"/index"};
  topology.nodes[0].polling.insert(topology.nodes[0].polling.begin(),
                                   {"/index", wire::Polling::kHash});
  wire::TopologyGroup& group = topology.groups.emplace_back();
  group.id = InstanceId{200};
  group.node = NodeIndex{0};
  for (std::uint32_t id = 1; id <= 2U * shards; ++id)
    group.members.push_back(InstanceId{id});
  return topology;
}

}  // namespace

TEST_CASE("what is replicated is planned onto a group, and charged to all its members") {
  for (const std::uint16_t shards : {1, 2}) {
    CAPTURE(shards);
    wire::Topology topology = replicated(shards);
    if (shards == 1) topology.nodes[0].polling.clear();
    topology.instances[1].state = wire::InstanceState::kBehind;
    Fixture f(topology);
    REQUIRE(f.ask("/index"));
    CHECK(f.entries[0].target == 200);
    CHECK(f.entries[0].polling == wire::Polling::kHash);
    CHECK(f.entries[0].parts == 2 * shards);
    const auto members = f.choices.of(NodeIndex{0});
    REQUIRE(members.size() == 2U * shards);
    CHECK(members[1].shard == 0);
    CHECK(members[1].replica == 1);
    for (const Choice& member : members)
      CHECK(f.planner.find(member.instance)->outstanding == 1);
    CHECK_FALSE(f.ask("/index"));  // no window is known yet: one each
    CHECK_FALSE(f.blocked.nobody);
    f.complete(at(0ms), 50us);
  }
}

TEST_CASE("a replica that is behind is planned for nothing that is not replicated") {
  wire::Topology topology = replicated(1);
  topology.nodes[0].polling.clear();
  topology.instances[0].state = wire::InstanceState::kBehind;
  Fixture f(topology);
  for (int i = 0; i < 4; ++i) {
    REQUIRE(f.ask("/search", at(i * 1ms)));
    CHECK(f.entries[0].target == 2);
    f.complete(at(i * 1ms), 50us);
  }
}

TEST_CASE("writes wait for a group of those that live, and name the shard that has nobody") {
  wire::Topology topology = replicated();
  Fixture f(topology);
  kill(topology, 1);
  f.switch_to(topology);
  CHECK_FALSE(f.ask("/index"));
  CHECK_FALSE(f.blocked.nobody);
  topology.groups[0].state = wire::InstanceState::kRetired;
  topology.groups.push_back(
      {InstanceId{201}, NodeIndex{0}, wire::InstanceState::kServing, topology.groups[0].members});
  topology.groups[1].members[0] = InstanceId{};
  f.switch_to(topology);
  REQUIRE(f.ask("/index"));
  CHECK(f.entries[0].target == 201);
  CHECK(f.entries[0].parts == 3);
  f.complete(at(0ms), 50us);
  f.planner.remove(InstanceId{2});
  CHECK_FALSE(f.ask("/index"));
  CHECK(f.blocked.nobody);
  CHECK(f.planner.describe(f.blocked).find("shard 0 has no live instance") != std::string::npos);
}
