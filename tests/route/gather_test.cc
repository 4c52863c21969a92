#include "route/gather.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <utility>

namespace {

using namespace flow;
using namespace std::chrono_literals;
using route::GatherTable;
using route::PartPointer;
using Outcome = GatherTable::Outcome;

constexpr NodeIndex kA{0};
constexpr NodeIndex kB{1};

Instant at(Duration time) {
  return Instant(time);
}

struct Spec {
  NodeIndex from;
  std::uint16_t shard = 0;
  std::uint16_t attempt = 1;
  std::uint64_t sequence = 1;
  std::string payload = {};
  std::uint32_t gateway = 9;
};

// Plans where node a sends `of_a` parts and node b `of_b`.
struct Join {
  std::vector<NodeIndex> needs = {kA, kB};
  std::uint16_t of_a = 1;
  std::uint16_t of_b = 1;

  PartPointer part(const Spec& spec) const {
    auto part = std::make_unique<wire::Part>();
    wire::PartHeader& header = part->header;
    header.request = {.gateway = {spec.gateway}, .sequence = spec.sequence};
    header.attempt = spec.attempt;
    header.source = spec.from;
    header.source_shard = spec.shard;
    header.plan.resize(2);
    header.plan[0] = {.target = 5, .polling = wire::Polling::kAll, .parts = of_a};
    header.plan[1] = {.target = 6, .polling = wire::Polling::kAll, .parts = of_b};
    part->payload = Bytes::copy_of(spec.payload);
    return part;
  }
};

std::vector<std::pair<int, int>> origins(const std::vector<PartPointer>& parts) {
  std::vector<std::pair<int, int>> origins;
  for (const PartPointer& part : parts)
    origins.emplace_back(part->header.source.value, part->header.source_shard);
  return origins;
}

}  // namespace

TEST_CASE("a request is complete with its last part, in declared order") {
  const Join join{.needs = {kB, kGatewayNode, kA}};
  GatherTable table;
  route::Joined joined;

  CHECK(table.add(join.part({kA}), join.needs, at(1s), joined) == Outcome::kWaiting);
  CHECK(table.add(join.part({kGatewayNode}), join.needs, at(1s), joined) == Outcome::kWaiting);
  CHECK(table.open() == 1);
  CHECK(table.add(join.part({kB}), join.needs, at(1s), joined) == Outcome::kComplete);

  const int gateway = kGatewayNode.value;
  CHECK(origins(joined.parts) == std::vector<std::pair<int, int>>{{1, 0}, {gateway, 0}, {0, 0}});
  CHECK(table.open() == 0);
  CHECK(table.next_deadline() == kNever);
}

TEST_CASE("shards come in ascending order behind their need") {
  const Join join{.of_a = 3, .of_b = 2};
  GatherTable table;
  route::Joined joined;
  for (const auto& [node, shard] : {std::pair{kB, 1}, {kA, 2}, {kA, 0}, {kB, 0}}) {
    auto part = join.part({node, static_cast<std::uint16_t>(shard)});
    CHECK(table.add(std::move(part), join.needs, at(1s), joined) == Outcome::kWaiting);
  }

  CHECK(table.add(join.part({kA, 1}), join.needs, at(1s), joined) == Outcome::kComplete);

  const std::vector<std::pair<int, int>> expected = {{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}};
  CHECK(origins(joined.parts) == expected);
}

TEST_CASE("a need that sends one part may send it from any shard") {
  const Join join;
  GatherTable table;
  route::Joined joined;
  CHECK(table.add(join.part({kA, 7}), join.needs, at(1s), joined) == Outcome::kWaiting);

  CHECK(table.add(join.part({kA, 3}), join.needs, at(1s), joined) == Outcome::kDuplicate);
  CHECK(table.add(join.part({kB, 2}), join.needs, at(1s), joined) == Outcome::kComplete);

  CHECK(origins(joined.parts) == std::vector<std::pair<int, int>>{{0, 7}, {1, 2}});
  CHECK(table.counters().duplicate == 1);
}

TEST_CASE("the same shard twice is a duplicate and counted") {
  const Join join{.of_a = 2};
  GatherTable table;
  route::Joined joined;
  CHECK(table.add(join.part({kA, 1}), join.needs, at(1s), joined) == Outcome::kWaiting);

  CHECK(table.add(join.part({kA, 1}), join.needs, at(1s), joined) == Outcome::kDuplicate);

  CHECK(table.counters().duplicate == 1);
  CHECK(table.open() == 1);
}

