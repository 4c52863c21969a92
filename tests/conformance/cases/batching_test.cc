// Cases D: requests that are executed together.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <future>

#include "base/units.h"
#include "case.h"

using namespace flow;
using namespace flow::testing;
using std::chrono::milliseconds;

namespace {

// One executor whose documents say with how many others they were executed.
std::string batched(std::string_view rules, std::string_view with = {},
                    std::string_view mode = "tag-together") {
  return kit("a", mode, with, fmt::format("batching = {{ {} }}\n", rules));
}

// Answers of requests that are under way at the same time.
class Posted {
 public:
  explicit Posted(Flow& flow) : client_(flow.client()) {}

  // A document for each letter. They are sent in the order of the calls.
  std::future<Reply> post(std::string_view endpoint, std::string_view letters,
                          ValueMap parameters = {}) {
    wire::DocumentList documents;
    for (const char letter : letters) {
      wire::DocumentList one = one_document("same", {&letter, 1});  // ids do not matter
      documents.push_back(std::move(one[0]));
    }
    auto promise = std::make_shared<std::promise<Reply>>();
    PostOptions options;
    options.parameters = std::move(parameters);
    client_.submit(endpoint, documents, options,
                   [promise](Reply reply) { promise->set_value(std::move(reply)); });
    return promise->get_future();
  }

 private:
  Client client_;
};

bool waits(const std::future<Reply>& reply) {
  return reply.wait_for(milliseconds(0)) == std::future_status::timeout;
}

// "ab:4" for documents "a", "b" that were executed in a list of four.
std::string outcome(std::future<Reply>& waited) {
  REQUIRE(waited.wait_for(kPatience) == std::future_status::ready);
  const Reply reply = waited.get();
  if (!reply.ok()) return std::string(to_string(reply.code()));
  std::string out;
  std::string together;
  for (const wire::Document& document : reply.documents) {
    out += document.text();
    const ValueMap tags = document.tags();
    const Value* tag = tags.find("together");
    together += ":" + (tag != nullptr ? text_of(*tag) : "?");
  }
  return out + together;
}

}  // namespace

TEST_CASE("D-03 requests in one batch get their own documents back, in order") {
  CaseSandbox sandbox;
  Flow flow(sandbox, batched(R"("/x" = { size = 4, timeout = "1h" })"));
  Posted posted(flow);
  auto first = posted.post("/x", "ab");
  auto second = posted.post("/x", "cd");
  CHECK(outcome(first) == "ab:4:4");
  CHECK(outcome(second) == "cd:4:4");
}

TEST_CASE("D-03 a request larger than a batch is put together again") {
  CaseSandbox sandbox;
  Flow flow(sandbox, batched(R"("/x" = { size = 4, timeout = "1h" })"));
  Posted posted(flow);
  auto first = posted.post("/x", "abcdef");
  auto second = posted.post("/x", "gh");
  CHECK(outcome(first) == "abcdef:4:4:4:4:4:4");
  CHECK(outcome(second) == "gh:4:4");
}

TEST_CASE("D-03 what the executor throws is the answer of everybody in the batch") {
  CaseSandbox sandbox;
  Flow flow(sandbox, batched(R"("*" = { size = 3, timeout = "1h" })", "fail = \"no luck\""));
  Posted posted(flow);
  auto first = posted.post("/x", "ab");
  auto second = posted.post("/x", "c");
  CHECK(outcome(first) == "EXECUTOR_ERROR");
  REQUIRE(second.wait_for(kPatience) == std::future_status::ready);
  const Reply reply = second.get();
  REQUIRE_FALSE(reply.ok());
  CHECK(reply.response.failure->message.find("no luck") != std::string::npos);
  CHECK(reply.documents.size() == 1);
}

TEST_CASE("D-03 an executor that answers with other documents than it got fails the batch") {
  CaseSandbox sandbox;
  Flow flow(sandbox, batched(R"("/x" = { size = 3, timeout = "1h" })", "", "two-new"));
  Posted posted(flow);
  auto first = posted.post("/x", "ab");
  auto second = posted.post("/x", "c");
  CHECK(outcome(first) == "EXECUTOR_ERROR");
  REQUIRE(second.wait_for(kPatience) == std::future_status::ready);
  const Reply reply = second.get();
  REQUIRE(reply.code() == Errc::kExecutorError);
  CHECK(reply.response.failure->message.find("3 documents and answered with 2") !=
        std::string::npos);
}

