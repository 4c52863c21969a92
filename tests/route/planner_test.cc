#include "route/planner.h"

#include <doctest/doctest.h>

#include <set>

#include "planner_fixture.h"

namespace {

using namespace flow;         // NOLINT: a test
using namespace route_tests;  // NOLINT: a test
using namespace std::chrono_literals;
using route::Choice;

}  // namespace

TEST_CASE("a plan names a serving instance for every node") {
  Fixture f(chain({1, 1}));
  REQUIRE(f.plan(at(0ms)));
  REQUIRE(f.entries.size() == 2);
  CHECK(f.entries[0].target == 1);
  CHECK(f.entries[1].target == 2);
  CHECK(f.entries[0].mode == wire::PlanMode::kRun);
}

TEST_CASE("sequential requests visit every idle replica") {
  Fixture f(chain({4}));
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 4; ++i) {
    REQUIRE(f.plan(at(i * 1ms)));
    seen.insert(f.entries[0].target);
    f.complete(at(i * 1ms), 50us * (i + 1));  // measured times never tie exactly
  }
  CHECK(seen.size() == 4);
}

TEST_CASE("an idle replica is taken before a busy one that seems as quick") {
  Fixture f(chain({2}));
  REQUIRE(f.plan(at(0ms)));  // does not come back: an execution much longer than all others
  for (int i = 0; i < 3; ++i) {
    REQUIRE(f.plan(at(1ms)));
    CHECK(f.entries[0].target == 2);
    f.complete(at(1ms), 20us);
  }
}

TEST_CASE("the addresses of an executor are those of all its instances, the dead included") {
  wire::Topology topology = chain({3});
  Fixture f(topology);
  for (std::uint64_t version = 2; !topology.instances.empty(); ++version) {
    topology.version = version;
    topology.instances.pop_back();
    f.planner.update(std::make_shared<const wire::Topology>(topology));
  }
  CHECK_FALSE(f.plan(at(0ms)));
  CHECK(f.planner.describe(f.blocked) ==
        "executor 'n0' has no live instance; tried n0/rep-0 (ipc:///n0/rep-0), "
        "n0/rep-1 (ipc:///n0/rep-1), n0/rep-2 (ipc:///n0/rep-2)");
}

TEST_CASE("a slower replica gets less") {
  Fixture f(chain({2}));
  for (int i = 0; i < 8; ++i) {
    REQUIRE(f.plan(at(i * 1ms)));
    f.complete(at(i * 1ms), f.entries[0].target == 1 ? 10ms : 1ms);
  }
  int slow = 0;
  for (int i = 0; i < 6; ++i) {
    REQUIRE(f.plan(at(20ms)));
    if (f.entries[0].target == 1) ++slow;
  }
  CHECK(slow == 0);
}

TEST_CASE("a replica that was slow is tried again later, and one sample says how it is now") {
  Fixture f(chain({2}));
  const auto ask = [&f](Duration when, Duration slow) {
    REQUIRE(f.plan(at(when)));
    const bool first = f.entries[0].target == 1;
    f.complete(at(when), first ? slow : 1ms);
    return first;
  };
  for (int i = 0; i < 8; ++i)
    ask(i * 1ms, 10ms);
  Duration tried{};
  for (Duration when = 1s; when < 60s && tried == Duration{}; when += 100ms)
    if (ask(when, 10ms)) tried = when;
  CHECK(tried >= 5s);
  CHECK(tried < 40s);
  int again = 0;
  for (Duration when = tried; when < tried + 4s; when += 100ms)
    again += ask(when, 1ms) ? 1 : 0;
  CHECK(again == 0);  // still slow: one request was enough to see it
  for (Duration when = tried + 4s; when < tried + 44s; when += 100ms)
    again += ask(when, 1ms) ? 1 : 0;
  CHECK(again > 50);  // as quick as the other by now: they take turns
}

TEST_CASE("an executor whose service time is unknown takes its concurrency") {
  Fixture f(chain({1}));
  REQUIRE(f.plan(at(0ms)));
  CHECK_FALSE(f.plan(at(0ms)));
  CHECK(f.blocked.node == NodeIndex{0});
  CHECK_FALSE(f.blocked.nobody);
}

TEST_CASE("room follows what it depends on at once") {
  wire::Topology topology = chain({1});
  Fixture f(topology);
  const auto admitted = [&](Instant now) {
    int count = 0;
    while (count < 100 && f.plan(now))
      ++count;
    return count;
  };
  REQUIRE(f.plan(at(0ms)));
  f.complete(at(0ms), 11ms);
  CHECK(admitted(at(1ms)) == 3);  // 2 + (10 ms + 1 ms) / 11 ms
  topology.instances[0].concurrency = 2;
  f.switch_to(topology);
  CHECK(admitted(at(1ms)) == 3);  // twice as much
  CHECK(f.planner.remove(InstanceId{1}));
  CHECK_FALSE(f.plan(at(1ms)));
  CHECK(f.blocked.nobody);
}