TEST_CASE("a higher attempt ends the older one, whose late parts are dropped") {
  const Join join;
  GatherTable table;
  route::Joined joined;
  auto first = join.part({.from = kA, .attempt = 1, .payload = "old"});
  CHECK(table.add(std::move(first), join.needs, at(1s), joined) == Outcome::kWaiting);
  auto second = join.part({.from = kB, .attempt = 2, .payload = "new"});
  CHECK(table.add(std::move(second), join.needs, at(1s), joined) == Outcome::kWaiting);

  auto late = join.part({.from = kB, .attempt = 1});
  CHECK(table.add(std::move(late), join.needs, at(1s), joined) == Outcome::kStale);
  auto last = join.part({.from = kA, .attempt = 2});
  CHECK(table.add(std::move(last), join.needs, at(1s), joined) == Outcome::kComplete);

  CHECK(joined.parts.size() == 2);
  CHECK(joined.parts[0]->header.attempt == 2);
  CHECK(joined.parts[1]->payload.text() == "new");
  CHECK(table.counters().superseded == 1);
  CHECK(table.counters().stale == 1);
  CHECK(table.bytes() == 0);
}

TEST_CASE("a part of a node the plan does not expect is refused") {
  const Join join{.of_b = 0};
  GatherTable table;
  route::Joined joined;

  CHECK(table.add(join.part({kB}), join.needs, at(1s), joined) == Outcome::kUnexpected);
  CHECK(table.add(join.part({NodeIndex{7}}), join.needs, at(1s), joined) == Outcome::kUnexpected);

  CHECK(table.counters().unexpected == 2);
  CHECK(table.open() == 0);
}

TEST_CASE("a need the request does not reach is not waited for") {
  const Join join;
  PartPointer part = join.part({kA});
  part->header.plan[1].target = 0;
  GatherTable table;
  route::Joined joined;

  CHECK(route::expected_parts(join.needs, part->header.plan) == 1);
  CHECK(table.add(std::move(part), join.needs, at(1s), joined) == Outcome::kComplete);
}

TEST_CASE("a full table refuses the newest and keeps what it has") {
  const Join join;
  GatherTable table({.open = 1, .bytes = 10});
  route::Joined joined;
  auto first = join.part({.from = kA, .payload = "123456"});
  CHECK(table.add(std::move(first), join.needs, at(1s), joined) == Outcome::kWaiting);

  auto other = join.part({.from = kA, .sequence = 2});
  CHECK(table.add(std::move(other), join.needs, at(1s), joined) == Outcome::kRefused);
  auto last = join.part({.from = kB, .payload = "1234"});
  CHECK(table.add(std::move(last), join.needs, at(1s), joined) == Outcome::kComplete);

  CHECK(table.counters().refused == 1);
  CHECK(table.bytes() == 0);
}

TEST_CASE("a part too large for the table goes on as a failure, so that its request ends at once") {
  const Join join;
  GatherTable table({.open = 1, .bytes = 10});
  route::Joined joined;
  auto first = join.part({.from = kA, .payload = "123456"});
  CHECK(table.add(std::move(first), join.needs, at(1s), joined) == Outcome::kWaiting);
  auto large = join.part({.from = kB, .payload = "12345"});
  REQUIRE(table.add(std::move(large), join.needs, at(1s), joined) == Outcome::kComplete);

  REQUIRE(joined.parts[1]->header.failure != nullptr);
  CHECK(joined.parts[1]->header.failure->code == Errc::kOverloaded);
  CHECK(joined.parts[1]->payload.empty());
  CHECK(table.counters().refused == 1);
}

TEST_CASE("a request expires at the earliest deadline of its parts") {
  const Join join{.of_a = 2};
  GatherTable table;
  route::Joined joined;
  CHECK(table.add(join.part({kA, 0}), join.needs, at(50ms), joined) == Outcome::kWaiting);
  CHECK(table.add(join.part({kA, 1}), join.needs, at(40ms), joined) == Outcome::kWaiting);
  auto other = join.part({.from = kA, .sequence = 2});
  CHECK(table.add(std::move(other), join.needs, at(90ms), joined) == Outcome::kWaiting);
  CHECK(table.next_deadline() == at(40ms));

  CHECK(table.expire(at(39ms)) == 0);
  CHECK(table.expire(at(40ms)) == 1);

  CHECK(table.counters().expired == 2);
  CHECK(table.open() == 1);
  CHECK(table.next_deadline() == at(90ms));
}

