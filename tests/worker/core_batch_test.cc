// Requests that are executed together.
#include <doctest/doctest.h>

#include "core.h"
#include "wire/value_codec.h"
#include "worker_fixture.h"

namespace {

using namespace flow;
using namespace flow::worker;
using namespace std::chrono_literals;

using Texts = std::vector<std::string>;

// An executor in batches of 4 within 10 ms.
struct Batched : Bench {
  Batched() : Bench(graph(), "a") {
    execution.handler = [this](Contents& contents) -> std::optional<Error> {
      Documents& documents = **contents.documents();
      seen.push_back(documents.size());
      for (Document& document : documents)
        document.set_text(std::string(document.text()) + "!");
      return std::nullopt;
    };
  }
  static std::shared_ptr<wire::Topology> graph() {
    auto made = make_graph({{"a", {"gateway"}}}, "a");
    made->nodes[0].batching = {{"/x", 4, 10ms}};
    return made;
  }
  void feed_request(std::uint64_t sequence, const Texts& texts, Instant now,
                    const ValueMap& parameters = {}, Duration remaining = 1s) {
    PartPointer made = part("gateway", texts);
    made->header.request.sequence = sequence;
    made->header.remaining = remaining;
    if (!parameters.empty()) made->header.parameters = wire::encode_value(parameters);
    feed(std::move(made), now);
  }
  const SentPart& answer(std::uint64_t sequence) const {
    for (const SentPart& sent : port.sent) {
      if (sent.header.request.sequence == sequence) return sent;
    }
    FAIL("no answer");
    return port.sent.front();
  }
  std::vector<std::size_t> seen;  // documents in each execution
};

}  // namespace

TEST_CASE("requests are executed together, each gets its own documents back") {
  Batched bench;
  bench.feed_request(1, {"a", "b"}, at(0ms));
  bench.feed_request(2, {"c"}, at(1ms));
  CHECK(bench.port.sent.empty());
  CHECK(bench.core.begun() == 2);
  CHECK_FALSE(bench.core.idle());

  bench.feed_request(3, {"d"}, at(2ms));

  CHECK(bench.seen == std::vector<std::size_t>{4});
  CHECK(bench.answer(1).texts == Texts{"a!", "b!"});
  CHECK(bench.answer(2).texts == Texts{"c!"});
  CHECK(bench.answer(3).texts == Texts{"d!"});
  CHECK(bench.core.idle());
  CHECK(bench.core.counters().executed == 3);
}

