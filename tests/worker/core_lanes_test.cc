// Shards: parts that come by lanes, go out by lanes and meet again.
#include <doctest/doctest.h>

#include "core.h"
#include "wire/value_codec.h"
#include "worker_fixture.h"

namespace {

using namespace flow;
using namespace flow::worker;
using namespace std::chrono_literals;
using wire::Polling;

using Texts = std::vector<std::string>;

// The part of one shard of "index", polled so.
PartPointer shard_part(const Bench& bench, std::uint16_t shard, const Texts& texts,
                       Polling polling = Polling::kAll) {
  PartPointer part = bench.part("index", texts);
  part->header.source_shard = shard;
  part->header.plan[1] = {.target = kLane.value, .polling = polling, .parts = 2};
  return part;
}

std::unique_ptr<wire::Failure> failure_of(const std::string& instance) {
  return std::make_unique<wire::Failure>(
      wire::Failure{Errc::kExecutorError, "no", "index", instance});
}

}  // namespace

TEST_CASE("a part for a lane this instance is in is taken, of another lane it is not") {
  Bench bench(sharded_graph(), "index");
  PartPointer part = bench.part("first", {"x"});
  part->header.target = kLane.value;
  bench.feed(std::move(part));
  CHECK(bench.execution.runs == 1);

  auto without = sharded_graph(2);
  without->lanes[0].id = InstanceId{51};
  bench.core.set_topology(without, at(0ms));
  PartPointer late = bench.part("first", {"x"});
  late->header.target = kLane.value;
  bench.feed(std::move(late));

  CHECK(bench.execution.runs == 1);
  CHECK(bench.core.counters().wrong_target == 1);
}

TEST_CASE("what the plan polls ALL is published to the lane, what it polls ANY is sent") {
  Bench bench(sharded_graph(), "first");
  for (const Polling polling : {Polling::kAll, Polling::kAllAsync}) {
    PartPointer part = bench.part("gateway", {"x"});
    part->header.plan[1] = {.target = kLane.value, .polling = polling, .parts = 2};
    bench.feed(std::move(part));
  }
  CHECK(bench.port.sent.empty());
  REQUIRE(bench.port.published.size() == 2);
  CHECK(bench.port.published[0].to == kLane);
  CHECK(bench.port.published[0].header.target == kLane.value);

  PartPointer part = bench.part("gateway", {"x"});
  part->header.plan[1].target = 9;
  bench.feed(std::move(part));

  REQUIRE(bench.port.sent.size() == 1);
  CHECK(bench.port.sent[0].to == InstanceId{9});
}

TEST_CASE("a lane of a newer topology is waited for") {
  auto older = sharded_graph();
  older->lanes.clear();
  Bench bench(older, "first");
  PartPointer part = bench.part("gateway", {"x"});
  part->header.topology_version = 2;
  part->header.plan[1] = {.target = kLane.value, .polling = Polling::kAll, .parts = 2};
  part->header.missing = {{.node = 7, .shard = 1}};
  bench.feed(std::move(part));
  CHECK(bench.port.published.empty());

  bench.core.set_topology(sharded_graph(2), at(1ms));

  REQUIRE(bench.port.published.size() == 1);
  CHECK(bench.port.published[0].texts == Texts{"x"});
  CHECK(bench.port.published[0].header.missing.size() == 1);
  CHECK(bench.port.sent.empty());
}

TEST_CASE("shards are reduced in their order, whichever came first") {
  Bench bench(sharded_graph(), "last");
  bench.feed(shard_part(bench, 1, {"both", "1"}));
  CHECK(bench.execution.runs == 0);

  bench.feed(shard_part(bench, 0, {"0", "both"}));

  CHECK(bench.execution.runs == 1);
  REQUIRE(bench.port.sent.size() == 1);
  CHECK(bench.port.sent[0].texts == Texts{"0", "both", "1"});
}

TEST_CASE("the first success of ALL_ASYNC goes on, later parts are dropped") {
  Bench bench(sharded_graph(), "last");
  PartPointer failed = shard_part(bench, 1, {}, Polling::kAllAsync);
  failed->header.failure = failure_of("index/shard-1/rep-0");
  bench.feed(std::move(failed));
  CHECK(bench.port.sent.empty());

  bench.feed(shard_part(bench, 0, {"0"}, Polling::kAllAsync));

  REQUIRE(bench.port.sent.size() == 1);
  CHECK(bench.port.sent[0].header.failure == nullptr);
  CHECK(bench.port.sent[0].texts == Texts{"0"});

  for (const std::uint16_t shard : {1, 0}) {
    PartPointer next = shard_part(bench, shard, {"x"}, Polling::kAllAsync);
    next->header.request.sequence = 2;
    bench.feed(std::move(next));
  }
  CHECK(bench.port.sent.size() == 2);
  CHECK(bench.core.gather_counters().late == 2);
  CHECK(bench.core.idle());
}