TEST_CASE("what belongs to a gateway that left is dropped") {
  const Join join;
  GatherTable table;
  route::Joined joined;
  for (const std::uint32_t gateway : {9U, 10U}) {
    auto part = join.part({.from = kA, .payload = "xyz", .gateway = gateway});
    CHECK(table.add(std::move(part), join.needs, at(1s), joined) == Outcome::kWaiting);
  }

  const std::vector<InstanceId> alive = {InstanceId{10}};
  CHECK(table.keep_gateways(alive) == 1);

  CHECK(table.open() == 1);
  CHECK(table.bytes() == 3);
  CHECK(table.counters().orphaned == 1);
  CHECK(table.keep_gateways({}) == 1);
  CHECK(table.open() == 0);
}

TEST_CASE("a complete request has the earliest deadline of its parts") {
  const Join join;
  GatherTable table;
  route::Joined joined;
  CHECK(table.add(join.part({kA}), join.needs, at(40ms), joined) == Outcome::kWaiting);

  CHECK(table.add(join.part({kB}), join.needs, at(90ms), joined) == Outcome::kComplete);

  CHECK(joined.deadline == at(40ms));
}

namespace {

// Node a polled ALL_ASYNC with `shards` shards; what waits behind it has no other need.
struct Race {
  std::uint16_t shards = 3;
  std::vector<NodeIndex> needs = {kA};

  PartPointer part(std::uint16_t shard, bool fails = false, const Spec& spec = {.from = kA}) const {
    PartPointer part = Join{.of_a = shards}.part(spec);
    part->header.source_shard = shard;
    part->header.plan[0].polling = wire::Polling::kAllAsync;
    if (fails) {
      part->header.failure = std::make_unique<wire::Failure>(
          wire::Failure{Errc::kExecutorError, std::to_string(shard), "a", "a/rep-0"});
    }
    return part;
  }
};

}  // namespace

TEST_CASE("the first success of an ALL_ASYNC need goes on, the others are late") {
  const Race race;
  GatherTable table;
  route::Joined joined;
  CHECK(table.add(race.part(2, true), race.needs, at(1s), joined) == Outcome::kWaiting);

  CHECK(table.add(race.part(1), race.needs, at(1s), joined) == Outcome::kComplete);
  REQUIRE(joined.parts.size() == 1);
  CHECK(joined.parts[0]->header.source_shard == 1);
  CHECK(table.open() == 0);
  CHECK(table.bytes() == 0);
  CHECK(table.remembered() == 1);

  CHECK(table.add(race.part(0), race.needs, at(1s), joined) == Outcome::kLate);
  CHECK(table.remembered() == 0);
  CHECK(table.counters().late == 2);
}

TEST_CASE("an ALL_ASYNC need whose parts all failed has the first by shard") {
  const Race race;
  GatherTable table;
  route::Joined joined;
  CHECK(table.add(race.part(2, true), race.needs, at(1s), joined) == Outcome::kWaiting);
  CHECK(table.add(race.part(0, true), race.needs, at(1s), joined) == Outcome::kWaiting);

  CHECK(table.add(race.part(1, true), race.needs, at(1s), joined) == Outcome::kComplete);

  REQUIRE(joined.parts.size() == 1);
  CHECK(joined.parts[0]->header.failure->message == "0");
  CHECK(table.remembered() == 0);
  CHECK(table.bytes() == 0);
}

TEST_CASE("an ALL_ASYNC need beside another waits for that one and drops its own others") {
  const Race race{.needs = {kA, kB}};
  GatherTable table;
  route::Joined joined;
  const Spec large{.from = kA, .payload = "123456"};
  CHECK(table.add(race.part(0, false, large), race.needs, at(1s), joined) == Outcome::kWaiting);
  CHECK(table.add(race.part(1, false, large), race.needs, at(1s), joined) == Outcome::kLate);
  CHECK(table.add(race.part(1, false, large), race.needs, at(1s), joined) == Outcome::kDuplicate);
  CHECK(table.bytes() == 6);

  auto other = race.part(0, false, {.from = kB});
  CHECK(table.add(std::move(other), race.needs, at(1s), joined) == Outcome::kComplete);

  CHECK(origins(joined.parts) == std::vector<std::pair<int, int>>{{0, 0}, {1, 0}});
  CHECK(table.remembered() == 1);
  CHECK(table.add(race.part(2), race.needs, at(1s), joined) == Outcome::kLate);
  CHECK(table.remembered() == 0);
}

