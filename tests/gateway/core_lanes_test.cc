#include <doctest/doctest.h>

#include "core_fixture.h"

namespace {

using namespace flow;           // NOLINT: a test
using namespace gateway_tests;  // NOLINT: a test
using namespace std::chrono_literals;
using gateway::Counter;

// The same, and node 1, "behind", with instance 5 needs it and answers.
wire::Topology shards_and_one(wire::Polling polling) {
  wire::Topology topology = sharded_index(polling);
  topology.nodes.resize(2);
  topology.nodes[1].name = "behind";
  topology.nodes[1].needs = {kIndex};
  topology.sink = NodeIndex{1};
  topology.instances.push_back(instance(5, 1, 0));
  return topology;
}

// The part of one shard of the sink for the request that was sent as number `index`.
wire::Part shard_part(const Fixture& f, std::size_t index, std::uint16_t shard,
                      Bytes payload = {}) {
  wire::Part part = f.part(index, f.shape.sink, std::move(payload));
  part.header.source_shard = shard;
  return part;
}

void arrive(Fixture& f, wire::Part part, Instant now = at(1ms)) {
  f.core.on_part(std::make_unique<wire::Part>(std::move(part)), now);
  f.core.tick(now);
}

wire::Part failed(wire::Part part, const std::string& message) {
  part.header.failure =
      std::make_unique<wire::Failure>(wire::Failure{Errc::kExecutorError, message, "index", ""});
  return part;
}

}  // namespace

TEST_CASE("a request to all shards is published to a lane, once") {
  Fixture f(shards_and_one(wire::Polling::kAll));
  f.ask(7, at(0ms));
  CHECK(f.effects.sent.empty());
  REQUIRE(f.effects.published.size() == 1);
  CHECK(f.effects.published[0].to == InstanceId{50});
  CHECK(f.effects.published[0].plan[0].parts == 2);
  CHECK(f.effects.published[0].missing.empty());
  f.finish(0, at(1ms));
  CHECK(f.effects.answers.at(0).code == Errc::kOk);
}

TEST_CASE("a request whose lane lost a member is sent again on another lane") {
  Fixture f(shards_and_one(wire::Polling::kAll));
  f.ask(7, at(0ms));
  f.report(1, 0, true, at(1ms));
  f.lose(3, at(2ms));
  CHECK(f.effects.published.size() == 1);
  f.core.tick(at(30ms));
  REQUIRE(f.effects.published.size() == 2);
  CHECK(f.effects.published[1].to == InstanceId{51});
  CHECK(f.effects.published[1].attempt == 2);
}

TEST_CASE("a request that got past its lane does not mind the death of a member") {
  Fixture f(shards_and_one(wire::Polling::kAll));
  f.ask(7, at(0ms));
  f.report(5, 0, false, at(1ms));
  f.lose(3, at(2ms));
  f.core.tick(at(50ms));
  CHECK(f.effects.published.size() == 1);
}

TEST_CASE("without a whole lane requests wait, then fail and name the shard") {
  Fixture f(shards_and_one(wire::Polling::kAll));
  f.lose(3, at(0ms));
  f.lose(4, at(0ms));
  f.ask(7, at(10ms));
  f.core.tick(at(900ms));
  CHECK(f.effects.answers.empty());
  f.core.tick(at(1100ms));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kUnavailable);
  CHECK(f.effects.answers[0].executor == "index");
  CHECK(f.effects.answers[0].message ==
        "executor 'index': shard 1 has no live instance; tried "
        "index/shard-1/rep-0 (ipc:///d3), index/shard-1/rep-1 (ipc:///d4)");
  CHECK(f.core.in_flight() == 0);
}

TEST_CASE("requests wait for a lane as long as all shards live") {
  wire::Topology topology = shards_and_one(wire::Polling::kAll);
  topology.lanes[0].state = topology.lanes[1].state = wire::InstanceState::kStarting;
  Fixture f(topology);
  f.ask(7, at(10ms));
  f.core.tick(at(5s));
  CHECK(f.effects.answers.empty());
  CHECK(f.effects.published.empty());
}

TEST_CASE("two shards that die with a request are one try of it") {
  Fixture f(shards_and_one(wire::Polling::kAll));
  f.ask(7, at(0ms));
  f.report(1, 0, false, at(1ms));
  f.report(3, 0, false, at(1ms));
  f.lose(1, at(2ms));
  f.lose(3, at(3ms));
  f.core.tick(at(50ms));
  CHECK(f.effects.answers.empty());
  REQUIRE(f.effects.published.size() == 2);
  CHECK(f.effects.published[1].to == InstanceId{51});
}