TEST_CASE("a batch that does not fill is executed when its time is up") {
  Batched bench;
  bench.execution.service = 3ms;
  bench.feed_request(1, {"a"}, at(0ms));
  CHECK(bench.core.tick(at(0ms)) == at(10ms));

  bench.run_all(at(10ms));

  REQUIRE(bench.port.sent.size() == 1);
  CHECK(bench.answer(1).texts == Texts{"a!"});
  const wire::Hop& hop = bench.answer(1).header.hops.at(0);
  CHECK(hop.queue_us == 10'000);
  CHECK(hop.execute_us == 3'000);
}

TEST_CASE("a request of more documents than a batch has is put together again, in order") {
  Batched bench;
  bench.feed_request(1, {"a", "b", "c", "d", "e", "f"}, at(0ms));
  CHECK(bench.port.sent.empty());
  bench.feed_request(2, {"g", "h"}, at(1ms));

  CHECK(bench.seen == std::vector<std::size_t>{4, 4});
  CHECK(bench.answer(1).texts == Texts{"a!", "b!", "c!", "d!", "e!", "f!"});
  CHECK(bench.answer(2).texts == Texts{"g!", "h!"});
}

TEST_CASE("parameters for other executors do not divide a batch, its own do") {
  Batched bench;
  bench.feed_request(1, {"a"}, at(0ms), {{"k", 1}, {"other__k", 1}});
  bench.feed_request(2, {"b"}, at(0ms), {{"k", 1}, {"other__k", 2}});
  bench.feed_request(3, {"c"}, at(0ms), {{"k", 1}, {"a__k", 2}});
  bench.run_all(at(10ms));
  CHECK(bench.seen == std::vector<std::size_t>{2, 1});
}

TEST_CASE("an execution of a batch is told whose requests it is for") {
  Batched bench;
  bench.feed_request(1, {"a", "b"}, at(0ms));
  bench.feed_request(2, {"c", "d", "e"}, at(0ms), {}, 20ms);
  const auto sequences = [&bench] {
    std::vector<std::uint64_t> found;
    for (const Running& each : bench.execution.named) {
      CHECK(each.request.gateway == kGateway);
      CHECK(each.attempt == 1);
      found.push_back(each.request.sequence);
    }
    return found;
  };
  CHECK(sequences() == std::vector<std::uint64_t>{1, 2});

  bench.feed_request(3, {"f"}, at(25ms));  // the rest of 2 is too late
  bench.run_all(at(35ms));
  CHECK(sequences() == std::vector<std::uint64_t>{3});
}

TEST_CASE("a failure is that of every request in the batch") {
  Batched bench;
  bench.execution.handler = [](Contents&) { return Error{Errc::kExecutorError, "no luck"}; };
  bench.feed_request(1, {"a", "b", "c"}, at(0ms));
  bench.feed_request(2, {"d", "e"}, at(0ms));
  bench.run_all(at(10ms));
  for (const std::uint64_t sequence : {1, 2}) {
    REQUIRE(bench.answer(sequence).header.failure != nullptr);
    CHECK(bench.answer(sequence).header.failure->message == "no luck");
  }
  CHECK(bench.answer(2).texts == Texts{"d", "e"});  // what it got
  CHECK(bench.execution.runs == 1);                 // the rest of 2 is not executed any more
}

TEST_CASE("an executor that loses a document in a batch fails its requests") {
  Batched bench;
  bench.execution.handler = [](Contents& contents) -> std::optional<Error> {
    contents.answer(Documents());
    return std::nullopt;
  };
  bench.feed_request(1, {"a"}, at(0ms));
  bench.run_all(at(10ms));
  REQUIRE(bench.answer(1).header.failure != nullptr);
  CHECK(bench.answer(1).header.failure->code == Errc::kExecutorError);
  CHECK(bench.answer(1).header.failure->message.find("1 documents and answered with 0") !=
        std::string::npos);
}

TEST_CASE("a dictionary cannot be divided over the requests of a batch") {
  Batched bench;
  bench.execution.results = ValueMap{{"n", 1}};
  bench.feed_request(1, {"a", "b", "c", "d"}, at(0ms));
  REQUIRE(bench.answer(1).header.failure != nullptr);
  CHECK(bench.answer(1).header.failure->message.find("dictionary") != std::string::npos);
}

TEST_CASE("a request whose time is up while it waits is not executed") {
  Batched bench;
  bench.feed_request(1, {"a"}, at(0ms), {}, 5ms);
  CHECK(bench.core.tick(at(0ms)) == at(5ms));
  bench.feed_request(2, {"b"}, at(6ms));  // the worker was late
  REQUIRE(bench.answer(1).header.failure != nullptr);
  CHECK(bench.answer(1).header.failure->code == Errc::kDeadlineExceeded);
  bench.run_all(at(16ms));
  CHECK(bench.answer(2).texts == Texts{"b!"});
  CHECK(bench.seen == std::vector<std::size_t>{1});
}

TEST_CASE("the handler is called for a request without documents too") {
  Batched bench;
  bench.feed_request(1, {}, at(0ms));
  bench.run_all(at(10ms));
  CHECK(bench.seen == std::vector<std::size_t>{0});
  CHECK(bench.answer(1).header.failure == nullptr);
}

TEST_CASE("other endpoints, failures and what is passed over are not batched") {
  Batched bench;
  PartPointer other = bench.part("gateway", {"a"});
  other->header.endpoint = "/other";
  bench.feed(std::move(other));
  CHECK(bench.port.sent.size() == 1);
  PartPointer passed = bench.part("gateway", {"a"});
  passed->header.plan[0].mode = wire::PlanMode::kPassOver;
  bench.feed(std::move(passed));
  CHECK(bench.port.sent.size() == 2);
  PartPointer failed = bench.part("gateway", {"a"});
  failed->header.failure = std::make_unique<wire::Failure>();
  bench.feed(std::move(failed));
  CHECK(bench.port.sent.size() == 3);
  CHECK(bench.core.idle());
}

TEST_CASE("a worker that ends executes what waits at once") {
  Batched bench;
  bench.feed_request(1, {"a"}, at(0ms));
  bench.core.flush_batches();
  bench.run_all(at(1ms));
  CHECK(bench.answer(1).texts == Texts{"a!"});
}

TEST_CASE("what arrived while a batch was executed joins the next, which waited long enough") {
  Batched bench;
  bench.execution.service = 20ms;
  bench.feed_request(1, {"a"}, at(0ms));
  bench.run_all(at(10ms));  // until 30 ms
  for (const std::uint64_t sequence : {2, 3, 4}) {
    PartPointer made = bench.part("gateway", {"b"});
    made->header.request.sequence = sequence;
    made->header.remaining = 1s;
    made->header.sent_at = at(12ms);
    made->header.sent_on_host = kHost;
    bench.core.receive(std::move(made), at(30ms));
  }
  bench.run_all(at(30ms));
  CHECK(bench.seen == std::vector<std::size_t>{1, 3});
}

TEST_CASE("the pieces of a request come together in order, whichever was executed first") {
  Batched bench;
  bench.execution.service = 20ms;
  bench.feed_request(1, {"z"}, at(0ms));
  bench.run_all(at(10ms));  // until 30 ms
  const auto receive = [&bench](std::uint64_t sequence, const Texts& texts, Instant sent,
                                const ValueMap& parameters) {
    PartPointer made = bench.part("gateway", texts);
    made->header.request.sequence = sequence;
    made->header.remaining = 1s;
    made->header.sent_at = sent;
    made->header.sent_on_host = kHost;
    made->header.parameters = wire::encode_value(parameters);
    bench.core.receive(std::move(made), at(30ms));
  };
  receive(2, {"1", "2", "3", "4"}, at(29ms), {{"other", true}});
  receive(3, {"a", "b", "c", "d", "e"}, at(12ms), {{"late", true}});
  bench.run_all(at(30ms));
  CHECK(bench.answer(3).texts == Texts{"a!", "b!", "c!", "d!", "e!"});
}

TEST_CASE("in a flow that drains nothing waits") {
  Batched bench;
  bench.feed_request(1, {"a"}, at(0ms));
  auto draining = std::make_shared<wire::Topology>(*Batched::graph());
  draining->version = 100;
  draining->draining = true;
  bench.core.set_topology(draining, at(1ms));
  bench.run_all(at(1ms));
  CHECK(bench.answer(1).texts == Texts{"a!"});
  bench.feed_request(2, {"b"}, at(2ms));
  CHECK(bench.answer(2).texts == Texts{"b!"});
}
