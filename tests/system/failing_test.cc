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

TEST_CASE("an executor's error names it, and nothing behind it runs (N-01, N-02, N-05)") {
  Sandbox sandbox;
  Flow flow(sandbox, record("r1") + fail("r2", "\"r1\"") + record("r3", "\"r2\""));
  for (int i = 0; i < 2; ++i) {
    const Value reply = flow.post("/x", {"--text", "d"});
    CHECK(failure(reply) == "EXECUTOR_ERROR r2 r2/rep-0: std::runtime_error: r2 broke");
    CHECK(at(reply, "exit") == Value(1));
    CHECK(header(reply, "attempts") == "1");
  }
  CHECK(lines(sandbox, "r1").size() == 2);
  CHECK(lines(sandbox, "r3").empty());
  const Finished plain = sandbox.flowctl({"post", "/x", "--text", "d"});
  CHECK(plain.code == 1);
  CHECK(plain.out == "");
  CHECK(plain.err.find(
            "EXECUTOR_ERROR: std::runtime_error: r2 broke (executor r2, instance r2/rep-0)") !=
        std::string::npos);
}

TEST_CASE("an error goes through both branches behind it as one (N-05)") {
  Sandbox sandbox;
  Flow flow(sandbox, fail("r1", "\"gateway\"") + record("r2", "\"r1\"") + record("r3", "\"r1\"") +
                         record("j", R"(["r3", "r2"])"));
  CHECK(failure(flow.post("/x", {"--text", "d"})) ==
        "EXECUTOR_ERROR r1 r1/rep-0: std::runtime_error: r1 broke");
  for (const char* name : {"r2", "r3", "j"})
    CHECK(lines(sandbox, name).empty());
}

TEST_CASE("a join behind a failed branch does not run, the other branch does (N-06)") {
  Sandbox sandbox;
  Flow flow(sandbox,
            fail("a", "\"gateway\"") + record("b", "\"gateway\"") + record("j", R"(["b", "a"])"));
  CHECK(failure(flow.post("/x", {"--text", "d"})) ==
        "EXECUTOR_ERROR a a/rep-0: std::runtime_error: a broke");
  CHECK(eventually([&] { return lines(sandbox, "b").size() == 1; }));
  CHECK(lines(sandbox, "j").empty());
}

TEST_CASE("of several failed branches the first declared one is reported") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("late", "sleep", "with = { ms = 30 }") + fail("a", "\"late\"") +
                         fail("b", "\"gateway\"") +
                         executor("j", "pass-through", R"(needs = ["a", "b"])"));
  CHECK(failure(flow.post("/x", {"--text", "d"})) ==
        "EXECUTOR_ERROR a a/rep-0: std::runtime_error: a broke");
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

TEST_CASE("a request ends with its deadline, and the flow goes on (N-08)") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("slow", "sleep", R"(with = { ms = { "/slow" = 700, "*" = 0 } })"));
  const Instant began = now();
  const Value reply = flow.post("/slow", {"--text", "d", "--timeout", "100ms"});
  CHECK(now() - began < milliseconds(600));
  CHECK(header(reply, "code") == "DEADLINE_EXCEEDED");
  CHECK(header(reply, "message").find("slow/rep-0") != std::string::npos);
  CHECK(at(reply, "exit") == Value(1));
  CHECK(header(flow.post("/slow", {"--text", "d", "--timeout", "3s"}), "code") == "OK");
  CHECK(header(flow.post("/x", {"--text", "d"}), "code") == "OK");
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

TEST_CASE("a busy instance stays ready and takes what comes after (N-15)") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("busy", "sleep", R"(with = { ms = { "/slow" = 1500, "*" = 0 } })"));
  Client client = flow.client();
  std::promise<Errc> slow;
  client.submit("/slow", one_document("1", "d"), {},
                [&slow](const Reply& reply) { slow.set_value(reply.code()); });
  std::future<Errc> answer = slow.get_future();
  while (answer.wait_for(milliseconds(50)) != std::future_status::ready)
    CHECK(flow.state() == "ready");
  CHECK(answer.get() == Errc::kOk);
}

TEST_CASE("a slow request holds up one replica only (P-15)") {
  Sandbox sandbox;
  const auto four_calls = [&sandbox](int replicas) {
    Flow flow(sandbox, executor("slow", "sleep",
                                fmt::format("replicas = {}\n", replicas) +
                                    R"(with = { ms = { "/slow" = 400, "/fast" = 0 } })"));
    Client client = flow.client();
    std::atomic<int> ok = 0;
    const Instant began = now();
    for (const char* endpoint : {"/slow", "/fast", "/slow", "/fast"}) {
      client.submit(endpoint, one_document("1", "d"), {},
                    [&ok](const Reply& reply) { ok += reply.ok() ? 1 : 0; });
    }
    CHECK(eventually([&ok] { return ok == 4; }));
    return now() - began;
  };
  const Duration two = four_calls(2);
  CHECK(two >= milliseconds(400));
  CHECK(two < milliseconds(750));
  CHECK(four_calls(1) >= milliseconds(800));
}

TEST_CASE("several clients at once get each their own answers (E-30)") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("a", "pass-through", "replicas = 2") + append("b", "\"gateway\"") +
                         executor("j", "pass-through", R"(needs = ["a", "b"])"));
  Load first(flow.client());
  Load second(flow.client());
  Load third(flow.client());
  for (Load* load : {&first, &second, &third}) {
    CHECK(load->answer(200));
    CHECK(load->stop());
    INFO(load->summary());
    CHECK(load->failed() == 0);
    CHECK(load->wrong() == 0);
  }
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
