#include "core.h"

#include <doctest/doctest.h>

#include "wire/value_codec.h"
#include "worker_fixture.h"

namespace {

using namespace flow;
using namespace flow::worker;
using namespace std::chrono_literals;

using Texts = std::vector<std::string>;

// first -> second -> third, which answers
std::shared_ptr<wire::Topology> chain() {
  return make_graph({{"first", {"gateway"}}, {"second", {"first"}}, {"third", {"second"}}},
                    "third");
}

// a and b meet at join, which answers; `needs` in this order
std::shared_ptr<wire::Topology> diamond(std::vector<std::string> needs, bool no_reduce = false) {
  return make_graph({{"a", {"gateway"}}, {"b", {"gateway"}}, {"join", std::move(needs), no_reduce}},
                    "join");
}

std::optional<Error> append(Contents& contents, const std::string& text) {
  Result<Documents*> list = contents.documents();
  if (!list) return list.error();
  Document document;
  document.set_id(text);
  document.set_text(text);
  (*list)->push_back(std::move(document));
  return std::nullopt;
}

}  // namespace

TEST_CASE("a part is executed and sent to the planned successor") {
  Bench bench(chain(), "second");
  bench.execution.handler = [](Contents& contents) { return append(contents, "new"); };

  bench.feed(bench.part("first", {"old"}));

  REQUIRE(bench.port.sent.size() == 1);
  const SentPart& sent = bench.port.sent[0];
  CHECK(sent.to == bench.instance("third"));
  CHECK(sent.header.target == bench.instance("third").value);
  CHECK(sent.header.source == bench.node("second"));
  CHECK(sent.texts == Texts{"old", "new"});
  CHECK(sent.header.failure == nullptr);
}

TEST_CASE("the sink answers the gateway of the request") {
  Bench bench(chain(), "third");

  bench.feed(bench.part("second", {"x"}));

  REQUIRE(bench.port.sent.size() == 1);
  CHECK(bench.port.sent[0].to == kGateway);
}

TEST_CASE("a leaf that is not the sink sends nothing and reports") {
  Bench bench(make_graph({{"main", {"gateway"}}, {"side", {"gateway"}}}, "main"), "side");

  bench.feed(bench.part("gateway", {"x"}));

  CHECK(bench.port.sent.empty());
  REQUIRE(bench.port.reported.size() == 2);
  CHECK(bench.port.reported[0].finished == 0);
  CHECK(bench.port.reported[1].finished == 1);
}

TEST_CASE("a node with several successors sends to each the plan names") {
  Bench bench(make_graph({{"a", {"gateway"}}, {"b", {"a"}}, {"c", {"a"}}, {"d", {"a"}}}, "a"), "a");
  PartPointer part = bench.part("gateway", {"x"});
  part->header.plan[bench.node("c").value].target = 0;

  bench.feed(std::move(part));

  REQUIRE(bench.port.sent.size() == 3);
  CHECK(bench.port.sent[0].to == bench.instance("b"));
  CHECK(bench.port.sent[1].to == bench.instance("d"));
  CHECK(bench.port.sent[2].to == kGateway);
}

TEST_CASE("documents nobody touched are forwarded as the bytes that came") {
  Bench bench(chain(), "second");
  PartPointer part = bench.part("first", {"x"});
  const std::byte* bytes = part->payload.data();

  bench.feed(std::move(part));

  CHECK(bench.port.sent[0].payload.data() == bytes);
}

TEST_CASE("a node that is passed over forwards without executing") {
  Bench bench(chain(), "second");
  PartPointer part = bench.part("first", {"x"});
  part->header.plan[bench.node("second").value].mode = wire::PlanMode::kPassOver;

  bench.feed(std::move(part));

  CHECK(bench.execution.runs == 0);
  CHECK(bench.port.sent[0].texts == Texts{"x"});
  CHECK(bench.port.sent[0].header.hops.empty());
}