TEST_CASE("work of a known endpoint does not keep an unknown one out") {
  wire::Topology topology = chain({1});
  topology.instances[0].catch_all = false;
  topology.instances[0].endpoints = {"/index", "/search"};
  Fixture f(topology);
  const auto index = f.planner.endpoint("/index");
  const auto search = f.planner.endpoint("/search");
  REQUIRE(f.planner.plan(index, 1, {}, at(0ms), f.entries, f.choices, f.blocked));
  Choice done{f.choices.all()[0].slot, f.choices.all()[0].instance};
  f.planner.complete(done, NodeIndex{0}, index, 1ms, 0, at(1ms));
  REQUIRE(f.planner.plan(index, 1, {}, at(2ms), f.entries, f.choices, f.blocked));
  CHECK(f.planner.plan(search, 1, {}, at(2ms), f.entries, f.choices, f.blocked));
}

TEST_CASE("a node that is passed over takes more than one request at once") {
  wire::Topology topology = chain({1});
  topology.instances[0].catch_all = false;
  topology.instances[0].endpoints = {"/index"};
  Fixture f(topology);
  for (int i = 0; i < 100; ++i)
    CHECK(f.plan(at(0ms)));
}

TEST_CASE("windows grow along a pipeline so that it stays full") {
  Fixture f(chain({1, 1, 1, 1, 1, 1, 1, 1}));
  REQUIRE(f.plan(at(0ms)));
  f.complete(at(0ms), 5ms);
  int admitted = 0;
  while (admitted < 100 && f.plan(at(10ms)))
    ++admitted;
  // 2 + (10 ms + 1 ms) / 5 ms at the first stage is what limits.
  CHECK(admitted >= 4);
  CHECK(admitted <= 5);
}

TEST_CASE("an instance with batches has room for what fills some") {
  wire::Topology topology = chain({1});
  topology.nodes[0].batching = {{"/alone", 1, 10ms}, {"*", 16, 10ms}};
  for (const auto& [endpoint, room] : {std::pair{"/any", 4 * 16}, std::pair{"/alone", 1}}) {
    Fixture f(topology);
    int admitted = 0;
    while (admitted < 100 && f.ask(endpoint))
      ++admitted;
    CHECK(admitted == room);  // its service time is not known yet
  }
}

TEST_CASE("what waits for its batch does not keep other endpoints out") {
  wire::Topology topology = chain({1});
  topology.nodes[0].batching = {{"/encode", 32, 10ms}};
  Fixture f(topology);
  REQUIRE(f.ask("/encode"));
  for (int i = 0; i < 15; ++i)
    CHECK(f.ask("/encode"));
  CHECK(f.ask("/other"));
  CHECK_FALSE(f.ask("/other"));
  CHECK(f.ask("/encode"));
}

TEST_CASE("a request in a batch weighs its part of the execution") {
  wire::Topology topology = chain({2});
  topology.nodes[0].batching = {{"*", 10, 10ms}};
  Fixture f(topology);
  for (int i = 0; i < 2; ++i) {
    REQUIRE(f.plan(at(0ms)));
    f.complete(at(0ms), 20ms);
  }
  REQUIRE(f.plan(at(1ms)));
  CHECK(f.choices.all()[0].charge == 2ms);
}

TEST_CASE("an idle instance has room for one request, however large") {
  Fixture f(chain({1}));
  CHECK(f.plan(at(0ms), 1ULL << 30));
  f.complete(at(0ms), 1us, 1ULL << 30);
  REQUIRE(f.plan(at(1ms), 30ULL << 20));
  CHECK_FALSE(f.plan(at(1ms), 3ULL << 20));
}

TEST_CASE("a node without instances blocks, and says that nobody is there") {
  wire::Topology topology = chain({1, 1});
  topology.instances.pop_back();
  Fixture f(topology);
  CHECK_FALSE(f.plan(at(0ms)));
  CHECK(f.blocked.nobody);
  CHECK(f.blocked.node == NodeIndex{1});
}

TEST_CASE("nothing is charged by a plan that failed") {
  wire::Topology topology = chain({1, 1});
  topology.instances.pop_back();
  Fixture f(topology);
  CHECK_FALSE(f.plan(at(0ms)));
  CHECK(f.planner.find(InstanceId{1})->outstanding == 0);
  CHECK(f.choices.all().empty());
  CHECK(f.planner.find(InstanceId{1})->outstanding == 0);
}

TEST_CASE("a hanging node without instances is left out") {
  wire::Topology topology = chain({1, 1});
  topology.nodes[1].needs = {kGatewayNode};
  topology.sink = NodeIndex{0};
  topology.instances.pop_back();
  Fixture f(topology);
  REQUIRE(f.plan(at(0ms)));
  CHECK(f.entries[1].target == 0);
}

TEST_CASE("suspect and retired instances get no new plans") {
  wire::Topology topology = chain({3});
  topology.instances[0].state = wire::InstanceState::kSuspect;
  topology.instances[1].state = wire::InstanceState::kRetired;
  Fixture f(topology);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(f.plan(at(0ms)));
    CHECK(f.entries[0].target == 3);
    f.complete(at(0ms), 1us);
  }
}