TEST_CASE("a higher attempt, the deadline and the gateway's end make a table forget") {
  const Race race;
  GatherTable table;
  route::Joined joined;
  CHECK(table.add(race.part(0), race.needs, at(50ms), joined) == Outcome::kComplete);
  auto again = race.part(1, false, {.from = kA, .attempt = 2});
  CHECK(table.add(std::move(again), race.needs, at(60ms), joined) == Outcome::kComplete);
  CHECK(table.add(race.part(2), race.needs, at(50ms), joined) == Outcome::kStale);
  CHECK(table.remembered() == 1);

  table.expire(at(59ms));
  CHECK(table.remembered() == 1);
  table.expire(at(60ms));
  CHECK(table.remembered() == 0);

  auto other = race.part(1, false, {.from = kA, .sequence = 2});
  CHECK(table.add(std::move(other), race.needs, at(1s), joined) == Outcome::kComplete);
  CHECK(table.keep_gateways({}) == 0);
  CHECK(table.remembered() == 0);
  CHECK(table.next_deadline() == kNever);
}

TEST_CASE("what a table remembers is bounded and counted") {
  const Race race;
  GatherTable table({.remembered = 2});
  route::Joined joined;
  for (std::uint64_t sequence = 1; sequence <= 5; ++sequence) {
    auto part = race.part(0, false, {.from = kA, .sequence = sequence});
    CHECK(table.add(std::move(part), race.needs, at(1s), joined) == Outcome::kComplete);
  }

  CHECK(table.remembered() == 2);
  CHECK(table.counters().forgotten == 3);
}

TEST_CASE("of a split need every replica of every shard is waited for, in their order") {
  Join join;
  join.of_a = 4;
  GatherTable table;
  route::Joined joined;
  const auto replica = [&join](std::uint16_t shard, std::uint16_t number) {
    PartPointer part = join.part({kA, shard});
    part->header.plan[0].polling = wire::Polling::kHash;
    part->header.source_replica = number;
    return part;
  };
  const auto add = [&](PartPointer part) {
    return table.add(std::move(part), join.needs, at(1s), joined);
  };
  CHECK(add(replica(1, 1)) == Outcome::kWaiting);
  CHECK(add(replica(0, 1)) == Outcome::kWaiting);
  CHECK(add(replica(1, 1)) == Outcome::kDuplicate);
  CHECK(add(join.part({kB})) == Outcome::kWaiting);
  CHECK(add(replica(1, 0)) == Outcome::kWaiting);
  CHECK(add(replica(0, 0)) == Outcome::kComplete);
  std::string order;
  for (const PartPointer& part : joined.parts) {
    order += std::to_string(part->header.source_shard) + "." +
             std::to_string(part->header.source_replica) + " ";
  }
  CHECK(order == "0.0 0.1 1.0 1.1 0.0 ");
  CHECK(origins(joined.parts).back().first == kB.value);
}

TEST_CASE("what is gathered next has nothing of what was gathered before") {
  const Join large{.of_a = 3, .of_b = 2};
  const Join small{};
  GatherTable table;
  route::Joined joined;
  const auto add = [&](const Join& join, const Spec& spec, Duration deadline) {
    return table.add(join.part(spec), join.needs, at(deadline), joined);
  };
  for (std::uint64_t sequence = 1; sequence < 5; ++sequence) {  // dropped when half of it is there
    CHECK(add(large, {kA, 2, 7, sequence, "12345"}, 1ms) == Outcome::kWaiting);
    CHECK(add(large, {kB, 1, 7, sequence, "678"}, 1ms) == Outcome::kWaiting);
    CHECK(table.expire(at(2ms)) == 1);
    CHECK(table.bytes() == 0);
    CHECK(table.next_deadline() == kNever);
    CHECK(add(small, {kB, 0, 1, 100 + sequence, "b"}, 50ms) == Outcome::kWaiting);
    CHECK(table.next_deadline() == at(50ms));
    CHECK(table.bytes() == 1);
    CHECK(add(small, {kA, 0, 1, 100 + sequence, "a"}, 60ms) == Outcome::kComplete);
    CHECK(origins(joined.parts) == std::vector<std::pair<int, int>>{{0, 0}, {1, 0}});
    CHECK(joined.deadline == at(50ms));
    CHECK(table.open() == 0);
  }
}