TEST_CASE("a shard that runs out of time ends no request that others may answer") {
  wire::Topology topology = shards_and_one(wire::Polling::kAllAsync);
  bool ends = false;
  SUBCASE("the first success goes on") {}
  SUBCASE("shards may be missing") {
    topology.nodes[0].polling = {{"*", wire::Polling::kAll}};
    topology.nodes[0].allow_partial = true;
  }
  SUBCASE("all are needed") {
    topology.nodes[0].polling = {{"*", wire::Polling::kAll}};
    ends = true;
  }
  Fixture f(topology);
  f.ask(7, at(0ms));
  wire::Part late = failed(f.part(0, kIndex, {}), "out of time");
  late.header.plan.clear();
  arrive(f, std::move(late));
  CHECK(f.effects.answers.size() == (ends ? 1 : 0));
}

TEST_CASE("a shard of the sink that runs out of time is one that failed") {
  wire::Topology topology = sharded_index(wire::Polling::kAll);
  topology.nodes[0].allow_partial = true;
  Fixture f(topology);
  f.ask(7, at(0ms));
  wire::Part late = failed(shard_part(f, 0, 0), "out of time");
  late.header.plan.clear();
  arrive(f, std::move(late));
  CHECK(f.effects.answers.empty());
  arrive(f, shard_part(f, 0, 1, documents({{"b", ""}})));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].missing == "index:0");
}

TEST_CASE("what stands behind a lane is due when all of its members have finished") {
  Fixture f(shards_and_one(wire::Polling::kAll));
  f.ask(7, at(0ms));
  f.report(1, 0, true, at(1ms));
  f.report(3, 0, false, at(1ms));
  f.core.tick(at(900ms));
  CHECK(f.effects.suspects.empty());
  f.report(3, 0, true, at(1000ms));
  f.core.tick(at(1600ms));
  REQUIRE(f.effects.suspects.size() == 1);
  CHECK(f.effects.suspects[0] == InstanceId{5});
}

TEST_CASE("a member that never receives what was published is passed by") {
  Fixture f(shards_and_one(wire::Polling::kAll));
  f.ask(7, at(0ms));
  f.report(1, 0, false, at(1ms));
  f.core.tick(at(700ms));
  REQUIRE(f.effects.suspects.size() == 1);
  CHECK(f.effects.suspects[0] == InstanceId{3});
  REQUIRE(f.effects.published.size() == 2);
  CHECK(f.effects.published[1].to == InstanceId{51});
}

TEST_CASE("where the first shard wins, a silent member matters to nobody") {
  Fixture f(shards_and_one(wire::Polling::kAllAsync));
  f.ask(7, at(0ms));
  f.report(1, 0, false, at(1ms));
  f.core.tick(at(700ms));
  CHECK(f.effects.suspects.empty());
  CHECK(f.effects.published.size() == 1);
  f.finish(0, at(800ms));
  CHECK(f.effects.answers.at(0).code == Errc::kOk);
}

TEST_CASE("where the first shard wins, the others are drained too") {
  Fixture f(shards_and_one(wire::Polling::kAllAsync));
  f.ask(7, at(0ms));
  f.report(1, 0, true, at(1ms));
  f.finish(0, at(2ms));
  CHECK(f.effects.answers.size() == 1);
  f.core.drain();
  CHECK_FALSE(f.core.drained());
  f.report(3, 0, true, at(900ms));
  CHECK(f.core.drained());
}

TEST_CASE("where the first shard wins, a slow one holds up no further requests") {
  Fixture f(shards_and_one(wire::Polling::kAllAsync));
  f.shape.lanes.pop_back();
  ++f.shape.version;
  f.core.on_topology(std::make_shared<const wire::Topology>(f.shape), at(0ms));
  for (std::size_t i = 0; i < 20; ++i) {
    f.ask(i, at(0ms));
    REQUIRE(f.effects.published.size() == i + 1);
    f.report(1, i, true, at(1ms));
    f.finish(i, at(2ms));
  }
  CHECK(f.effects.answers.size() == 20);
}

