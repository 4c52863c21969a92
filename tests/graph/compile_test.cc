#include <doctest/doctest.h>

#include "declaring.h"

namespace flow::graph {
namespace {

Graph compiled(const FlowDecl& flow) {
  Diagnostics diagnostics;
  std::optional<Graph> graph = compile(flow, diagnostics);
  CHECK_FALSE(diagnostics.has_errors());
  REQUIRE(graph.has_value());
  return *graph;
}

Names errors_of(const FlowDecl& flow) {
  Diagnostics diagnostics;
  CHECK_FALSE(compile(flow, diagnostics).has_value());
  return codes_of(diagnostics);
}

Names names(const Graph& graph, const std::vector<NodeIndex>& indexes) {
  Names out;
  for (const NodeIndex index : indexes) {
    out.push_back(index == kGatewayNode ? "gateway" : graph[index].name);
  }
  return out;
}

TEST_CASE("an empty flow compiles and the gateway answers") {
  const Graph graph = compiled(flow_of({}));
  CHECK(graph.nodes().empty());
  CHECK(graph.sink() == kGatewayNode);
  CHECK(graph.first().empty());
}

TEST_CASE("edges run both ways and the sink's last successor is the gateway") {
  const Graph graph =
      compiled(flow_of({executor("a", {"gateway"}), executor("b", {"a"}),
                        executor("c", {"a", "gateway"}), executor("d", {"c", "b", "c"})}));
  CHECK(names(graph, graph.find("d")->needs) == Names{"c", "b"});
  CHECK(names(graph, graph.find("a")->successors) == Names{"b", "c"});
  CHECK(names(graph, graph.find("d")->successors) == Names{"gateway"});
  CHECK(names(graph, graph.first()) == Names{"a", "c"});
  CHECK(graph[graph.sink()].name == "d");
}

TEST_CASE("forward references are allowed and the order puts every node after its needs") {
  const Graph graph =
      compiled(flow_of({executor("c", {"b"}), executor("b", {"a"}), executor("a", {"gateway"})}));
  CHECK(names(graph, graph.topological()) == Names{"a", "b", "c"});
  CHECK(graph[graph.sink()].name == "a");
  CHECK(names(graph, graph.find("a")->successors) == Names{"b", "gateway"});
}

TEST_CASE("a star stands for what nobody above needs, in declared order") {
  const Graph graph = compiled(
      flow_of({executor("a", {"gateway"}), executor("b", {"a"}), executor("c", {"gateway"}),
               floating(executor("side", {"a"})), executor("all", {"gateway", "*"})}));
  CHECK(names(graph, graph.find("all")->needs) == Names{"gateway", "b", "c"});
}

TEST_CASE("the last node that is not floating answers") {
  const Graph graph =
      compiled(flow_of({executor("a", {"gateway"}), floating(executor("side", {"a"}))}));
  CHECK(graph[graph.sink()].name == "a");
  CHECK(names(graph, graph.find("a")->successors) == Names{"side", "gateway"});
}

TEST_CASE("a floating node stops floating when the main line needs it, through others too") {
  const Graph graph =
      compiled(flow_of({floating(executor("x", {"gateway"})), floating(executor("y", {"x"})),
                        executor("main", {"y"}), floating(executor("side", {"main"}))}));
  CHECK_FALSE(graph.find("x")->floating);
  CHECK_FALSE(graph.find("y")->floating);
  CHECK(graph.find("side")->floating);
}

TEST_CASE("with floating nodes only the gateway answers") {
  CHECK(compiled(flow_of({floating(executor("x", {"gateway"}))})).sink() == kGatewayNode);
}

TEST_CASE("mistakes in needs are errors, all in one run") {
  CHECK(errors_of(flow_of({executor("a", {"gateway"}), executor("b", {"x", "b"}), executor("c", {}),
                           executor("a", {"gateway"})})) ==
        Names{"E0132", "E0133", "E0134", "E0136"});
  CHECK(errors_of(flow_of({executor("a", {"*"})})) == Names{"E0137"});
}

TEST_CASE("an unknown need suggests the name that was meant") {
  Diagnostics diagnostics;
  (void)compile(flow_of({executor("encode", {"gateway"}), executor("b", {"encoed"})}), diagnostics);
  REQUIRE(diagnostics.all().size() == 1);
  CHECK(diagnostics.all()[0].hint == "did you mean 'encode'?");
}

TEST_CASE("every separate cycle is named once, nodes behind it are not") {
  Diagnostics diagnostics;
  (void)compile(flow_of({executor("behind", {"b"}), executor("a", {"b"}), executor("b", {"a"}),
                         executor("c", {"d"}), executor("d", {"gateway", "c"})}),
                diagnostics);
  REQUIRE(codes_of(diagnostics) == Names{"E0135", "E0135"});
  CHECK(diagnostics.all()[0].message ==
        "these executors wait for one another: 'a' needs 'b' needs 'a'");
  CHECK(diagnostics.all()[1].message ==
        "these executors wait for one another: 'c' needs 'd' needs 'c'");
}

TEST_CASE("names follow their grammar and gateway is reserved") {
  for (const char* good : {"a", "_", "A9", "a-b_c", "joiner"}) {
    CAPTURE(good);
    compiled(flow_of({executor(good, {"gateway"})}));
  }
  for (const char* bad : {"", "9a", "-a", "a b", "a/b", "a.b", "\xC3\xA9"}) {
    CAPTURE(bad);
    CHECK(errors_of(flow_of({executor(bad, {"gateway"})})) == Names{"E0130"});
  }
  CHECK(errors_of(flow_of({executor(std::string(64, 'a'), {"gateway"})})) == Names{"E0130"});
  CHECK(errors_of(flow_of({executor("gateway", {"gateway"})})) == Names{"E0131"});
}

TEST_CASE("nodes and processes are limited") {
  std::vector<ExecutorDecl> many;
  for (std::size_t i = 0; i < kMaxNodes; ++i) {
    many.push_back(executor("n" + std::to_string(i), {"gateway"}));
  }
  compiled(flow_of(many));
  many.push_back(executor("last", {"gateway"}));
  CHECK(errors_of(flow_of(many)) == Names{"E0138"});

  ExecutorDecl large = executor("a", {"gateway"});
  large.replicas = 4096;
  compiled(flow_of({large}));
  CHECK(errors_of(flow_of({large, executor("b", {"a"}), executor("c", {"b"})})) == Names{"E0139"});
}

TEST_CASE("a leaf that nobody returns and an index with replicas are warned about") {
  ExecutorDecl index = executor("index", {"a"});
  index.uses.value = "vector-index";
  index.replicas = 2;
  Diagnostics diagnostics;
  CHECK(compile(flow_of({executor("a", {"gateway"}), executor("leaf", {"a"}), index}), diagnostics)
            .has_value());
  CHECK(codes_of(diagnostics) == Names{"W0201", "W0202"});
}

TEST_CASE("instances are named after executor, shard and replica") {
  Node node;
  node.name = "index";
  CHECK(instance_name(node, 0, 2) == "index/rep-2");
  node.shards = 2;
  CHECK(instance_name(node, 1, 0) == "index/shard-1/rep-0");
}

}  // namespace
}  // namespace flow::graph