TEST_CASE("a node that is left out gets nothing, those behind it get parts in its name") {
  Bench bench(make_graph({{"a", {"gateway"}},
                          {"b", {"a"}},
                          {"c", {"b"}},
                          {"d", {"c"}},
                          {"side", {"b"}},
                          {"other", {"a"}}},
                         "d"),
              "a");
  PartPointer part = bench.part("gateway", {"x"});
  for (const char* name : {"b", "c"})
    part->header.plan[bench.node(name).value] = {.mode = wire::PlanMode::kLeftOut};

  bench.feed(std::move(part));

  REQUIRE(bench.port.sent.size() == 3);
  const auto& sent = bench.port.sent;
  CHECK(sent[0].to == bench.instance("d"));
  CHECK(sent[0].header.source == bench.node("c"));
  CHECK(sent[1].to == bench.instance("side"));
  CHECK(sent[1].header.source == bench.node("b"));
  CHECK(sent[2].to == bench.instance("other"));
  CHECK(sent[2].header.source == bench.node("a"));
  CHECK(sent[0].texts == Texts{"x"});
}

TEST_CASE("a part that comes in the name of a left out node is what the plan tells to expect") {
  Bench bench(diamond({"a", "b"}), "join");
  for (const char* from : {"a", "b"}) {
    PartPointer part = bench.part(from, {from});
    part->header.plan[bench.node("a").value] = {.mode = wire::PlanMode::kLeftOut};
    bench.feed(std::move(part));
  }

  CHECK(bench.execution.runs == 1);
  CHECK(bench.port.sent.at(0).texts == Texts{"a", "b"});
}

TEST_CASE("who stands before a sink that is left out answers") {
  Bench bench(chain(), "second");
  PartPointer part = bench.part("first", {"x"});
  part->header.plan[bench.node("third").value] = {.mode = wire::PlanMode::kLeftOut};

  bench.feed(std::move(part));

  REQUIRE(bench.port.sent.size() == 1);
  CHECK(bench.port.sent[0].to == kGateway);
  CHECK(bench.port.sent[0].header.source == bench.node("third"));
}

TEST_CASE("a join executes once, on the parts reduced in declared order") {
  Bench bench(diamond({"b", "a"}), "join");
  bench.feed(bench.part("a", {"from a"}));
  CHECK(bench.execution.runs == 0);
  CHECK(bench.port.reported.empty());

  bench.feed(bench.part("b", {"from b"}));

  CHECK(bench.execution.runs == 1);
  CHECK(bench.port.sent[0].texts == Texts{"from b", "from a"});
  CHECK(bench.port.reported.size() == 2);
}

TEST_CASE("a join whose time is up is reported as finished, so that its room is free again") {
  Bench bench(diamond({"a", "b"}), "join");
  bench.feed(bench.part("a", {"x"}));
  CHECK(bench.port.reported.empty());
  const Instant due = bench.core.tick(at(Duration{}));

  bench.core.tick(due);

  REQUIRE(bench.port.reported.size() == 1);
  CHECK(bench.port.reported[0].finished == 1);
  CHECK(bench.port.reported[0].service_us == 0);
  CHECK(bench.core.gathering() == 0);

  PartPointer late = bench.part("b", {"y"});
  late->header.remaining = Duration{};
  bench.feed(std::move(late), due + 1ms);
  bench.core.tick(due + 1ms);
  CHECK(bench.execution.runs == 0);
  CHECK(bench.core.gathering() == 0);
  CHECK(bench.port.reported.size() == 2);
}

TEST_CASE("a join that is passed over still reduces") {
  Bench bench(diamond({"a", "b"}), "join");
  for (const char* from : {"b", "a"}) {
    PartPointer part = bench.part(from, {from, "both"});
    part->header.plan[bench.node("join").value].mode = wire::PlanMode::kPassOver;
    bench.feed(std::move(part));
  }

  CHECK(bench.execution.runs == 0);
  CHECK(bench.port.sent[0].texts == Texts{"a", "both", "b"});
}

TEST_CASE("a join that takes parts unreduced gets one for each need, by name") {
  Bench bench(diamond({"b", "a", "gateway"}, true), "join");
  Texts sources;
  bench.execution.handler = [&sources](Contents& contents) -> std::optional<Error> {
    for (const SourcePart& part : **contents.matrix())
      sources.push_back(part.source);
    return std::nullopt;
  };

  for (const char* from : {"a", "gateway", "b"})
    bench.feed(bench.part(from, {from, "both"}));

  CHECK(sources == Texts{"b", "a", "gateway"});
  CHECK(bench.port.sent[0].texts == Texts{"b", "both", "a", "both", "gateway", "both"});
}

