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

TEST_CASE("an executor with companions is three nodes in a row, and others need its last") {
  const Graph graph =
      compiled(flow_of({between("append", sharded(executor("x", {"gateway"}), 2), "match-merger"),
                        executor("y", {"x"}), executor("z", {"x", "gateway"})}));
  Names all;
  for (const Node& node : graph.nodes())
    all.push_back(node.name);
  CHECK(all == Names{"x/uses_before", "x", "x/uses_after", "y", "z"});
  CHECK(names(graph, graph.find("x/uses_before")->needs) == Names{"gateway"});
  CHECK(names(graph, graph.find("x")->needs) == Names{"x/uses_before"});
  CHECK(names(graph, graph.find("x/uses_after")->needs) == Names{"x"});
  CHECK(names(graph, graph.find("y")->needs) == Names{"x/uses_after"});
  CHECK(names(graph, graph.find("x/uses_after")->successors) == Names{"y", "z"});
  CHECK(names(graph, graph.first()) == Names{"x/uses_before", "z"});
  CHECK(names(graph, graph.topological()) == all);
  for (std::uint16_t i = 0; i < graph.nodes().size(); ++i) {
    CHECK(graph.nodes()[i].index == NodeIndex{i});
    CHECK(graph.nodes()[i].executor == (i < 3 ? 0 : i - 2));
  }
  CHECK(graph.find("x/uses_before")->role == NodeRole::kBefore);
  CHECK(graph.find("x")->role == NodeRole::kMain);
  CHECK(graph.find("x/uses_after")->role == NodeRole::kAfter);
  CHECK(executor_name(*graph.find("x/uses_after")) == "x");
  CHECK(instance_name(*graph.find("x/uses_before"), 0, 0) == "x/uses_before/rep-0");
  CHECK(is_hanging(graph, graph.find("y")->index));
}

TEST_CASE("each node has the settings of its own program") {
  ExecutorDecl x = between("append", sharded(executor("x", {"gateway"}), 3), "match-merger");
  x.uses.value = "vector-index";
  x.with = {{"of", "x"}};
  x.env = {{"OF", "x"}};
  x.allow_partial = true;
  x.polling.others = Polling::kAll;
  x.when = ValueMap{{"id", ValueMap{{"$eq", "a"}}}};
  x.uses_before->with = {{"of", "before"}};
  x.uses_after->replicas = 2;
  x.uses_after->env = {{"OF", "after"}};
  const Graph graph = compiled(flow_of({x}));
  const Node& before = *graph.find("x/uses_before");
  const Node& main = *graph.find("x");
  const Node& after = *graph.find("x/uses_after");
  CHECK(before.uses == "append");
  CHECK(before.with == ValueMap{{"of", "before"}});
  CHECK(before.env.empty());
  CHECK(before.shards == 1);
  CHECK(before.polling.empty());
  CHECK(before.when == x.when);
  CHECK_FALSE(before.allow_partial);
  CHECK(main.uses == "vector-index");
  CHECK(main.with == ValueMap{{"of", "x"}});
  CHECK(main.env == x.env);
  CHECK(main.shards == 3);
  CHECK(uses_lanes(main));
  CHECK(main.allow_partial);
  CHECK_FALSE(main.when.has_value());
  CHECK(after.uses == "match-merger");
  CHECK(after.with.empty());
  CHECK(after.env == x.uses_after->env);
  CHECK(after.replicas == 2);
  CHECK(after.shards == 1);
  CHECK_FALSE(after.when.has_value());

  x.uses_before.reset();
  CHECK(compiled(flow_of({x})).find("x")->when == x.when);
}

TEST_CASE("in front of a join and behind an executor a program takes the parts") {
  const Graph graph =
      compiled(flow_of({between("append", executor("one", {"gateway"}), "append"),
                        between("append", executor("join", {"gateway", "one"}), nullptr)}));
  CHECK_FALSE(graph.find("one/uses_before")->takes_parts);
  CHECK_FALSE(graph.find("one")->takes_parts);
  CHECK(graph.find("one/uses_after")->takes_parts);
  CHECK(graph.find("join/uses_before")->takes_parts);
  CHECK_FALSE(graph.find("join")->takes_parts);
  CHECK(names(graph, graph.find("join/uses_before")->needs) == Names{"gateway", "one/uses_after"});
}

TEST_CASE("no_reduce stands where an executor's input arrives and on its shards") {
  ExecutorDecl join =
      between("append", sharded(executor("join", {"gateway", "a"}), 2), "match-merger");
  join.no_reduce = true;
  const Graph graph = compiled(flow_of({executor("a", {"gateway"}), join}));
  CHECK(graph.find("join/uses_before")->no_reduce);
  CHECK(graph.find("join")->no_reduce);
  CHECK_FALSE(graph.find("join/uses_after")->no_reduce);
}

