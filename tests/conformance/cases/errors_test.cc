// Cases N: failing executors, deadlines, processes that are gone.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>

#include "case.h"

using namespace flow;
using namespace flow::testing;
using std::chrono::milliseconds;

namespace {

const std::string kDivides = "fail = \"division by zero\"";
const std::string kBroken = "fail = \"not implemented\"";

// "EXECUTOR_ERROR r1 r1/rep-0: std::logic_error: not implemented"
std::string failure(const Value& reply) {
  return fmt::format("{} {} {}: {}", code(reply), header(reply, "executor"),
                     header(reply, "instance"), header(reply, "message"));
}

std::string dead_flow(std::string_view executors) {
  return fmt::format("[gateway]\nunavailable_after = \"200ms\"\n{}", executors);
}

}  // namespace

TEST_CASE("N-01 the executor that failed is named, the next request fails the same way") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("r1", "pass", kBroken) + record("r2") + record("r3"));
  for (int i = 0; i < 2; ++i) {
    CHECK(failure(flow.post("/x", {"--text", "d"})) ==
          "EXECUTOR_ERROR r1 r1/rep-0: std::logic_error: not implemented");
  }
  CHECK(lines(sandbox, "r2").empty());
  CHECK(lines(sandbox, "r3").empty());
}

TEST_CASE("N-02 an exception in the middle is named by its type") {
  CaseSandbox sandbox;
  Flow flow(sandbox, record("r1") + kit("r2", "pass", kDivides) + record("r3"));
  CHECK(failure(flow.post("/x", {"--text", "d"})) ==
        "EXECUTOR_ERROR r2 r2/rep-0: std::domain_error: division by zero");
  CHECK(lines(sandbox, "r1").size() == 1);
  CHECK(lines(sandbox, "r3").empty());
}

TEST_CASE("N-03 of shards that fail and an executor behind them only the first is an error") {
  CaseSandbox sandbox;
  const auto flow_with = [&](std::string_view polling) {
    return record("r1") +
           kit("r2", "pass", kDivides, fmt::format("shards = 3\npolling = \"{}\"", polling)) +
           kit("r3", "pass", kBroken + ", " + sandbox.logged());
  };
  const auto check = [&sandbox](Flow& flow) {
    const Value reply = flow.post("/x", {"--text", "d"});
    CHECK(code(reply) == "EXECUTOR_ERROR");
    CHECK(header(reply, "executor") == "r2");
    CHECK(header(reply, "message") == "std::domain_error: division by zero");
    CHECK(sandbox.log().empty());
    return header(reply, "instance");
  };
  SUBCASE("ANY") {
    Flow flow(sandbox, flow_with("ANY"));
    CHECK(check(flow).starts_with("r2/shard-"));
  }
  SUBCASE("ALL") {
    Flow flow(sandbox, flow_with("ALL"));
    CHECK(check(flow) == "r2/shard-0/rep-0");
  }
}

TEST_CASE("N-04 the executors before the one that failed are in the answer") {
  CaseSandbox sandbox;
  Flow flow(sandbox, executor("r1", "pass-through") + kit("r3", "pass", kBroken));
  const Value reply = flow.post("/x", {"--text", "d"});
  CHECK(code(reply) == "EXECUTOR_ERROR");
  CHECK(header(reply, "executor") == "r3");
  CHECK(executed(reply) == Names{"r1", "r3"});
}

TEST_CASE("N-05 a failure is one failure, also where branches meet behind it") {
  CaseSandbox sandbox;
  const std::string broken = kit("r1", "pass", kDivides);
  const std::string expected = "EXECUTOR_ERROR r1 r1/rep-0: std::domain_error: division by zero";
  SUBCASE("a chain") {
    Flow flow(sandbox, broken + record("r2") + record("r3"));
    CHECK(failure(flow.post("/x", {"--text", "d"})) == expected);
  }
  SUBCASE("two branches") {
    Flow flow(sandbox,
              broken + record("r2") + record("r3", "\"r1\"") + record("join", R"(["r3", "r2"])"));
    CHECK(failure(flow.post("/x", {"--text", "d"})) == expected);
    CHECK(lines(sandbox, "join").empty());
  }
  CHECK(lines(sandbox, "r2").empty());
  CHECK(lines(sandbox, "r3").empty());
}