TEST_CASE("the parts of the sink's shards are reduced in their order, whatever came first") {
  Fixture f(sharded_index(wire::Polling::kAll));
  f.ask(7, at(0ms));
  std::vector<wire::Part> parts;
  parts.push_back(shard_part(f, 0, 0, documents({{"a", "0"}, {"b", "0"}})));
  parts.push_back(shard_part(f, 0, 1, documents({{"c", "1"}, {"a", "1"}})));
  parts[0].header.hops = {{.instance = 1, .node = 0}};
  parts[1].header.hops = {{.instance = 3, .node = 0}};
  SUBCASE("in order") {}
  SUBCASE("the other way round") {
    std::swap(parts[0], parts[1]);
  }
  arrive(f, std::move(parts[0]));
  CHECK(f.effects.answers.empty());
  arrive(f, std::move(parts[1]));
  REQUIRE(f.effects.answers.size() == 1);
  const FakeEffects::Answer& answer = f.effects.answers[0];
  CHECK(answer.code == Errc::kOk);
  CHECK(ids_of(answer.payload) == "a b c");
  CHECK((*wire::DocumentList::open(answer.payload))[0].text() == "0");
  REQUIRE(answer.hops.size() == 2);
  CHECK(answer.hops[0].instance == "index/shard-0/rep-0");
  CHECK(answer.hops[1].instance == "index/shard-1/rep-0");
  f.core.drain();
  CHECK(f.core.drained());
}

TEST_CASE("the parts of a sink that does not reduce are put one after the other") {
  wire::Topology topology = sharded_index(wire::Polling::kAll);
  topology.nodes[0].no_reduce = true;
  Fixture f(topology);
  f.ask(7, at(0ms));
  arrive(f, shard_part(f, 0, 1, documents({{"a", "1"}})));
  arrive(f, shard_part(f, 0, 0, documents({{"a", "0"}})));
  CHECK(ids_of(f.effects.answers.at(0).payload) == "a a");
}

TEST_CASE("of the shards that failed the first in order is reported, whichever failed first") {
  Fixture f(sharded_index(wire::Polling::kAll));
  f.ask(7, at(0ms));
  arrive(f, failed(shard_part(f, 0, 1), "one"));
  CHECK(f.effects.answers.empty());
  arrive(f, failed(shard_part(f, 0, 0), "zero"));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kExecutorError);
  CHECK(f.effects.answers[0].message == "zero");
}

TEST_CASE("with allow_partial the sink answers without the shards that failed and names them") {
  wire::Topology topology = sharded_index(wire::Polling::kAll);
  topology.nodes[0].allow_partial = true;
  Fixture f(topology);
  f.ask(7, at(0ms));
  arrive(f, failed(shard_part(f, 0, 0), "zero"));
  arrive(f, shard_part(f, 0, 1, documents({{"b", ""}})));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kOk);
  CHECK(f.effects.answers[0].missing == "index:0");
  CHECK(ids_of(f.effects.answers[0].payload) == "b");
}

TEST_CASE("with allow_partial a lane without a shard answers, and the shard is named once") {
  wire::Topology topology = sharded_index(wire::Polling::kAll);
  topology.nodes[0].allow_partial = true;
  topology.lanes.pop_back();
  topology.lanes[0].members[0] = {};
  Fixture f(topology);
  f.ask(7, at(0ms));
  REQUIRE(f.effects.published.size() == 1);
  CHECK(f.effects.published[0].plan[0].parts == 1);
  CHECK(f.effects.published[0].missing == std::vector<wire::MissingPart>{{0, 0}});
  arrive(f, shard_part(f, 0, 1, documents({{"b", ""}})));
  CHECK(f.effects.answers.at(0).missing == "index:0");
}

TEST_CASE("shards that no answer waits for are missed by nobody") {
  wire::Topology topology = shards_and_one(wire::Polling::kAll);
  topology.nodes[0].allow_partial = true;
  topology.nodes[1].needs = {kGatewayNode};
  topology.lanes.pop_back();
  topology.lanes[0].members[0] = {};
  Fixture f(topology);
  f.ask(7, at(0ms));
  REQUIRE(f.effects.published.size() == 1);
  CHECK(f.effects.published[0].missing.empty());
}

TEST_CASE("the first shard of the sink that succeeds answers where the first wins") {
  Fixture f(sharded_index(wire::Polling::kAllAsync));
  f.ask(7, at(0ms));
  arrive(f, failed(shard_part(f, 0, 0), "zero"));
  CHECK(f.effects.answers.empty());
  arrive(f, shard_part(f, 0, 1, documents({{"b", ""}})));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kOk);
  f.ask(8, at(2ms));
  arrive(f, shard_part(f, 1, 1, documents({{"b", ""}})));
  CHECK(f.effects.answers.size() == 2);
  arrive(f, shard_part(f, 1, 0, documents({{"a", ""}})));
  CHECK(f.effects.answers.size() == 2);
  CHECK(f.core.counters()[Counter::kLateParts] == 1);
}

