// Requests whose instance could not reach what it stands for go elsewhere.
#include <doctest/doctest.h>

#include <algorithm>

#include "core_fixture.h"
#include "gateway/core.h"

namespace {

using namespace flow;           // NOLINT: a test
using namespace gateway_tests;  // NOLINT: a test
using namespace std::chrono_literals;
using gateway::Counter;

// The sink's part of what was sent as number `index`, failed at the instance it was sent to; with
// its hop where it was executed there.
void give_refusal(Fixture& f, std::size_t index, Errc code, bool executed, Instant now) {
  wire::Part part = f.part(index, f.shape.sink);
  const std::uint32_t id = f.sent(index).to.value;
  part.header.failure = std::make_unique<wire::Failure>(
      wire::Failure{code, "nobody at tcp://far:1", "n0", "n0/rep-" + std::to_string(id - 1)});
  if (executed) {
    wire::Hop hop;
    hop.instance = id;
    part.header.hops.push_back(hop);
  }
  f.core.on_part(std::make_unique<wire::Part>(std::move(part)), now);
}

void refuse(Fixture& f, std::size_t index, Errc code, bool executed, Instant now) {
  give_refusal(f, index, code, executed, now);
  f.core.tick(now);
}

wire::Topology declared(const std::string& effect, std::size_t node = 0) {
  wire::Topology topology = two_stages();
  topology.nodes[node].effects = {{"*", effect}};
  return topology;
}

}  // namespace

TEST_CASE("a request that an instance could not deliver starts again on another, at once") {
  Fixture f;
  f.ask(7, at(0ms));

  refuse(f, 0, Errc::kUnavailable, false, at(1ms));

  CHECK(f.effects.answers.empty());
  REQUIRE(f.effects.sent.size() == 2);
  CHECK(f.effects.sent[1].to != f.effects.sent[0].to);
  CHECK(f.effects.sent[1].attempt == 2);
  CHECK(f.core.counters()[Counter::kRedispatched] == 1);
  f.finish(1, at(2ms));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kOk);
}

TEST_CASE("what comes after it is not sent there while another serves") {
  Fixture f;
  f.ask(1, at(0ms));
  const InstanceId away = f.effects.sent[0].to;
  refuse(f, 0, Errc::kUnavailable, false, at(1ms));
  f.finish(1, at(2ms));

  for (std::uint64_t id = 2; id < 12; ++id) {
    f.ask(id, at(3ms));
    f.finish(f.effects.sent.size() - 1, at(4ms));
  }

  for (std::size_t i = 1; i < f.effects.sent.size(); ++i)
    CHECK(f.effects.sent[i].to != away);
  CHECK(f.effects.answers.size() == 11);
}

TEST_CASE("after a while it is tried with one request at a time until one succeeds") {
  wire::Topology wide = two_stages();
  for (wire::TopologyInstance& each : wide.instances)
    each.concurrency = 64;
  Fixture f(wide);
  f.ask(1, at(0ms));
  const InstanceId away = f.effects.sent[0].to;
  refuse(f, 0, Errc::kUnavailable, false, at(1ms));
  f.finish(1, at(2ms));

  for (std::uint64_t id = 2; id < 10; ++id)
    f.ask(id, at(3s));

  const auto there = [&](std::size_t from) {
    return std::count_if(f.effects.sent.begin() + static_cast<std::ptrdiff_t>(from),
                         f.effects.sent.end(), [&](const auto& sent) { return sent.to == away; });
  };
  CHECK(f.effects.sent.size() == 10);
  CHECK(there(2) == 1);
}

TEST_CASE("with nobody else the failure is the answer") {
  wire::Topology one = two_stages();
  std::erase_if(one.instances, [](const auto& i) { return i.id.value == 2; });
  Fixture f(one);
  f.ask(7, at(0ms));

  refuse(f, 0, Errc::kUnavailable, false, at(1ms));

  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kUnavailable);
  CHECK(f.effects.answers[0].message == "nobody at tcp://far:1");
  CHECK(f.effects.answers[0].attempts == 1);
  CHECK(f.core.in_flight() == 0);
}

TEST_CASE("when nobody can deliver it, each is tried once") {
  Fixture f;
  f.ask(7, at(0ms));
  refuse(f, 0, Errc::kUnavailable, false, at(1ms));
  refuse(f, 1, Errc::kUnavailable, false, at(2ms));

  CHECK(f.effects.sent.size() == 2);
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kUnavailable);
  CHECK(f.effects.answers[0].attempts == 2);
}