TEST_CASE("N-06 a join of a failed branch and a good one does not run") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "pass", kBroken) + record("b", "\"gateway\"") +
                         record("join", R"(["b", "a"])"));
  CHECK(failure(flow.post("/x", {"--text", "d"})) ==
        "EXECUTOR_ERROR a a/rep-0: std::logic_error: not implemented");
  CHECK(eventually([&sandbox] { return lines(sandbox, "b").size() == 1; }));
  CHECK(lines(sandbox, "join").empty());
}

TEST_CASE("N-08 a request ends with its deadline, not before") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("slow", "sleep", "with = { ms = 150 }"));
  CHECK(code(flow.post("/x", {"--text", "d"})) == "OK");
  CHECK(code(flow.post("/x", {"--text", "d", "--timeout", "3s"})) == "OK");
  CHECK(code(flow.post("/x", {"--text", "d", "--timeout", "10ms"})) == "DEADLINE_EXCEEDED");
}

TEST_CASE("N-09 an executor that is gone is named with its address, again and again") {
  Sandbox sandbox;
  const std::string file = dead_flow(executor("only", "pass-through", "restart = false"));
  Flow flow(sandbox, file);
  SUBCASE("before the first request") {}
  SUBCASE("after the first request") {
    CHECK(code(flow.post("/x")) == "OK");
  }
  flow.kill("only/rep-0");
  for (int i = 0; i < 2; ++i) {
    const Value reply = flow.post("/x", {"--text", "d"});
    CHECK(code(reply) == "UNAVAILABLE");
    CHECK(header(reply, "executor") == "only");
    CHECK(header(reply, "message").find("ipc://" + flow.dir() + "/data-") != std::string::npos);
  }
}

TEST_CASE("N-10 with one of three replicas gone every request succeeds") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("work", "pass-through", "replicas = 3\nrestart = false"));
  CHECK(code(flow.post("/x")) == "OK");
  flow.kill("work/rep-1");
  for (int i = 0; i < 3; ++i)
    CHECK(code(flow.post("/x")) == "OK");
}

TEST_CASE("N-11 with all replicas gone the error has every address") {
  Sandbox sandbox;
  Flow flow(sandbox, dead_flow(executor("work", "pass-through", "replicas = 3\nrestart = false")));
  for (int i = 0; i < 3; ++i)
    flow.kill(fmt::format("work/rep-{}", i));
  const Value reply = flow.post("/x");
  CHECK(code(reply) == "UNAVAILABLE");
  for (int i = 0; i < 3; ++i) {
    const std::string address = fmt::format("work/rep-{} (ipc://{}/data-", i, flow.dir());
    CHECK(header(reply, "message").find(address) != std::string::npos);
  }
}

TEST_CASE("N-14 a shard or what gathers the shards is named with its address when it is gone") {
  Sandbox sandbox;
  Flow flow(sandbox, dead_flow(executor("shards", "pass-through",
                                        "shards = 2\npolling = \"ALL\"\nrestart = false\n"
                                        "uses_after = \"match-merger\"")));
  CHECK(code(flow.post("/x", {"--text", "d"})) == "OK");
  const char* victim = "shards/shard-1/rep-0";
  SUBCASE("a shard") {}
  SUBCASE("what gathers") {
    victim = "shards/uses_after/rep-0";
  }
  flow.kill(victim);
  const Value reply = flow.post("/x", {"--text", "d"});
  CHECK(code(reply) == "UNAVAILABLE");
  CHECK(header(reply, "executor") == "shards");
  const std::string address = fmt::format("{} (ipc://{}/data-", victim, flow.dir());
  CHECK(header(reply, "message").find(address) != std::string::npos);
}

TEST_CASE("N-15 an instance at work is ready all the time, and finishes") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("busy", "pass", sandbox.gated()));
  Client client = flow.client();
  std::atomic<bool> answered = false;
  client.submit("/x", one_document("1", "d"), {},
                [&answered](const Reply& reply) { answered = reply.ok(); });
  CHECK(sandbox.saw("busy/rep-0 begins"));
  const Instant until = now() + milliseconds(1000);
  while (now() < until)
    CHECK(flow.state() == "ready");
  CHECK_FALSE(answered);
  sandbox.open_gate();
  CHECK(eventually([&answered] { return answered.load(); }));
}

TEST_CASE("N-18 a failure of what gathers has the exception's name and text") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("shards", "pass", "",
                         "shards = 2\npolling = \"ALL\"\nuses_after = { uses = \"case-kit\", "
                         "with = { mode = \"chain\", fail = \"division by zero\" } }"));
  CHECK(failure(flow.post("/x", {"--text", "d"})) ==
        "EXECUTOR_ERROR shards shards/uses_after/rep-0: std::domain_error: division by zero");
}