TEST_CASE("a sink's member may die when its part is here") {
  Fixture f(sharded_index(wire::Polling::kAll));
  f.ask(7, at(0ms));
  arrive(f, shard_part(f, 0, 0, documents({{"a", ""}})));
  f.lose(1, at(2ms));
  f.core.tick(at(50ms));
  CHECK(f.effects.published.size() == 1);
  arrive(f, shard_part(f, 0, 1), at(51ms));
  CHECK(f.effects.answers.at(0).attempts == 1);
}

TEST_CASE("parts of different attempts are never put together") {
  Fixture f(sharded_index(wire::Polling::kAll));
  f.ask(7, at(0ms));
  arrive(f, shard_part(f, 0, 0, documents({{"old", ""}})));
  f.lose(3, at(2ms));
  f.core.tick(at(50ms));
  REQUIRE(f.effects.published.size() == 2);
  arrive(f, shard_part(f, 1, 1, documents({{"b", ""}})), at(51ms));
  CHECK(f.effects.answers.empty());
  arrive(f, shard_part(f, 1, 0, documents({{"a", ""}})), at(52ms));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(ids_of(f.effects.answers[0].payload) == "a b");
  CHECK(f.effects.answers[0].attempts == 2);
}

TEST_CASE("a request that waits for a shard at its deadline names it") {
  Fixture f(sharded_index(wire::Polling::kAll));
  f.ask(7, at(0ms), 50ms);
  f.report(1, 0, true, at(1ms));
  arrive(f, shard_part(f, 0, 0, documents({{"a", ""}})));
  f.report(3, 0, false, at(2ms));
  f.core.tick(at(70ms));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kDeadlineExceeded);
  CHECK(f.effects.answers[0].message ==
        "no answer within 50 ms; waiting for index/shard-1/rep-0 (received, not finished)");
}

TEST_CASE("executors behind shards are asked again on the shard of the first attempt") {
  wire::Topology topology = shards_and_one(wire::Polling::kAny);
  Fixture f(topology);
  f.ask(7, at(0ms));
  REQUIRE(f.effects.sent.size() == 1);
  CHECK(f.effects.sent[0].to == InstanceId{1});
  f.lose(1, at(1ms));
  f.core.tick(at(50ms));
  REQUIRE(f.effects.sent.size() == 2);
  CHECK(f.effects.sent[1].to == InstanceId{2});
}

TEST_CASE("a request that waits for its shard does not hold up others") {
  wire::Topology topology = shards_and_one(wire::Polling::kAny);
  std::erase_if(topology.instances, [](const auto& i) { return i.id.value == 2; });
  Fixture f(topology);
  f.ask(7, at(0ms));
  CHECK(f.effects.sent.at(0).to == InstanceId{1});
  f.lose(1, at(1ms));
  f.core.tick(at(50ms));
  CHECK(f.effects.sent.size() == 1);
  f.ask(8, at(51ms));
  REQUIRE(f.effects.sent.size() == 2);
  f.finish(1, at(60ms));
  CHECK(f.effects.answers.at(0).id == 8);
  f.core.tick(at(1100ms));
  REQUIRE(f.effects.answers.size() == 2);
  CHECK(f.effects.answers[1].code == Errc::kUnavailable);
  CHECK(f.effects.answers[1].message.find("shard 0 has no live instance") != std::string::npos);
  CHECK(f.core.in_flight() == 0);
}

TEST_CASE("what may run only once is not repeated when one shard may have run it") {
  wire::Topology topology = shards_and_one(wire::Polling::kAll);
  topology.nodes.resize(3);
  topology.nodes[2].name = "before";
  topology.nodes[2].needs = {kGatewayNode};
  topology.nodes[0].needs = {NodeIndex{2}};
  topology.nodes[0].effects = {{"*", "once"}};
  topology.instances.push_back(instance(6, 2, 0));
  SUBCASE("no member has it") {
    Fixture f(topology);
    f.ask(7, at(0ms));
    f.lose(3, at(1ms));
    f.core.tick(at(50ms));
    CHECK(f.effects.answers.empty());
    CHECK(f.effects.sent.size() == 2);
  }
  SUBCASE("one member has it") {
    Fixture f(topology);
    f.ask(7, at(0ms));
    f.report(1, 0, false, at(1ms));
    f.lose(3, at(1ms));
    f.core.tick(at(50ms));
    CHECK(f.effects.answers.at(0).code == Errc::kUnknownOutcome);
  }
}
