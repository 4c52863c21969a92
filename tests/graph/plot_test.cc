#include "graph/plot.h"

#include <doctest/doctest.h>

#include "declaring.h"

namespace flow::graph {
namespace {

FlowDecl example() {
  FlowDecl flow = flow_of(
      {executor("a", {"gateway"}), executor("left", {"a"}), executor("right", {"a", "gateway"})});
  flow.executors[0].replicas = 3;
  flow.executors[2].uses.value = "rank-\"fusion\"";
  flow.executors[2].no_reduce = true;
  return flow;
}

std::string plotted(const FlowDecl& flow, PlotFormat format) {
  Diagnostics diagnostics;
  const std::optional<Graph> graph = compile(flow, diagnostics);
  REQUIRE(graph.has_value());
  return plot(flow, *graph, format);
}

TEST_CASE("dot has the gateway on both sides, replicas, and hanging leaves dashed") {
  CHECK(plotted(example(), PlotFormat::kDot) == R"(digraph "test" {
  rankdir=LR;
  node [shape=box, style=rounded];
  "gateway in" [label="gateway", shape=ellipse];
  "gateway out" [label="gateway", shape=ellipse];
  "a" [label="a\npass-through, 3 replicas"];
  "left" [label="left\npass-through\nhanging", style="rounded,dashed"];
  "right" [label="right\nrank-\"fusion\", not reduced"];
  "gateway in" -> "a";
  "a" -> "left";
  "a" -> "right";
  "gateway in" -> "right";
  "right" -> "gateway out";
}
)");
}

TEST_CASE("mermaid shows the same graph") {
  CHECK(plotted(example(), PlotFormat::kMermaid) == R"(flowchart LR
  gateway_in([gateway])
  gateway_out([gateway])
  n0["a<br/>pass-through, 3 replicas"]
  n1["left<br/>pass-through<br/>hanging"]
  style n1 stroke-dasharray: 5 5
  n2["right<br/>rank-#quot;fusion#quot;, not reduced"]
  gateway_in --> n0
  n0 --> n1
  n0 --> n2
  gateway_in --> n2
  n2 --> gateway_out
)");
}

TEST_CASE("text is a line an executor, after all it needs") {
  CHECK(plotted(example(), PlotFormat::kText) ==
        "flow test\n"
        "  a        pass-through, 3 replicas    <- gateway  -> left, right\n"
        "  left     pass-through                <- a  (hanging: nobody gets its results)\n"
        "  right    rank-\"fusion\", not reduced  <- a, gateway  -> gateway\n");
}

TEST_CASE("an empty flow goes from the gateway to the gateway") {
  CHECK(plotted(flow_of({}), PlotFormat::kDot).find("\"gateway in\" -> \"gateway out\"") !=
        std::string::npos);
  CHECK(plotted(flow_of({}), PlotFormat::kMermaid).find("gateway_in --> gateway_out") !=
        std::string::npos);
  CHECK(plotted(flow_of({}), PlotFormat::kText) == "flow test\n  gateway  -> gateway\n");
}

TEST_CASE("shards and floating are shown") {
  FlowDecl flow = flow_of({executor("a", {"gateway"}), floating(executor("side", {"a"}))});
  flow.executors[0].shards = 2;
  const std::string text = plotted(flow, PlotFormat::kText);
  CHECK(text.find("pass-through, 2 shards x 1 replica ") != std::string::npos);
  CHECK(text.find("pass-through, floating") != std::string::npos);
  CHECK(text.find("hanging") == std::string::npos);
}

FlowDecl search() {
  ExecutorDecl index =
      between("append", sharded(executor("index", {"gateway"}), 2), "match-merger");
  index.replicas = 3;
  index.when = ValueMap{};
  ExecutorDecl all = sharded(executor("all", {"index"}), 4);
  all.polling = {{{"/\"x\"", Polling::kAny}, {"/search", Polling::kAllAsync}}, Polling::kAll, {}};
  return flow_of({index, all});
}

TEST_CASE("dot frames companions and says how shards are asked") {
  CHECK(plotted(search(), PlotFormat::kDot) == R"(digraph "test" {
  rankdir=LR;
  node [shape=box, style=rounded];
  "gateway in" [label="gateway", shape=ellipse];
  "gateway out" [label="gateway", shape=ellipse];
  subgraph "cluster index" { label="index";
  "index/uses_before" [label="index/uses_before\nappend, filtered"];
  "index" [label="index\npass-through, 2 shards x 3 replicas"];
  "index/uses_after" [label="index/uses_after\nmatch-merger"];
  }
  "all" [label="all\npass-through, 4 shards x 1 replica"];
  "gateway in" -> "index/uses_before";
  "index/uses_before" -> "index" [label="/search ALL, else ANY"];
  "index" -> "index/uses_after";
  "index/uses_after" -> "all" [label="/\"x\" ANY, /search ALL_ASYNC, /index ANY, else ALL"];
  "all" -> "gateway out";
}
)");
}

TEST_CASE("mermaid frames companions and says how shards are asked") {
  CHECK(plotted(search(), PlotFormat::kMermaid) == R"(flowchart LR
  gateway_in([gateway])
  gateway_out([gateway])
  subgraph e0["index"]
  n0["index/uses_before<br/>append, filtered"]
  n1["index<br/>pass-through, 2 shards x 3 replicas"]
  n2["index/uses_after<br/>match-merger"]
  end
  n3["all<br/>pass-through, 4 shards x 1 replica"]
  gateway_in --> n0
  n0 -->|"/search ALL, else ANY"| n1
  n1 --> n2
  n2 -->|"/#quot;x#quot; ANY, /search ALL_ASYNC, /index ANY, else ALL"| n3
  n3 --> gateway_out
)");
}

TEST_CASE("text says behind the needs how shards are asked") {
  CHECK(plotted(search(), PlotFormat::kText)
            .find("<- index/uses_before (/search ALL, else ANY)  -> index/uses_after\n") !=
        std::string::npos);
}

TEST_CASE("an edge says what is split by id") {
  ExecutorDecl index = sharded(executor("index", {"gateway"}), 2);
  index.polling.endpoints = {{"/index", Polling::kHash}};
  CHECK(plotted(flow_of({index}), PlotFormat::kText).find("(/index HASH, /search ALL, else ANY)") !=
        std::string::npos);
}

TEST_CASE("a node says what goes to all of its replicas") {
  ExecutorDecl index = executor("index", {"gateway"});
  index.replicas = 2;
  index.replicate = {{"/index", {}}, {"/delete", {}}};
  CHECK(plotted(flow_of({index}), PlotFormat::kText)
            .find("pass-through, 2 replicas, /index /delete to all replicas") != std::string::npos);
}

TEST_CASE("of many endpoints a plot names the first few") {
  ExecutorDecl index = sharded(executor("index", {"gateway"}), 2);
  for (int i = 0; i < 9; ++i)
    index.polling.endpoints.emplace_back("/" + std::to_string(i), Polling::kAll);
  CHECK(plotted(flow_of({index}), PlotFormat::kText)
            .find("(/0 ALL, /1 ALL, /2 ALL, /3 ALL, ..., else ANY)") != std::string::npos);
}

}  // namespace
}  // namespace flow::graph
