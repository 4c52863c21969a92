#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>

#include "base/json.h"
#include "config/report.h"
#include "loading.h"

namespace flow::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("every key that is supported reaches its field") {
  const LoadResult result = load(R"(
x-note = "free"
[gateway]
address = "tcp://[::1]:21000"
deadline = "250ms"
max_in_flight = 7
max_in_flight_bytes = "1GiB"
max_queued = 9
max_request = "512MiB"
unavailable_after = "2s"
x-any = 1
[redis]
url = "unix:///run/redis.sock"
password_file = "/etc/secret"
[[executor]]
name = "index"
uses = "vector-index"
with = { dim = 256, rate = 0.5, deep = { list = [1, "two"] } }
env = { A = "1" }
no_reduce = true
timeout = "5s"
workspace = "/data"
restart = false
ready_timeout = "2m"
effects = { "/index" = "once", "*" = "readonly" }
threads = 1
shards = 1
x-owner = { team = "search" }
)");
  CHECK(report_text(result) == "");
  REQUIRE(result.ok());
  const graph::FlowDecl& flow = result.flow->decl;
  CHECK(flow.name.value == "test");
  CHECK(flow.gateway.address == "tcp://[::1]:21000");
  CHECK(flow.gateway.deadline == milliseconds(250));
  CHECK(flow.gateway.max_in_flight == 7);
  CHECK(flow.gateway.max_in_flight_bytes == 1ULL << 30);
  CHECK(flow.gateway.max_queued == 9);
  CHECK(flow.gateway.max_request == 512ULL << 20);
  CHECK(flow.gateway.unavailable_after == seconds(2));
  CHECK(flow.redis.url == "unix:///run/redis.sock");
  CHECK(flow.redis.password_file == "/etc/secret");
  const graph::ExecutorDecl& index = flow.executors.at(0);
  CHECK(index.uses.value == "vector-index");
  CHECK(to_json(Value(index.with)) == R"({"dim":256,"rate":0.5,"deep":{"list":[1,"two"]}})");
  CHECK(index.env == std::map<std::string, std::string>{{"A", "1"}});
  CHECK(index.no_reduce);
  CHECK(index.timeout == seconds(5));
  CHECK(index.workspace == "/data");
  CHECK_FALSE(index.restart);
  CHECK(index.ready_timeout == seconds(120));
  CHECK(index.effects ==
        std::vector<std::pair<std::string, std::string>>{{"/index", "once"}, {"*", "readonly"}});
}

TEST_CASE("batching is said for each endpoint, with 10 ms where no timeout is") {
  const LoadResult result = load(R"(
[[executor]]
name = "encode"
shards = 2
uses_before = "append"
batching = { "/encode" = { size = 32, timeout = "2ms" }, "*" = { size = 1 } }
[[executor]]
name = "plain"
batching = {}
[[executor]]
name = "joined"
needs = ["encode", "gateway"]
no_reduce = true
uses_before = "append"
batching = { "*" = { size = 65536, timeout = "1h" } }
)");
  CHECK(codes(result) == Names{"W0201"});
  REQUIRE(result.ok());
  const graph::Graph& graph = result.flow->graph;
  const std::vector<BatchRule> encode{{"/encode", 32, milliseconds(2)}, {"*", 1, milliseconds(10)}};
  CHECK(graph.find("encode")->batching == encode);
  CHECK(graph.find("encode/uses_before")->batching.empty());
  CHECK(graph.find("plain")->batching.empty());
  CHECK(graph.find("joined")->batching.size() == 1);
}

std::string polling_of(const LoadResult& result, std::string_view name) {
  REQUIRE(result.ok());
  std::string text;
  for (const auto& [endpoint, polling] : result.flow->graph.find(name)->polling) {
    text += (text.empty() ? "" : ", ") + endpoint + " " + std::string(graph::polling_word(polling));
  }
  return text;
}

TEST_CASE("polling is a word or a table, in any letter case, or an older number") {
  const auto polled = [](std::string_view value) {
    return polling_of(
        load("[[executor]]\nname = \"a\"\nshards = 2\npolling = " + std::string(value) + "\n"),
        "a");
  };
  CHECK(polled("\"All\"") == "/search ALL, /index ANY, * ALL");
  CHECK(polled("\"any\"") == "/search ALL, /index ANY, * ANY");
  CHECK(polled("2") == "/search ALL, /index ANY, * ALL");
  CHECK(polled("{ \"*\" = \"ALL\" }") == "/search ALL, /index ANY, * ALL");
  CHECK(polled("{}") == "/search ALL, /index ANY, * ANY");
  CHECK(polled("{ \"/custom\" = \"ALL\", \"/search\" = \"ANY\", \"*\" = \"ANY\" }") ==
        "/custom ALL, /search ANY, /index ANY, * ANY");
  CHECK(polled("{ \"/a\" = 1, \"/b\" = 2, \"/c\" = 3, \"/d\" = \"aLL_aSYNC\" }") ==
        "/a ANY, /b ALL, /c ALL_ASYNC, /d ALL_ASYNC, /search ALL, /index ANY, * ANY");
  CHECK(polled("\"${POLLING:-2}\"") == "/search ALL, /index ANY, * ALL");
}

