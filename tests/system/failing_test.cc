// How requests fail: executors' errors, deadlines, timeouts; and what runs beside them.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "flow_process.h"
#include "load.h"

using namespace flow;
using namespace flow::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// "CODE executor instance: message" of a reply.
std::string failure(const Value& reply) {
  return fmt::format("{} {} {}: {}", header(reply, "code"), header(reply, "executor"),
                     header(reply, "instance"), header(reply, "message"));
}

std::string fail(const char* name, const char* needs, const char* more = "") {
  return executor(
      name, "fail",
      fmt::format("needs = {}\nwith = {{ message = \"{} broke\" {} }}", needs, name, more));
}

}  // namespace

TEST_CASE("of several failed branches the first declared one is reported") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("late", "sleep", "with = { ms = 30 }") + fail("a", "\"late\"") +
                         fail("b", "\"gateway\"") +
                         executor("j", "pass-through", R"(needs = ["a", "b"])"));
  CHECK(failure(flow.post("/x", {"--text", "d"})) ==
        "EXECUTOR_ERROR a a/rep-0: std::runtime_error: a broke");
}

TEST_CASE("a failed request says what the failing executor got") {
  Sandbox sandbox;
  Flow flow(sandbox, append("a") + fail("b", "\"a\"") + append("c", "\"b\""));
  const Value reply = flow.post("/x", {"--text", "d"});
  CHECK(header(reply, "code") == "EXECUTOR_ERROR");
  CHECK(texts(reply) == "d,a");
}

TEST_CASE("a failed request does not fail others") {
  Sandbox sandbox;
  Flow flow(sandbox, fail("f", "\"gateway\"", ", every = 4"));
  Load load(flow.client());
  CHECK(load.answer(400));
  CHECK(load.stop());
  INFO(load.summary());
  CHECK(load.count(Errc::kExecutorError) == load.sent() / 4);
  CHECK(load.ok() == load.sent() - load.sent() / 4);
  CHECK(load.wrong() == 0);
}

TEST_CASE("a request that ends at its deadline leaves the join behind it free for others") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("a", "sleep", "with = { ms = { \"/slow\" = 400, \"*\" = 0 } }") +
                         executor("b", "pass-through", "needs = \"gateway\"") +
                         executor("join", "pass-through", "needs = [\"a\", \"b\"]"));
  const Value late = flow.post("/slow", {"--text", "d", "--timeout", "100ms"});
  CHECK(header(late, "code") == "DEADLINE_EXCEEDED");
  const Value next = flow.post("/fast", {"--text", "d", "--timeout", "10s"});
  CHECK(header(next, "code") == "OK");
}

TEST_CASE("the flow file's deadline holds for requests that name none") {
  Sandbox sandbox;
  Flow flow(sandbox,
            "[gateway]\ndeadline = \"100ms\"\n" + executor("slow", "sleep", "with = { ms = 300 }"));
  CHECK(header(flow.post("/x"), "code") == "DEADLINE_EXCEEDED");
  CHECK(header(flow.post("/x", {"--timeout", "3s"}), "code") == "OK");
}

TEST_CASE("an execution past its timeout ends the request and the instance, which comes back") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("stuck", "sleep",
                              "timeout = \"150ms\"\n"
                              R"(with = { ms = { "/stuck" = 600000, "*" = 0 } })"));
  const pid_t before = flow.pid("stuck/rep-0");
  const Instant began = now();
  const Value reply = flow.post("/stuck", {"--text", "d"});
  CHECK(now() - began < seconds(1));
  CHECK(header(reply, "code") == "DEADLINE_EXCEEDED");
  CHECK(header(reply, "executor") == "stuck");
  CHECK(header(reply, "instance") == "stuck/rep-0");
  CHECK(flow.back("stuck/rep-0", before));
  CHECK(header(flow.post("/x", {"--text", "d"}), "code") == "OK");
}

TEST_CASE("rankings of two indexes come unreduced to rank fusion") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("encode", "hashing-encoder", "with = { dim = 64 }") +
                         executor("vectors", "vector-index") +
                         executor("words", "text-index", "needs = \"gateway\"") +
                         executor("fuse", "rank-fusion",
                                  "needs = \"*\"\nno_reduce = true\nwith = { top = 2 }"));
  const char* documents =
      R"([{"id":"fox","text":"the quick brown fox"},{"id":"dog","text":"a lazy dog"},)"
      R"({"id":"cat","text":"a brown cat"}])";
  CHECK(header(flow.post("/index", {"--json", documents}), "code") == "OK");
  const Value reply = flow.post("/search", {"--json", R"({"id":"q","text":"quick brown fox"})"});
  REQUIRE(header(reply, "code") == "OK");
  const Value& question = (*at(reply, "docs").if_list())[0];
  REQUIRE(at(question, "matches").if_list() != nullptr);
  const ValueList& matches = *at(question, "matches").if_list();
  REQUIRE(matches.size() == 2);
  CHECK(text_of(at(matches[0], "id")) == "fox");
  for (const char* score : {"rrf", "cosine", "bm25"})
    CHECK(at(at(at(matches[0], "scores"), score), "value").number() > 0);
}
