// HASH: documents that a worker splits by id over the members of a lane.
#include <doctest/doctest.h>

#include "core.h"
#include "route/split.h"
#include "worker_fixture.h"

namespace {

using namespace flow;
using namespace flow::worker;
using namespace std::chrono_literals;
using wire::Polling;

using Texts = std::vector<std::string>;

const Texts kTexts{"a", "b", "c", "d", "e", "a"};

PartPointer planned(const Bench& bench, const Texts& texts) {
  PartPointer part = bench.part("gateway", texts);
  part->header.plan[1] = {.target = kLane.value, .polling = Polling::kHash, .parts = 2};
  return part;
}

Texts of_shard(std::uint16_t shard) {
  Texts texts;
  for (const std::string& text : kTexts) {
    if (route::shard_of(text, 2) == shard) texts.push_back(text);
  }
  return texts;
}

}  // namespace

TEST_CASE("each member of the lane is sent the documents of its shard") {
  Bench bench(sharded_graph(), "first");
  bench.feed(planned(bench, kTexts));
  CHECK(bench.port.published.empty());
  REQUIRE(bench.port.sent.size() == 2);
  CHECK(bench.port.sent[0].to == InstanceId{2});
  CHECK(bench.port.sent[1].to == InstanceId{9});
  CHECK(bench.port.sent[0].header.target == 2);
  CHECK(bench.port.sent[1].header.target == 9);
  CHECK(bench.port.sent[0].texts == of_shard(0));
  CHECK(bench.port.sent[1].texts == of_shard(1));
}

TEST_CASE("members without documents are sent a part, so that their successors can go on") {
  Bench bench(sharded_graph(), "first");
  bench.feed(planned(bench, {}));
  REQUIRE(bench.port.sent.size() == 2);
  CHECK(bench.port.sent[0].payload.empty());
  CHECK(bench.port.sent[1].payload.empty());
}

TEST_CASE("a failure goes to every member with the documents it has") {
  Bench bench(sharded_graph(), "first");
  bench.execution.handler = [](Contents&) { return Error{Errc::kExecutorError, "no"}; };
  bench.feed(planned(bench, {"a", "b", "c"}));
  REQUIRE(bench.port.sent.size() == 2);
  for (const SentPart& sent : bench.port.sent) {
    REQUIRE(sent.header.failure != nullptr);
    CHECK(sent.header.failure->executor == "first");
    CHECK(sent.texts == Texts{"a", "b", "c"});
  }
}

TEST_CASE("documents that cannot be read fail where they would have gone") {
  Bench bench(sharded_graph(), "first");
  PartPointer part = planned(bench, {});
  part->header.plan[0].mode = wire::PlanMode::kPassOver;
  part->payload = Bytes::copy_of("no list");
  bench.feed(std::move(part));
  REQUIRE(bench.port.sent.size() == 2);
  for (const SentPart& sent : bench.port.sent) {
    REQUIRE(sent.header.failure != nullptr);
    CHECK(sent.header.failure->code == Errc::kInvalidArgument);
    CHECK(sent.header.failure->executor == "index");
    CHECK(sent.payload.empty());
  }
}

TEST_CASE("a lane of a newer topology is waited for, and then the documents are split") {
  auto older = sharded_graph();
  older->lanes.clear();
  Bench bench(older, "first");
  PartPointer part = planned(bench, kTexts);
  part->header.topology_version = 2;
  bench.feed(std::move(part));
  CHECK(bench.port.sent.empty());

  bench.core.set_topology(sharded_graph(2), at(1ms));

  REQUIRE(bench.port.sent.size() == 2);
  CHECK(bench.port.sent[0].texts == of_shard(0));
  CHECK(bench.port.sent[1].texts == of_shard(1));
}

TEST_CASE("a member that left, and a lane that never was, are nobody: dropped and counted") {
  auto topology = sharded_graph();
  std::erase_if(topology->instances, [](const auto& each) { return each.id == InstanceId{9}; });
  Bench bench(topology, "first");
  bench.feed(planned(bench, kTexts));
  REQUIRE(bench.port.sent.size() == 1);
  CHECK(bench.core.counters().no_peer == 1);

  PartPointer wrong = planned(bench, kTexts);
  wrong->header.request.sequence = 77;
  wrong->header.plan[1].target = 2;  // an instance, said to be a lane
  bench.feed(std::move(wrong));
  CHECK(bench.port.sent.size() == 1);
  CHECK(bench.core.counters().no_peer == 2);
}

TEST_CASE("a member takes what is sent to it, and its shard's part meets the others behind it") {
  Bench index(sharded_graph(), "index");
  PartPointer own = index.part("first", {"x"});
  own->header.plan[1] = {.target = kLane.value, .polling = Polling::kHash, .parts = 2};
  index.feed(std::move(own));
  CHECK(index.execution.runs == 1);

  Bench last(sharded_graph(), "last");
  for (const std::uint16_t shard : {1, 0}) {
    PartPointer part = last.part("index", of_shard(shard));
    part->header.source_shard = shard;
    part->header.plan[1] = {.target = kLane.value, .polling = Polling::kHash, .parts = 2};
    last.feed(std::move(part));
  }
  CHECK(last.execution.runs == 1);
  CHECK(last.port.sent.at(0).texts.size() == 5);
  CHECK(last.port.sent.at(0).texts.front() == of_shard(0).front());
}

TEST_CASE("every replica of a group gets the documents of its shard, and says which it is") {
  auto topology = sharded_graph();
  topology->nodes[1].replicas = 2;
  wire::TopologyInstance second = topology->instances[1];
  second.id = InstanceId{12};
  second.replica = 1;
  second.state = wire::InstanceState::kBehind;
  topology->instances.push_back(second);
  topology->groups.push_back({InstanceId{60},
                              NodeIndex{1},
                              wire::InstanceState::kServing,
                              {InstanceId{2}, InstanceId{12}, InstanceId{9}, InstanceId{}}});
  Bench bench(topology, "first");
  PartPointer part = planned(bench, kTexts);
  part->header.plan[1] = {.target = 60, .polling = Polling::kHash, .parts = 3};
  bench.feed(std::move(part));
  REQUIRE(bench.port.sent.size() == 3);
  CHECK(bench.port.sent[0].to == InstanceId{2});
  CHECK(bench.port.sent[1].to == InstanceId{12});
  CHECK(bench.port.sent[2].to == InstanceId{9});
  CHECK(bench.port.sent[0].texts == of_shard(0));
  CHECK(bench.port.sent[1].texts == of_shard(0));
  CHECK(bench.port.sent[2].texts == of_shard(1));
  CHECK(bench.port.sent[1].header.target == 12);
}