TEST_CASE("shards, floating and allow_partial reach their fields") {
  const LoadResult result = load(R"(
[[executor]]
name = "a"
parallel = 3
allow_partial = true
[[executor]]
name = "b"
shards = 2
floating = true
)");
  REQUIRE(result.ok());
  CHECK(result.flow->decl.executors[0].shards == 3);
  CHECK(result.flow->decl.executors[0].allow_partial);
  CHECK(result.flow->graph.find("a")->allow_partial);
  CHECK(result.flow->graph.find("a")->shards == 3);
  CHECK_FALSE(result.flow->decl.executors[1].allow_partial);
  CHECK(result.flow->graph.find("b")->floating);
}

TEST_CASE("a companion named by a string gets the executor's table, one with a table its own") {
  const LoadResult result = load(R"(
[[executor]]
name = "a"
with = { top = 3 }
shards = 2
uses_before = "append"
uses_after = { uses = "match-merger", replicas = 2, env = { A = "1" } }
)");
  REQUIRE(result.ok());
  const graph::ExecutorDecl& executor = result.flow->decl.executors[0];
  REQUIRE(executor.uses_before.has_value());
  CHECK(executor.uses_before->uses.value == "append");
  CHECK(executor.uses_before->with == executor.with);
  CHECK(executor.uses_before->replicas == 1);
  REQUIRE(executor.uses_after.has_value());
  CHECK(executor.uses_after->uses.value == "match-merger");
  CHECK(executor.uses_after->with.empty());
  CHECK(executor.uses_after->replicas == 2);
  CHECK(executor.uses_after->env == std::map<std::string, std::string>{{"A", "1"}});
  CHECK(needs(result, "a/uses_after") == Names{"a"});
}

TEST_CASE("a filter is a table or a string of JSON, and keeps its place") {
  const LoadResult result = load(R"(
[[executor]]
name = "a"
when = { tags__n = { "$gt" = 5, "$lt" = 9.5 } }
[[executor]]
name = "b"
when = '{"tags__n": {"$eq": null}}'
[[executor]]
name = "c"
when = {}
[[executor]]
name = "d"
)");
  REQUIRE(result.ok());
  const std::vector<graph::ExecutorDecl>& executors = result.flow->decl.executors;
  CHECK(to_json(Value(executors[0].when.value())) == R"({"tags__n":{"$gt":5,"$lt":9.5}})");
  CHECK(executors[0].when_place.line == 6);
  CHECK(executors[0].when_place.column == 8);
  CHECK(to_json(Value(executors[1].when.value())) == R"({"tags__n":{"$eq":null}})");
  CHECK(executors[2].when.value().empty());
  CHECK_FALSE(executors[3].when.has_value());
  CHECK(result.flow->graph.find("a")->when == executors[0].when);
}

TEST_CASE("--set changes the newer keys as well") {
  const LoadResult result =
      load("[[executor]]\nname = \"a\"\n",
           quiet({"a.shards=2", "a.polling=ALL", "a.uses_after.uses=match-merger",
                  "a.uses_after.with.top=3", "a.when={ id = { \"$eq\" = \"x\" } }"}));
  REQUIRE(result.ok());
  CHECK(polling_of(result, "a") == "/search ALL, /index ANY, * ALL");
  CHECK(result.flow->graph.find("a/uses_after")->with == ValueMap{{"top", 3}});
  CHECK(result.flow->graph.find("a")->when.has_value());
}

TEST_CASE("there is a program for each node, companions included") {
  const LoadResult result = load(R"(
[[executor]]
name = "a"
uses = "BaseExecutor"
uses_before = "append"
uses_after = { uses = "/bin/true" }
[[executor]]
name = "b"
uses = "/bin/sh"
)");
  REQUIRE(result.ok());
  CHECK(result.flow->programs == Names{"flow-worker", "flow-worker", "/bin/true", "/bin/sh"});
}

TEST_CASE("what a flow file leaves out has its default") {
  const LoadResult result = load("[[executor]]\n");
  REQUIRE(result.ok());
  const graph::FlowDecl& flow = result.flow->decl;
  CHECK(flow.gateway.address.empty());
  CHECK(flow.gateway.deadline == seconds(30));
  CHECK(flow.redis.url == "private");
  const graph::ExecutorDecl& executor = flow.executors.at(0);
  CHECK(executor.name.value == "executor0");
  CHECK(executor.uses.value == "pass-through");
  CHECK(executor.replicas == 1);
  CHECK(executor.restart);
  CHECK(needs(result, "executor0") == Names{"gateway"});
}