TEST_CASE("what was on its way is repeated only where effects allow") {
  Fixture idempotent;
  idempotent.ask(7, at(0ms));
  refuse(idempotent, 0, Errc::kUnknownOutcome, true, at(1ms));
  CHECK(idempotent.effects.sent.size() == 2);

  Fixture once(declared("once"));
  once.ask(7, at(0ms));
  refuse(once, 0, Errc::kUnknownOutcome, true, at(1ms));
  CHECK(once.effects.sent.size() == 1);
  REQUIRE(once.effects.answers.size() == 1);
  CHECK(once.effects.answers[0].code == Errc::kUnknownOutcome);
}

TEST_CASE("what was on its way to the only instance is repeated there, at most three times") {
  wire::Topology one = two_stages();
  std::erase_if(one.instances, [](const auto& i) { return i.id.value == 2; });
  Fixture f(one);
  f.ask(7, at(0ms));
  for (std::size_t i = 0; i < 3; ++i)
    refuse(f, i, Errc::kUnknownOutcome, true, at(1ms));
  CHECK(f.effects.sent.size() == 3);
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kUnknownOutcome);
  CHECK(f.effects.answers[0].attempts == 3);
}

TEST_CASE("what the far end itself does not know is not repeated") {
  Fixture f;
  f.ask(7, at(0ms));
  refuse(f, 0, Errc::kUnknownOutcome, false, at(1ms));
  CHECK(f.effects.sent.size() == 1);
  CHECK(f.effects.answers.at(0).code == Errc::kUnknownOutcome);
}

TEST_CASE("what was certainly not delivered is repeated even where it may run only once") {
  Fixture f(declared("once"));
  f.ask(7, at(0ms));
  f.report(1, 0, false, at(0ms));
  f.report(2, 0, false, at(0ms));

  refuse(f, 0, Errc::kUnavailable, false, at(1ms));

  CHECK(f.effects.sent.size() == 2);
}

TEST_CASE("executors behind the failure did not run, so their effects forbid nothing") {
  Fixture f(declared("once", 1));
  f.ask(7, at(0ms));
  f.report(3, 0, false, at(0ms));

  refuse(f, 0, Errc::kUnavailable, false, at(1ms));

  CHECK(f.effects.sent.size() == 2);
}

TEST_CASE("an executor in front of the failure that may run only once forbids it") {
  wire::Topology topology = declared("once");
  topology.instances = {instance(1, 0, 0), instance(3, 1, 0), instance(4, 1, 1)};
  Fixture f(topology);
  f.ask(7, at(0ms));
  f.report(1, 0, true, at(0ms));
  wire::Part part = f.part(0, f.shape.sink);
  const std::uint32_t chosen = f.sent(0).plan[1].target;
  part.header.failure = std::make_unique<wire::Failure>(
      wire::Failure{Errc::kUnavailable, "away", "n1", "n1/rep-" + std::to_string(chosen - 3)});

  f.core.on_part(std::make_unique<wire::Part>(std::move(part)), at(1ms));

  CHECK(f.effects.sent.size() == 1);
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kUnavailable);
}

TEST_CASE("any other failure is the answer") {
  Fixture f;
  f.ask(7, at(0ms));
  refuse(f, 0, Errc::kOverloaded, false, at(1ms));
  CHECK(f.effects.sent.size() == 1);
  CHECK(f.effects.answers.at(0).code == Errc::kOverloaded);
}

TEST_CASE("a refusal is forgotten with its request") {
  Fixture f(declared("once"));
  f.ask(1, at(0ms));
  give_refusal(f, 0, Errc::kUnavailable, false, at(1ms));
  f.core.on_cancel(gateway::ClientId{1}, 1, at(1ms));
  f.report(f.effects.sent[0].to.value, 0, true, at(1ms));
  f.report(3, 0, true, at(1ms));
  f.ask(2, at(2ms));
  const std::uint32_t instance = f.effects.sent.at(1).to.value;
  f.report(instance, 1, false, at(3ms));
  f.lose(instance, at(4ms));
  f.core.tick(at(100ms));

  CHECK(f.effects.sent.size() == 2);
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kUnknownOutcome);
}
