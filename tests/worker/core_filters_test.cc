// Filters are evaluated by the sender, just before a part leaves.
#include <doctest/doctest.h>

#include "core.h"
#include "worker_fixture.h"

namespace {

using namespace flow;
using namespace flow::worker;
using namespace std::chrono_literals;

using Texts = std::vector<std::string>;

// split -> left, right and rest; split answers, too
std::shared_ptr<wire::Topology> fork(const ValueMap& left, const ValueMap& right) {
  auto topology = make_graph({{"split", {"gateway"}},
                              {"left", {"split"}},
                              {"right/uses_before", {"split"}},
                              {"rest", {"split"}}},
                             "split");
  topology->nodes[1].when = left;
  topology->nodes[2].when = right;
  return topology;
}

ValueMap text_is(const std::string& text) {
  return {{"text", ValueMap{{"$eq", text}}}};
}

const SentPart& sent_to(const Bench& bench, const std::string& node) {
  for (const SentPart& part : bench.port.sent) {
    if (part.to == bench.instance(node)) return part;
  }
  FAIL("nothing was sent");
  return bench.port.sent.front();
}

}  // namespace

TEST_CASE("each successor gets what its filter lets pass") {
  Bench bench(fork(text_is("a"), text_is("b")), "split");

  bench.feed(bench.part("gateway", {"a", "b", "c"}));

  REQUIRE(bench.port.sent.size() == 4);
  CHECK(sent_to(bench, "left").texts == Texts{"a"});
  CHECK(sent_to(bench, "right/uses_before").texts == Texts{"b"});
  CHECK(sent_to(bench, "rest").texts == Texts{"a", "b", "c"});
  CHECK(bench.port.sent[3].to == kGateway);
  CHECK(bench.port.sent[3].texts == Texts{"a", "b", "c"});
}

TEST_CASE("where all pass the bytes stay, where none does nothing but a header is sent") {
  Bench bench(fork(text_is("a"), text_is("b")), "split");
  PartPointer part = bench.part("gateway", {"a"});
  const std::byte* bytes = part->payload.data();

  bench.feed(std::move(part));

  CHECK(sent_to(bench, "left").payload.data() == bytes);
  CHECK(sent_to(bench, "right/uses_before").payload.empty());
  CHECK(sent_to(bench, "right/uses_before").header.failure == nullptr);
}

TEST_CASE("a filter is evaluated on what the handler made, and for a node that is passed over") {
  Bench bench(fork(text_is("made"), {}), "split");
  bench.execution.handler = [](Contents& contents) -> std::optional<Error> {
    (**contents.documents())[0].set_text("made");
    return std::nullopt;
  };
  PartPointer part = bench.part("gateway", {"a", "b"});
  part->header.plan[1].mode = wire::PlanMode::kPassOver;

  bench.feed(std::move(part));

  CHECK(sent_to(bench, "left").texts == Texts{"made"});
}

TEST_CASE("a clash fails the request where it would have gone, and only there") {
  const ValueMap clashes = {{"tags__x", ValueMap{{"$gt", 1}}}};
  Bench bench(fork(text_is("x"), clashes), "split");
  bench.execution.handler = [](Contents& contents) -> std::optional<Error> {
    (**contents.documents())[0].set_tag("x", "text");
    return std::nullopt;
  };

  bench.feed(bench.part("gateway", {"x"}));

  const SentPart& failed = sent_to(bench, "right/uses_before");
  REQUIRE(failed.header.failure != nullptr);
  CHECK(failed.header.failure->code == Errc::kInvalidArgument);
  CHECK(failed.header.failure->executor == "right");
  CHECK(failed.header.failure->instance.empty());
  CHECK(failed.texts == Texts{"x"});
  CHECK(sent_to(bench, "left").header.failure == nullptr);
  CHECK(sent_to(bench, "rest").header.failure == nullptr);
  CHECK(bench.core.counters().failed == 1);
}

TEST_CASE("the documents of a failure are not filtered") {
  Bench bench(fork(text_is("a"), text_is("b")), "split");
  bench.execution.handler = [](Contents&) { return Error{Errc::kExecutorError, "no"}; };

  bench.feed(bench.part("gateway", {"x"}));

  CHECK(sent_to(bench, "left").texts == Texts{"x"});
  CHECK(sent_to(bench, "left").header.failure->executor == "split");
}

TEST_CASE("documents that do not verify fail the successor that filters") {
  Bench bench(fork(text_is("a"), {}), "split");
  PartPointer part = bench.part("gateway", {});
  part->payload = Bytes::copy_of(std::string_view("no documents at all"));

  bench.feed(std::move(part));

  CHECK(sent_to(bench, "left").header.failure->code == Errc::kInvalidArgument);
  CHECK(sent_to(bench, "left").payload.empty());
}
