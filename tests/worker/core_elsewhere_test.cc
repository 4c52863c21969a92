// Executions that go on elsewhere, several at a time.
#include <doctest/doctest.h>

#include "core.h"
#include "wire/value_codec.h"
#include "worker_fixture.h"

namespace {

using namespace flow;
using namespace flow::worker;
using namespace std::chrono_literals;

using Texts = std::vector<std::string>;

Bench bench_of_one() {
  return Bench(make_graph({{"a", {"gateway"}}}, "a"), "a");
}

// A part of request number `sequence`.
PartPointer numbered(const Bench& bench, std::uint64_t sequence, const std::string& text) {
  PartPointer part = bench.part("gateway", {text});
  part->header.request.sequence = sequence;
  return part;
}

void answer(FakeExecution::Elsewhere& one, const std::string& text) {
  (**one.contents->documents())[0].set_text(text);
}

}  // namespace

TEST_CASE("what goes on elsewhere ends in any order, each with its own documents") {
  Bench bench = bench_of_one();
  bench.execution.goes_elsewhere = true;
  bench.feed(numbered(bench, 1, "one"));
  bench.feed(numbered(bench, 2, "two"));
  REQUIRE(bench.execution.elsewhere.size() == 2);
  CHECK(bench.port.sent.empty());
  CHECK(bench.core.begun() == 2);
  CHECK_FALSE(bench.core.idle());

  answer(bench.execution.elsewhere[1], "second");
  bench.core.finish(bench.execution.elsewhere[1].ticket, {at(7ms), {}});
  answer(bench.execution.elsewhere[0], "first");
  bench.core.finish(bench.execution.elsewhere[0].ticket, {at(9ms), {}});

  REQUIRE(bench.port.sent.size() == 2);
  CHECK(bench.port.sent[0].header.request.sequence == 2);
  CHECK(bench.port.sent[0].texts == Texts{"second"});
  CHECK(bench.port.sent[1].texts == Texts{"first"});
  REQUIRE(bench.port.sent[1].header.hops.size() == 1);
  CHECK(bench.port.sent[1].header.hops[0].execute_us == 9000);
  CHECK(bench.core.counters().executed == 2);
  CHECK(bench.core.idle());
}

TEST_CASE("an execution elsewhere that fails is a failure of this executor") {
  Bench bench = bench_of_one();
  bench.execution.goes_elsewhere = true;
  bench.feed(numbered(bench, 1, "one"));

  bench.core.finish(bench.execution.elsewhere[0].ticket,
                    {at(1ms), Error{Errc::kUnavailable, "nobody there"}});

  REQUIRE(bench.port.sent.size() == 1);
  REQUIRE(bench.port.sent[0].header.failure != nullptr);
  CHECK(bench.port.sent[0].header.failure->message == "nobody there");
  CHECK(bench.port.sent[0].header.failure->executor == "a");
}

TEST_CASE("an execution elsewhere ends once, by its deadline") {
  Bench bench = bench_of_one();
  bench.execution.goes_elsewhere = true;
  bench.feed(numbered(bench, 1, "one"));
  const Ticket ticket = bench.execution.elsewhere[0].ticket;
  CHECK(bench.core.tick(at(999ms)) == at(1s));

  bench.core.tick(at(1s));
  bench.core.finish(ticket, {at(1001ms), {}});

  REQUIRE(bench.port.sent.size() == 1);
  REQUIRE(bench.port.sent[0].header.failure != nullptr);
  CHECK(bench.port.sent[0].header.failure->code == Errc::kDeadlineExceeded);
  CHECK(bench.execution.abandoned == std::vector<Ticket>{ticket});
  CHECK(bench.core.idle());
  CHECK(bench.core.tick(at(2s)) == kNever);
}

TEST_CASE("the word of an execution that is over does not end the next one in its place") {
  Bench bench = bench_of_one();
  bench.execution.goes_elsewhere = true;
  bench.feed(numbered(bench, 1, "one"));
  const Ticket first = bench.execution.elsewhere[0].ticket;
  bench.core.finish(first, {at(1ms), {}});
  bench.feed(numbered(bench, 2, "two"));
  REQUIRE(bench.execution.elsewhere.size() == 2);

  bench.core.finish(first, {at(2ms), {}});
  bench.core.finish({.slot = 77, .round = 1}, {at(2ms), {}});

  CHECK(bench.port.sent.size() == 1);
  CHECK(bench.core.begun() == 1);
}

TEST_CASE("without room elsewhere jobs wait, and no more are taken than there may be") {
  Bench bench = bench_of_one();
  bench.execution.goes_elsewhere = true;
  bench.execution.most_elsewhere = 1;
  bench.feed(numbered(bench, 1, "one"));
  bench.feed(numbered(bench, 2, "two"));
  CHECK(bench.core.begun() == 1);
  CHECK(bench.core.jobs() == 1);
  CHECK_FALSE(bench.core.has_work());

  for (std::uint64_t sequence = 3; bench.core.has_room(); ++sequence)
    bench.core.receive(numbered(bench, sequence, "more"), at(0ms));

  CHECK(bench.core.jobs() + bench.core.begun() == Core::kMaxJobs);
}

TEST_CASE("what failed before it began has no hop; results and missing shards of others are told") {
  Bench bench = bench_of_one();
  bench.execution.goes_elsewhere = true;
  bench.feed(numbered(bench, 1, "one"));
  bench.feed(numbered(bench, 2, "two"));
  Executed refused{at(7ms), Error{Errc::kUnavailable, "away"}};
  refused.began = false;
  Executed answered{at(8ms), {}};
  answered.missing = {{"index", 2}};
  answered.named_results = wire::encode_value(ValueMap{{"far/rep-0", ValueMap{{"n", 1}}}});

  bench.core.finish(bench.execution.elsewhere[0].ticket, std::move(refused));
  bench.core.finish(bench.execution.elsewhere[1].ticket, std::move(answered));

  REQUIRE(bench.port.sent.size() == 2);
  CHECK(bench.port.sent[0].header.failure->code == Errc::kUnavailable);
  CHECK(bench.port.sent[0].header.hops.empty());
  CHECK(bench.port.sent[0].texts == Texts{"one"});
  CHECK(bench.core.counters().executed == 1);
  const Result<ValueMap> results = wire::decode_value(bench.port.sent[1].header.results.span());
  REQUIRE(results.ok());
  CHECK(results->find("far/rep-0") != nullptr);
  CHECK(bench.port.sent[1].header.missing_elsewhere ==
        std::vector<wire::MissingShard>{{bench.name + "/index", 2}});
}