TEST_CASE("an update names the instances that are gone and forgets their charges") {
  Fixture f(chain({2}));
  REQUIRE(f.plan(at(0ms)));
  Choice old = f.choices.all()[0];
  wire::Topology topology = chain({2});
  topology.version = 2;
  std::erase_if(topology.instances, [&](const auto& i) { return i.id == old.instance; });
  const auto gone = f.planner.update(std::make_shared<const wire::Topology>(topology));
  REQUIRE(gone.size() == 1);
  CHECK(gone[0] == old.instance);
  f.planner.release(old, 100);  // of a target that is gone: no effect
  CHECK(f.plan(at(1ms)));
}

TEST_CASE("a node that does not bind the endpoint is left out") {
  wire::Topology topology = chain({1, 1});
  topology.instances[0].catch_all = false;
  topology.instances[0].endpoints = {"/index"};
  Fixture f(topology);
  const auto search = f.planner.endpoint("/search");
  const auto index = f.planner.endpoint("/index");
  CHECK(search == 0);
  CHECK(index != 0);
  REQUIRE(f.planner.plan(search, 1, {}, at(0ms), f.entries, f.choices, f.blocked));
  CHECK(f.entries[0].mode == wire::PlanMode::kLeftOut);
  CHECK(f.entries[0].target == 0);
  CHECK(f.choices.of(NodeIndex{0}).empty());
  CHECK(f.entries[1].mode == wire::PlanMode::kRun);
  CHECK(f.choices.all().size() == 1);
  f.complete(at(0ms), 1us, 1);
  REQUIRE(f.planner.plan(index, 1, {}, at(0ms), f.entries, f.choices, f.blocked));
  CHECK(f.entries[0].mode == wire::PlanMode::kRun);
}

TEST_CASE("of a chain that binds nothing only the sink is asked, and passed over") {
  wire::Topology topology = chain({1, 1, 1});
  for (auto& instance : topology.instances)
    instance.catch_all = false;
  Fixture f(topology);
  REQUIRE(f.plan(at(0ms)));
  CHECK(f.entries[0].mode == wire::PlanMode::kLeftOut);
  CHECK(f.entries[1].mode == wire::PlanMode::kLeftOut);
  CHECK(f.entries[2].mode == wire::PlanMode::kPassOver);
  CHECK(f.entries[2].target == 3);
}

TEST_CASE("a sink is left out where an executor before it can answer") {
  wire::Topology topology = chain({1, 1});
  topology.instances[1].catch_all = false;
  Fixture f(topology);
  REQUIRE(f.plan(at(0ms)));
  CHECK(f.entries[0].mode == wire::PlanMode::kRun);
  CHECK(f.entries[1].mode == wire::PlanMode::kLeftOut);
}

TEST_CASE("a node is not left out where there is something to do for it") {
  wire::Topology topology = chain({1, 1, 1});  // n1 does not bind it
  topology.instances[1].catch_all = false;
  SUBCASE("a filter at its entry") {
    topology.nodes[1].when.set("tags__k", 1);
  }
  SUBCASE("a filter behind it") {
    topology.nodes[2].when.set("tags__k", 1);
  }
  SUBCASE("two needs meet there") {
    topology.nodes[1].needs = {kGatewayNode, NodeIndex{0}};
  }
  SUBCASE("what is behind it is replicated") {
    topology.nodes[2].replicate = {"/write"};
    topology.instances[2].endpoints = {"/write"};
    topology.groups = {
        {InstanceId{90}, NodeIndex{2}, wire::InstanceState::kServing, {InstanceId{3}}}};
    Fixture f(topology);
    REQUIRE(f.ask("/write"));
    CHECK(f.entries[2].polling == wire::Polling::kHash);
    CHECK(f.entries[1].mode == wire::PlanMode::kPassOver);
    return;
  }
  Fixture f(topology);
  REQUIRE(f.plan(at(0ms)));
  CHECK(f.entries[1].mode == wire::PlanMode::kPassOver);
  CHECK(f.entries[1].target == 2);
}

TEST_CASE("a node without a serving instance is not left out: what it binds may be news") {
  wire::Topology topology = chain({1, 1});
  topology.instances[0].catch_all = false;
  Fixture f(topology);
  kill(topology, 1);
  f.switch_to(topology);
  CHECK_FALSE(f.plan(at(0ms)));
  CHECK(f.blocked.nobody);
  CHECK(f.blocked.node == NodeIndex{0});
}

TEST_CASE("what an instance that is starting binds does not count yet") {
  wire::Topology topology = chain({1, 1});
  Fixture f(topology);
  topology.instances[0].catch_all = false;
  wire::TopologyInstance starting = topology.instances[1];
  starting.id = InstanceId{9};
  starting.node = NodeIndex{0};
  starting.state = wire::InstanceState::kStarting;
  topology.instances.push_back(starting);
  ++topology.version;
  f.switch_to(topology);
  REQUIRE(f.plan(at(0ms)));
  CHECK(f.entries[0].mode == wire::PlanMode::kLeftOut);
}