TEST_CASE("a handler that takes the matrix gets it without no_reduce") {
  Bench bench(diamond({"a", "b"}), "join");
  bench.execution.matrix = true;
  std::size_t parts = 0;
  bench.execution.handler = [&parts](Contents& contents) -> std::optional<Error> {
    parts = (*contents.matrix())->size();
    contents.answer(Documents());
    return std::nullopt;
  };

  for (const char* from : {"a", "b"})
    bench.feed(bench.part(from, {from}));

  CHECK(parts == 2);
  CHECK(bench.port.sent[0].payload.empty());
}

TEST_CASE("a higher attempt restarts a join and leaves one result") {
  Bench bench(diamond({"a", "b"}), "join");
  bench.feed(bench.part("a", {"old"}));
  for (const char* from : {"b", "a"}) {
    PartPointer part = bench.part(from, {from});
    part->header.attempt = 2;
    bench.feed(std::move(part));
  }

  REQUIRE(bench.port.sent.size() == 1);
  CHECK(bench.port.sent[0].texts == Texts{"a", "b"});
  CHECK(bench.port.sent[0].header.attempt == 2);
  CHECK(bench.core.gather_counters().superseded == 1);
}

TEST_CASE("a join collects the hops of its branches once and unites their results") {
  Bench bench(diamond({"a", "b"}), "join");
  const wire::Hop shared{.instance = 40, .node = 5};
  const wire::Hop own{.instance = 41, .node = 6};
  PartPointer left = bench.part("a", {"x"});
  left->header.hops = {shared};
  left->header.results = wire::encode_value({{"a/rep-0", 1}});
  left->header.written_ns = 77;
  PartPointer right = bench.part("b", {});
  right->header.hops = {shared, own};
  right->header.results = wire::encode_value({{"b/rep-0", 2}});
  right->header.written_ns = 77;
  bench.feed(std::move(right));
  bench.feed(std::move(left));

  const wire::PartHeader& header = bench.port.sent[0].header;
  REQUIRE(header.hops.size() == 3);
  CHECK(header.hops[0] == shared);
  CHECK(header.hops[1] == own);
  CHECK(header.hops[2].instance == bench.instance("join").value);
  const ValueMap united = {{"a/rep-0", 1}, {"b/rep-0", 2}};
  CHECK(*wire::decode_value(header.results.span()) == united);
  CHECK(header.written_ns == 77);
}

TEST_CASE("the hop tells wire, queue and execution apart") {
  Bench bench(chain(), "second");
  bench.execution.service = 5ms;
  PartPointer first = bench.part("first", {"x"});
  bench.feed(std::move(first), at(0ms));  // busy until 5 ms
  PartPointer part = bench.part("first", {"y"});
  part->header.sent_at = at(2ms);
  part->header.sent_on_host = kHost;
  bench.core.receive(std::move(part), at(6ms));
  bench.run_all(at(7ms));

  const wire::Hop& hop = bench.port.sent[1].header.hops.at(0);
  CHECK(hop.queue_us == 3000 + 1000);  // behind the first one, and from arrival to begin
  CHECK(hop.wire_us == 1000);
  CHECK(hop.execute_us == 5000);
  CHECK(bench.port.reported.back().service_us == 5000);
}

TEST_CASE("time spent on the way and here is taken off what remains") {
  Bench bench(chain(), "second");
  bench.execution.service = 100ms;
  PartPointer part = bench.part("first", {"x"});
  part->header.sent_at = at(0ms);
  part->header.sent_on_host = kHost;

  bench.feed(std::move(part), at(50ms));

  CHECK(bench.execution.seen_remaining == 950ms);
  CHECK(bench.port.sent[0].header.remaining == 850ms);
  CHECK(bench.port.sent[0].header.sent_at == at(150ms));
  CHECK(bench.port.sent[0].header.sent_on_host == kHost);
}

TEST_CASE("another host's clock is not believed") {
  Bench bench(chain(), "second");
  PartPointer part = bench.part("first", {"x"});
  part->header.sent_at = at(-900ms);
  part->header.sent_on_host = kHost + 1;

  bench.feed(std::move(part), at(0ms));

  CHECK(bench.port.sent[0].header.remaining == 1s);
  CHECK(bench.port.sent[0].header.hops[0].wire_us == 0);
}