TEST_CASE("BaseExecutor is pass-through everywhere, and on a join it switches reduction off") {
  ExecutorDecl uses = executor("uses", {"a", "gateway"});
  uses.uses.value = "BaseExecutor";
  const Graph graph =
      compiled(flow_of({between("BaseExecutor", executor("a", {"gateway"}), "BaseExecutor"),
                        between("BaseExecutor", executor("before", {"a", "gateway"}), nullptr),
                        uses, between("BaseExecutor", executor("twice", {"a", "a"}), nullptr)}));
  CHECK(graph.find("a/uses_before")->uses == "pass-through");
  CHECK(graph.find("a/uses_after")->uses == "pass-through");
  CHECK_FALSE(graph.find("a")->no_reduce);
  CHECK(graph.find("before/uses_before") == nullptr);
  CHECK(graph.find("before")->no_reduce);
  CHECK(names(graph, graph.find("before")->needs) == Names{"a/uses_after", "gateway"});
  CHECK(graph.find("uses")->uses == "pass-through");
  CHECK(graph.find("uses")->no_reduce);
  CHECK(graph.find("twice/uses_before") != nullptr);  // one need, named twice
  CHECK_FALSE(graph.find("twice")->no_reduce);
}

TEST_CASE("the companions of the last executor that is not floating answer for it") {
  const Graph graph =
      compiled(flow_of({between(nullptr, sharded(executor("a", {"gateway"}), 2), "append"),
                        floating(between("append", executor("side", {"a"}), "append"))}));
  CHECK(graph[graph.sink()].name == "a/uses_after");
  CHECK(names(graph, graph.find("a/uses_after")->successors) ==
        Names{"side/uses_before", "gateway"});
  for (const char* name : {"side/uses_before", "side", "side/uses_after"}) {
    CAPTURE(name);
    CHECK(graph.find(name)->floating);
  }
}

TEST_CASE("forward references order companions after all they need") {
  const Graph graph =
      compiled(flow_of({between("append", executor("late", {"early"}), "append"),
                        between("append", executor("early", {"gateway"}), nullptr)}));
  CHECK(names(graph, graph.topological()) ==
        Names{"early/uses_before", "early", "late/uses_before", "late", "late/uses_after"});
  CHECK(names(graph, graph.find("late/uses_before")->needs) == Names{"early"});
}

std::string table(const PollingDecl& polling, std::uint32_t shards = 2) {
  ExecutorDecl declared = sharded(executor("x", {"gateway"}), shards);
  declared.polling = polling;
  const Graph graph = compiled(flow_of({declared}));
  std::string text;
  for (const auto& [endpoint, how] : graph.find("x")->polling) {
    text += (text.empty() ? "" : ", ") + endpoint + " " + std::string(polling_word(how));
  }
  return text;
}

TEST_CASE("polling: named endpoints, then /search ALL and /index ANY, then the others, then ANY") {
  using enum Polling;
  CHECK(table({}) == "/search ALL, /index ANY, * ANY");
  CHECK(table({{}, kAll, {}}) == "/search ALL, /index ANY, * ALL");
  CHECK(table({{}, kAny, {}}) == "/search ALL, /index ANY, * ANY");
  CHECK(table({{{"/custom", kAll}, {"/search", kAny}}, kAny, {}}) ==
        "/custom ALL, /search ANY, /index ANY, * ANY");
  CHECK(table({{{"/index", kAllAsync}}, {}, {}}) == "/index ALL_ASYNC, /search ALL, * ANY");
  CHECK(table({{{"search", kAny}, {"/Index", kAll}}, kAllAsync, {}}) ==
        "search ANY, /Index ALL, /search ALL, /index ANY, * ALL_ASYNC");
  CHECK(table({{{"/custom", kAll}}, kAll, {}}, 1).empty());
}

TEST_CASE("nodes are counted with companions, processes with shards") {
  std::vector<ExecutorDecl> many;
  for (std::size_t i = 0; i < kMaxNodes / 2; ++i) {
    many.push_back(between("append", executor("n" + std::to_string(i), {"gateway"}), nullptr));
  }
  CHECK(compiled(flow_of(many)).nodes().size() == kMaxNodes);
  many.back().uses_after = many.back().uses_before;
  CHECK(errors_of(flow_of(many)) == Names{"E0138"});

  ExecutorDecl large = sharded(executor("a", {"gateway"}), 64);
  large.replicas = 64;
  compiled(flow_of({large}));
  CHECK(errors_of(flow_of({between(nullptr, large, "append")})) == Names{"E0139"});
  large.replicas = 65;
  CHECK(errors_of(flow_of({large})) == Names{"E0139"});
}

Names warnings_of(const FlowDecl& flow) {
  Diagnostics diagnostics;
  CHECK(compile(flow, diagnostics).has_value());
  return codes_of(diagnostics);
}

TEST_CASE("/search as ANY on shards is warned about, the default and one shard are not") {
  ExecutorDecl any = sharded(executor("x", {"gateway"}), 2);
  any.polling.endpoints = {{"/search", Polling::kAny}};
  CHECK(warnings_of(flow_of({any})) == Names{"W0203"});
  any.shards = 1;
  CHECK(warnings_of(flow_of({any})).empty());
  any.shards = 2;
  any.polling = {{}, Polling::kAny, {}};
  CHECK(warnings_of(flow_of({any})).empty());
}