TEST_CASE("the older name of no_reduce works") {
  const LoadResult result = load("[[executor]]\ndisable_reduce = true\n");
  REQUIRE(result.ok());
  CHECK(result.flow->decl.executors[0].no_reduce);
}

TEST_CASE("BaseExecutor on a join switches reduction off, elsewhere it is pass-through") {
  const LoadResult result = load(R"(
[[executor]]
name = "a"
uses = "BaseExecutor"
[[executor]]
name = "join"
uses = "BaseExecutor"
needs = ["a", "gateway"]
)");
  REQUIRE(result.ok());
  const graph::Graph& graph = result.flow->graph;
  CHECK(graph.find("a")->uses == "pass-through");
  CHECK_FALSE(graph.find("a")->no_reduce);
  CHECK(graph.find("join")->no_reduce);
}

TEST_CASE("tests of a flow file are read with their documents") {
  const LoadResult result = load(R"(
[[executor]]
[[test]]
name = "finds it"
endpoint = "/search"
input = [{ id = "a", tags = { n = 5 } }]
parameters = { top = 1 }
target = "exec.*"
expect = [{ text = "x" }]
expect_code = "OK"
unordered = true
[[test]]
endpoint = "/x"
input_file = "/dev/null"
expect_code = "DEADLINE_EXCEEDED"
)");
  REQUIRE(result.ok());
  REQUIRE(result.flow->tests.size() == 2);
  const TestDecl& first = result.flow->tests[0];
  CHECK(first.name == "finds it");
  CHECK(first.endpoint == "/search");
  CHECK(to_json(Value(first.input)) == R"([{"id":"a","tags":{"n":5}}])");
  CHECK(to_json(Value(first.parameters)) == R"({"top":1})");
  CHECK(first.target == "exec.*");
  REQUIRE(first.expect.has_value());
  CHECK(to_json(Value(*first.expect)) == R"([{"text":"x"}])");
  CHECK(first.unordered);
  const TestDecl& second = result.flow->tests[1];
  CHECK(second.name == "test 2");
  CHECK(second.input_file == "/dev/null");
  CHECK_FALSE(second.expect.has_value());
  CHECK(second.expect_code == Errc::kDeadlineExceeded);
}

TEST_CASE("a leaf that nobody returns and an index with replicas are warnings") {
  constexpr std::string_view kFlow = R"(
[[executor]]
name = "a"
[[executor]]
name = "left"
needs = "a"
[[executor]]
name = "right"
uses = "text-index"
replicas = 2
needs = "a"
)";
  const LoadResult result = load(kFlow);
  CHECK(result.ok());
  CHECK(codes(result) == Names{"W0201", "W0202"});

  LoadOptions strict = quiet();
  strict.deny_warnings = true;
  CHECK_FALSE(load(kFlow, strict).ok());
  CHECK(codes(load(kFlow, strict)) == Names{"W0201", "W0202"});
}

TEST_CASE("all errors are reported in one run, in the order of the file") {
  const LoadResult result = load(R"(
[[executor]]
name = "a"
replcas = 2
needs = "nobody"
[[executor]]
name = "a"
replicas = "2"
[gateway]
deadline = "never"
)");
  CHECK(codes(result) == Names{"E0106", "E0133", "E0132", "E0107", "E0109"});
}

TEST_CASE("a file with carriage returns and without a last newline loads") {
  const LoadResult result =
      load_flow_text("[flow]\r\nname = \"test\"\r\n[[executor]]\r\nname = \"a\"", "f", quiet());
  CHECK(report_text(result) == "");
  CHECK(result.ok());
}

TEST_CASE("a file that cannot be read is an error without a place") {
  const LoadResult missing = load_flow("/nowhere/flow.toml", quiet());
  CHECK(codes(missing) == Names{"E0101"});
  CHECK(report_text(missing) ==
        "/nowhere/flow.toml: error[E0101]: the file cannot be read: No such file or directory\n"
        "hint: give the path of a flow file\n"
        "/nowhere/flow.toml: 1 error\n");
  CHECK(codes(load_flow("/", quiet())) == Names{"E0101"});
}

TEST_CASE("the number of executors has a limit") {
  const auto flow_of = [](int count) {
    std::string text;
    for (int i = 0; i < count; ++i)
      text += "[[executor]]\n";
    return load(text);
  };
  CHECK(flow_of(256).ok());
  CHECK(codes(flow_of(257)) == Names{"E0138"});
}

TEST_CASE("the flow files that are shipped load without a warning") {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(FLOW_SHIPPED_FLOWS)) {
    const LoadResult result = load_flow(entry.path().string(), quiet());
    CHECK(report_text(result) == "");
    REQUIRE(result.ok());
    CHECK(result.flow->decl.name.value == entry.path().stem().string());
    ++count;
  }
  CHECK(count >= 3);
}

}  // namespace
}  // namespace flow::config