TEST_CASE("with allow_partial a failed shard is left out and named") {
  auto topology = sharded_graph();
  topology->nodes[1].allow_partial = true;
  Bench bench(topology, "last");
  PartPointer failed = shard_part(bench, 0, {"input"});
  failed->header.failure = failure_of("index/shard-0/rep-0");
  bench.feed(std::move(failed));

  bench.feed(shard_part(bench, 1, {"1"}));

  REQUIRE(bench.port.sent.size() == 1);
  CHECK(bench.port.sent[0].header.failure == nullptr);
  CHECK(bench.port.sent[0].texts == Texts{"1"});
  CHECK(bench.port.sent[0].header.missing == std::vector<wire::MissingPart>{{1, 0}});
}

TEST_CASE("with allow_partial a shard the lane does not have is named, and its bytes go through") {
  auto topology = sharded_graph();
  topology->nodes[1].allow_partial = true;
  Bench bench(topology, "last");
  PartPointer part = shard_part(bench, 1, {"1"});
  part->header.plan[1].parts = 1;
  const std::byte* bytes = part->payload.data();

  bench.feed(std::move(part));

  REQUIRE(bench.port.sent.size() == 1);
  CHECK(bench.port.sent[0].header.missing == std::vector<wire::MissingPart>{{1, 0}});
  CHECK(bench.port.sent[0].payload.data() == bytes);
}

TEST_CASE("a node that takes parts gets one a shard, named after its need") {
  auto topology = sharded_graph();
  topology->nodes[2].takes_parts = true;
  Bench bench(topology, "last");
  Texts seen;
  bench.execution.handler = [&seen](Contents& contents) -> std::optional<Error> {
    for (const SourcePart& part : **contents.matrix())
      seen.push_back(part.source + ":" + std::string(part.documents[0].text()));
    return std::nullopt;
  };

  bench.feed(shard_part(bench, 1, {"same"}));
  bench.feed(shard_part(bench, 0, {"same"}));

  CHECK(seen == Texts{"index:same", "index:same"});
  CHECK(bench.port.sent[0].texts == Texts{"same", "same"});
}

TEST_CASE("a node that takes parts and is passed over reduces them") {
  auto topology = sharded_graph();
  topology->nodes[2].takes_parts = true;
  Bench bench(topology, "last");

  for (const std::uint16_t shard : {1, 0}) {
    PartPointer part = shard_part(bench, shard, {"same"});
    part->header.plan[2].mode = wire::PlanMode::kPassOver;
    bench.feed(std::move(part));
  }

  CHECK(bench.execution.runs == 0);
  CHECK(bench.port.sent[0].texts == Texts{"same"});
}

TEST_CASE("a dictionary result goes on under the instance's name, beside those of others") {
  Bench bench(sharded_graph(), "last");
  bench.execution.results = ValueMap{{"count", 3}};
  PartPointer part = shard_part(bench, 0, {"x"});
  part->header.results = wire::encode_value({{"index/shard-0/rep-0", ValueMap{{"count", 1}}}});
  bench.feed(std::move(part));
  bench.feed(shard_part(bench, 1, {"x"}));

  REQUIRE(bench.port.sent.size() == 1);
  const ValueMap all = {{"index/shard-0/rep-0", ValueMap{{"count", 1}}},
                        {"last/rep-0", ValueMap{{"count", 3}}}};
  CHECK(*wire::decode_value(bench.port.sent[0].header.results.span()) == all);
  CHECK(bench.port.sent[0].texts == Texts{"x"});
}

TEST_CASE("dictionary results beyond what a header holds fail the request") {
  Bench bench(sharded_graph(), "last");
  bench.execution.results = ValueMap{{"long", std::string(100'000, 'x')}};
  PartPointer part = bench.part("index", {"x"});
  part->header.results = wire::encode_value({{"other", std::string(100'000, 'x')}});

  bench.feed(std::move(part));

  CHECK(bench.port.sent[0].header.failure->code == Errc::kTooLarge);
}