TEST_CASE("D-04 what comes while a batch is executed is executed after it") {
  CaseSandbox sandbox;
  Flow flow(sandbox, batched(R"("*" = { size = 4, timeout = "20ms" })",
                             sandbox.gated() + ", gate_text = \"a\""));
  Posted posted(flow);
  auto first = posted.post("/x", "abcd");
  CHECK(sandbox.saw("a/rep-0 begins"));
  auto second = posted.post("/x", "efg");
  auto large = posted.post("/y", "123456789");
  CHECK(waits(first));
  CHECK(waits(second));
  sandbox.open_gate();
  CHECK(outcome(first) == "abcd:4:4:4:4");
  CHECK(outcome(second) == "efg:3:3:3");
  CHECK(outcome(large) == "123456789:4:4:4:4:4:4:4:4:1");
}

TEST_CASE("D-05 the same parameters share a batch, others never do") {
  CaseSandbox sandbox;
  Flow flow(sandbox, batched(R"("/x" = { size = 2, timeout = "1h" })"));
  Posted posted(flow);
  auto german = posted.post("/x", "a", {{"lang", "de"}});
  auto none = posted.post("/x", "b");
  auto english = posted.post("/x", "c", {{"lang", "en"}});
  auto more_english = posted.post("/x", "d", {{"lang", "en"}, {"another__lang", "fr"}});
  CHECK(outcome(english) == "c:2");
  CHECK(outcome(more_english) == "d:2");
  CHECK(waits(german));
  CHECK(waits(none));
  auto more_german = posted.post("/x", "e", {{"a__lang", "de"}});
  CHECK(outcome(german) == "a:2");
  CHECK(outcome(more_german) == "e:2");
  CHECK(waits(none));
  auto another = posted.post("/x", "f");
  CHECK(outcome(none) == "b:2");
  CHECK(outcome(another) == "f:2");
}

TEST_CASE("D-07 an endpoint has its own size and timeout") {
  constexpr Duration kTimeout = milliseconds(700);
  CaseSandbox sandbox;
  Flow flow(sandbox, batched(R"("/baz" = { size = 2, timeout = "1h" }, )"
                             R"("*" = { size = 100, timeout = "700ms" })"));
  Posted posted(flow);
  auto baz = posted.post("/baz", "a");
  const Instant began = now();
  auto bar = posted.post("/bar", "c");
  auto more_bar = posted.post("/bar", "d");
  auto more_baz = posted.post("/baz", "b");
  CHECK(outcome(baz) == "a:2");
  CHECK(outcome(more_baz) == "b:2");
  CHECK(outcome(bar) == "c:2");
  CHECK(now() - began >= kTimeout);
  CHECK(outcome(more_bar) == "d:2");
}

TEST_CASE("D-07 an endpoint without a rule is not batched") {
  CaseSandbox sandbox;
  Flow flow(sandbox, batched(R"("/baz" = { size = 2, timeout = "1h" })"));
  Posted posted(flow);
  auto waiting = posted.post("/baz", "a");
  auto other = posted.post("/foo", "b");
  CHECK(outcome(other) == "b:1");
  CHECK(waits(waiting));
  auto full = posted.post("/baz", "c");
  CHECK(outcome(waiting) == "a:2");
}

TEST_CASE("D-07 a worker that is told to end executes what waits") {
  CaseSandbox sandbox;
  Flow flow(sandbox, batched(R"("/x" = { size = 100, timeout = "1h" })"));
  Posted posted(flow);
  auto reply = posted.post("/x", "ab");
  const auto waiting = [&] { return text_of(at(flow.instance("a/rep-0"), "in_flight")); };
  CHECK(eventually([&] { return waiting() == "1"; }));
  CHECK(waits(reply));
  flow.kill("a/rep-0", SIGTERM);
  CHECK(outcome(reply) == "ab:2:2");
}

TEST_CASE("D-07 a flow that ends does not wait for its batches") {
  CaseSandbox sandbox;
  Flow flow(sandbox, batched(R"("/x" = { size = 100, timeout = "1h" })"));
  Posted posted(flow);
  auto reply = posted.post("/x", "ab");
  CHECK(eventually([&] { return text_of(at(flow.instance("a/rep-0"), "in_flight")) == "1"; }));
  const Instant began = now();
  flow.stop();
  CHECK(now() - began < std::chrono::seconds(10));
  CHECK(outcome(reply) == "ab:2:2");
}

TEST_CASE("D-07 an executor that takes unreduced parts cannot have batches") {
  CaseSandbox sandbox;
  sandbox.write("t.toml", "[flow]\nname = \"t\"\n" + batched(R"("*" = { size = 2 })", "", "chain"));
  const Finished up = sandbox.flowctl({"up", sandbox.file("t.toml")});
  CHECK(up.code == 1);
  INFO(up.err);
  CHECK(up.err.find("cannot be put into batches") != std::string::npos);
}