TEST_CASE("what needs shards is warned about without them") {
  const ExecutorDecl x = executor("x", {"gateway"});
  CHECK(warnings_of(flow_of({between("append", x, "append")})) == Names{"W0204"});
  CHECK(warnings_of(flow_of({between("append", sharded(x, 2), "append")})).empty());

  ExecutorDecl all = x;
  all.polling.others = Polling::kAll;
  CHECK(warnings_of(flow_of({all})) == Names{"W0205"});
  CHECK(warnings_of(flow_of({sharded(all, 2)})).empty());
  all.polling = {{{"/x", Polling::kAllAsync}}, Polling::kAny, {}};
  CHECK(warnings_of(flow_of({all})) == Names{"W0205"});
  all.polling = {{{"/x", Polling::kAny}}, Polling::kAny, {}};
  CHECK(warnings_of(flow_of({all})).empty());

  ExecutorDecl partial = x;
  partial.allow_partial = true;
  CHECK(warnings_of(flow_of({partial})) == Names{"W0206"});
  CHECK(warnings_of(flow_of({sharded(partial, 2)})).empty());
}

TEST_CASE("HASH is warned about with one shard, and where some writes of an index go by it") {
  ExecutorDecl x = executor("x", {"gateway"});
  x.polling.endpoints = {{"/index", Polling::kHash}};
  CHECK(warnings_of(flow_of({x})) == Names{"W0212"});
  x.shards = 2;
  CHECK(warnings_of(flow_of({x})).empty());  // it may have no other writes
  x.uses.value = "text-index";
  CHECK(warnings_of(flow_of({x})) == Names{"W0213"});
  x.polling.endpoints = {
      {"/index", Polling::kHash}, {"/update", Polling::kHash}, {"/delete", Polling::kAll}};
  CHECK(warnings_of(flow_of({x})).empty());  // a delete that reaches them all
  x.polling.endpoints.back().second = Polling::kAny;
  CHECK(warnings_of(flow_of({x})) == Names{"W0213"});
  x.uses.value = "own";
  CHECK(warnings_of(flow_of({x})) == Names{"W0213"});
  x.polling = {{}, Polling::kHash, {}};
  x.uses.value = "vector-index";
  CHECK(warnings_of(flow_of({x})) == Names{"W0213"});  // /index is ANY unless it is named
  x.polling.endpoints = {{"/index", Polling::kHash}};
  CHECK(warnings_of(flow_of({x})).empty());
}

TEST_CASE("HASH uses lanes that nothing is published to") {
  ExecutorDecl x = sharded(executor("x", {"gateway"}), 2);
  x.polling = {{{"/search", Polling::kHash}, {"/index", Polling::kHash}}, Polling::kAny, {}};
  Graph graph = compiled(flow_of({x}));
  CHECK(uses_lanes(graph.nodes()[0]));
  CHECK(splits(graph.nodes()[0]));
  CHECK_FALSE(is_published(graph.nodes()[0]));
  x.polling.endpoints.clear();
  graph = compiled(flow_of({x}));
  CHECK(is_published(graph.nodes()[0]));
  CHECK_FALSE(splits(graph.nodes()[0]));
}

TEST_CASE("replicate: endpoints by name, by HASH where there are shards, not in batches") {
  ExecutorDecl x = executor("x", {"gateway"});
  x.replicas = 2;
  x.replicate = {{"/index", {}}, {"/index", {}}, {"/delete", {}}};
  CHECK(compiled(flow_of({x})).nodes()[0].replicate == Names{"/index", "/delete"});
  x.shards = 2;
  CHECK(errors_of(flow_of({x})) == Names{"E0146", "E0146", "E0146"});
  x.polling.endpoints = {{"/index", Polling::kHash}, {"/delete", Polling::kHash}};
  CHECK(compiled(flow_of({x})).nodes()[0].replicate == Names{"/index", "/delete"});
  x.replicas = 1;
  CHECK(compiled(flow_of({x})).nodes()[0].replicate.empty());
  x.replicate = {{"*", {}}};
  CHECK(errors_of(flow_of({x})) == Names{"E0146"});
  x.replicate = {{"/index", {}}};
  x.batching = {{"*", 4, {}}};
  CHECK(errors_of(flow_of({x})) == Names{"E0146"});
  x.batching = {{"/search", 4, {}}};
  compiled(flow_of({x}));
}

TEST_CASE("an index with replicas is warned about unless all that writes is replicated") {
  ExecutorDecl x = executor("x", {"gateway"});
  x.uses.value = "text-index";
  x.replicas = 2;
  CHECK(warnings_of(flow_of({x})) == Names{"W0202"});
  x.replicate = {{"/index", {}}, {"/update", {}}};
  CHECK(warnings_of(flow_of({x})) == Names{"W0202"});
  x.replicate.push_back({"/delete", {}});
  CHECK(warnings_of(flow_of({x})).empty());
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
