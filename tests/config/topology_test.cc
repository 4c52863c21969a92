// The cases of the graph that are about loading, by their numbers.
#include <doctest/doctest.h>

#include <algorithm>

#include "base/json.h"
#include "config/flow_writer.h"
#include "config/report.h"
#include "loading.h"

namespace flow::config {
namespace {

constexpr std::string_view kThreeBranches = R"(
[[executor]]
name = "p1"
needs = "gateway"
[[executor]]
name = "p2"
needs = "gateway"
[[executor]]
name = "p3"
needs = "gateway"
)";

std::string with(std::string_view above, std::string_view below) {
  return std::string(above) + std::string(below);
}

// The message of the only error.
std::string only_error(const LoadResult& result) {
  return result.diagnostics.all().size() == 1 ? result.diagnostics.all()[0].message
                                              : report_text(result);
}

TEST_CASE("T-01: a flow without executors is valid and the gateway answers") {
  const LoadResult result = load("");
  REQUIRE(result.ok());
  CHECK(result.flow->graph.nodes().empty());
  CHECK(result.flow->graph.sink() == kGatewayNode);
}

TEST_CASE("T-05: needs = \"*\" without a name makes a node called joiner that needs all branches") {
  const LoadResult result = load(with(kThreeBranches, "[[executor]]\nneeds = \"*\"\n"));
  CHECK(needs(result, "joiner") == Names{"p1", "p2", "p3"});
}

TEST_CASE("T-06: needs = \"*\" over a single executor needs just that one") {
  const LoadResult result =
      load("[[executor]]\nname = \"p1\"\n[[executor]]\nname = \"r1\"\nneeds = \"*\"\n");
  CHECK(needs(result, "r1") == Names{"p1"});
}

TEST_CASE("T-07: needs = \"*\" takes only what nobody needs yet") {
  const std::string flow = with(kThreeBranches, R"(
[[executor]]
name = "r1"
needs = ["p1", "p2"]
[[executor]]
name = "r2"
needs = "*"
)");
  CHECK(needs(load(flow), "r2") == Names{"p3", "r1"});

  const LoadResult longer =
      load(with(flow, "[[executor]]\nname = \"p4\"\n[[executor]]\nname = \"r3\"\nneeds = \"*\"\n"));
  CHECK(needs(longer, "p4") == Names{"r2"});
  CHECK(needs(longer, "r3") == Names{"p4"});
}

TEST_CASE("T-08: one need as a string equals a list of one, and an empty list is an error") {
  const auto two = [](std::string_view need) {
    return load("[[executor]]\nname = \"p1\"\n[[executor]]\nname = \"r\"\nneeds = " +
                std::string(need) + "\n");
  };
  REQUIRE(two("\"p1\"").ok());
  CHECK(two("\"p1\"").flow->value == two("[\"p1\"]").flow->value);
  CHECK(codes(two("[]")) == Names{"E0136"});
}

TEST_CASE("T-09: an arbitrary graph resolves its needs in declared order") {
  const LoadResult result = load(R"(
[[executor]]
name = "p1"
[[executor]]
name = "p2"
needs = "gateway"
[[executor]]
name = "p3"
needs = "gateway"
[[executor]]
name = "p4"
needs = "gateway"
[[executor]]
name = "p5"
needs = "gateway"
[[executor]]
name = "r1"
needs = ["p4", "p2", "p4"]
[[executor]]
name = "r2"
needs = ["p3", "p5"]
[[executor]]
name = "r3"
needs = ["p1", "r1"]
[[executor]]
name = "r4"
needs = ["r2", "r3"]
)");
  CHECK(needs(result, "r1") == Names{"p4", "p2"});
  CHECK(needs(result, "r4") == Names{"r2", "r3"});
  REQUIRE(result.ok());
  CHECK(codes(result).empty());
  CHECK(result.flow->graph.first().size() == 5);
  CHECK(result.flow->graph[result.flow->graph.sink()].name == "r4");
}

TEST_CASE("T-10: needs = \"*\" and the same needs spelled out make equal flows") {
  const std::string two = "[[executor]]\n[[executor]]\nneeds = \"gateway\"\n";
  const LoadResult all = load(with(two, "[[executor]]\nneeds = \"*\"\n"));
  const LoadResult listed =
      load(with(two, "[[executor]]\nname = \"joiner\"\nneeds = [\"executor0\", \"executor1\"]\n"));
  const LoadResult more = load(with(two, "[[executor]]\nneeds = \"*\"\n[[executor]]\n"));

  REQUIRE(all.ok());
  REQUIRE(listed.ok());
  REQUIRE(more.ok());
  CHECK(all.flow->value == listed.flow->value);
  CHECK_FALSE(all.flow->value == more.flow->value);
}

TEST_CASE("T-22: a need that no executor has is an error that names it") {
  const LoadResult result = load("[[executor]]\nname = \"a\"\nneeds = [\"gateway\", \"nobody\"]\n");
  CHECK(codes(result) == Names{"E0133"});
  CHECK(only_error(result) == "executor 'a' needs 'nobody', but no executor has this name");
}

TEST_CASE("T-23: a cycle through forward references is an error that names its executors") {
  const LoadResult result = load(R"(
[[executor]]
name = "a"
needs = ["gateway", "c"]
[[executor]]
name = "b"
[[executor]]
name = "c"
)");
  CHECK(codes(result) == Names{"E0135"});
  CHECK(only_error(result) ==
        "these executors wait for one another: 'a' needs 'c' needs 'b' needs 'a'");
}

TEST_CASE("T-24: two executors of one name are an error") {
  const LoadResult result = load("[[executor]]\nname = \"a\"\n[[executor]]\nname = \"a\"\n");
  CHECK(std::ranges::count(codes(result), "E0132") == 1);
}

TEST_CASE("T-25: no identifier, a need of itself and a need that is a number are errors") {
  CHECK(codes(load("[[executor]]\nname = \"not-an identifier\"\n")) == Names{"E0130"});
  CHECK(codes(load("[[executor]]\nname = \"a\"\nneeds = [\"gateway\", \"a\"]\n")) ==
        Names{"E0134"});
  CHECK(codes(load("[[executor]]\nname = \"a\"\nneeds = 5\n")) == Names{"E0107"});
}

TEST_CASE("T-26: an executor without a name is called after the number of executors above") {
  const LoadResult result = load("[[executor]]\nname = \"a\"\n[[executor]]\n");
  CHECK(needs(result, "executor1") == Names{"a"});
}

TEST_CASE("T-26: a made name skips the names that are taken, above and below") {
  const LoadResult result = load(R"(
[[executor]]
[[executor]]
[[executor]]
name = "executor1"
[[executor]]
name = "joiner"
needs = "gateway"
[[executor]]
needs = "*"
)");
  REQUIRE(result.ok());
  std::vector<std::string> names;
  for (const graph::Node& node : result.flow->graph.nodes())
    names.push_back(node.name);
  CHECK(names == Names{"executor0", "executor2", "executor1", "joiner", "joiner1"});
}

TEST_CASE("T-33: a flow that was written and loaded again is equal") {
  const LoadResult first = load(R"(
[gateway]
address = "tcp://127.0.0.1:0"
deadline = "1500ms"
max_request = "1000000B"
[[executor]]
name = "a"
uses = "add-text"
with = { text = "tab\t \"quoted\" ${X:-y} $${Z} é", n = 5, x = 5.0, list = [1, [true, "b"]], t = { "odd key" = -1 } }
env = { A = "1", "B C" = "" }
replicas = 3
[[executor]]
name = "b"
needs = ["gateway", "a"]
no_reduce = true
timeout = "2s"
workspace = "/tmp/w"
restart = false
ready_timeout = "5m"
effects = { "/index" = "once", "*" = "readonly" }
[[executor]]
name = "searched"
batching = { "/search" = { size = 32, timeout = "250us" }, "*" = { size = 1 } }
shards = 3
replicas = 2
polling = { "/custom" = "all", "*" = 3, "/search" = "ALL_ASYNC" }
with = { top = 3 }
uses_before = "append"
uses_after = { uses = "match-merger", with = { top = 5 }, replicas = 2, env = { C = "3" } }
when = { "$or" = [{ tags__n = { "$gt" = 1, "$lte" = 5.5 } }, { text = { "$eq" = "${X:-y}$${B}" } }] }
allow_partial = true
[[executor]]
name = "asked"
parallel = 2
polling = "all"
uses_before = { uses = "append" }
uses_after = { uses = "append", with = { top = 1 } }
when = '{"tags__a": {"$in": [null, "$${", 1.0]}}'
[[executor]]
name = "side"
floating = true
when = {}
uses_before = { uses = "append", with = {} }
[[executor]]
name = "main"
[[executor]]
needs = "*"
)");
  CHECK(report_text(first) == "");
  REQUIRE(first.ok());
  const LoadResult again = load_flow_text(write_flow(first.flow->decl), "again.toml", quiet());

  CHECK(report_text(again) == report_text(first));
  REQUIRE(again.ok());
  CHECK(to_json(Value(again.flow->value)) == to_json(Value(first.flow->value)));
  CHECK(again.flow->value == first.flow->value);
  CHECK(write_flow(again.flow->decl) == write_flow(first.flow->decl));
  CHECK(*again.flow->decl.executors[0].with.find("text") ==
        Value("tab\t \"quoted\" y ${Z} \xC3\xA9"));
  CHECK(to_json(Value(*again.flow->decl.executors[3].when)) ==
        R"({"tags__a":{"$in":[null,"${",1.0]}})");
}

TEST_CASE("T-15: what stands behind a floating executor needs the one in front of it") {
  const LoadResult result = load(R"(
[[executor]]
name = "first"
[[executor]]
name = "second"
floating = true
[[executor]]
name = "third"
[[executor]]
name = "all"
needs = "*"
)");
  CHECK(needs(result, "second") == Names{"first"});
  CHECK(needs(result, "third") == Names{"first"});
  CHECK(needs(result, "all") == Names{"third"});
}

TEST_CASE("T-18: with a floating executor only the gateway answers") {
  const LoadResult result = load("[[executor]]\nfloating = true\n[[executor]]\nfloating = true\n");
  REQUIRE(result.ok());
  CHECK(needs(result, "executor1") == Names{"gateway"});
  CHECK(result.flow->graph.sink() == kGatewayNode);
}

TEST_CASE("P-13: processes are shards times replicas, and those of companions") {
  const auto processes = [](std::string_view keys) {
    const LoadResult result = load("[[executor]]\n" + std::string(keys));
    REQUIRE(result.ok());
    int count = 0;
    for (const graph::Node& node : result.flow->graph.nodes())
      count += node.shards * node.replicas;
    return count;
  };
  CHECK(processes("") == 1);
  CHECK(processes("replicas = 2") == 2);
  CHECK(processes("shards = 2") == 2);
  CHECK(processes("shards = 3\nreplicas = 2") == 6);
  CHECK(processes("parallel = 4\nreplicas = 3") == 12);
  CHECK(processes("shards = 2\nuses_before = \"append\"\nuses_after = \"append\"") == 4);
}

TEST_CASE("T-33: variables of the environment are put in, also where a number is wanted") {
  LoadOptions options = quiet();
  options.environment = environment({{"COUNT", "3"}, {"WORD", "hello"}, {"EMPTY", ""}});
  const LoadResult result = load(R"(
[[executor]]
name = "a"
uses = "${KIND:-append}"
replicas = "${COUNT}"
restart = "${RESTART:-false}"
with = { text = "${WORD} ${EMPTY:-world}${EMPTY}" }
)",
                                 options);
  REQUIRE(result.ok());
  const graph::ExecutorDecl& executor = result.flow->decl.executors[0];
  CHECK(executor.uses.value == "append");
  CHECK(executor.replicas == 3);
  CHECK_FALSE(executor.restart);
  CHECK(*executor.with.find("text") == Value("hello world"));
}

}  // namespace
}  // namespace flow::config
