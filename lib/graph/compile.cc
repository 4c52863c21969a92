#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/text.h"
#include "graph/codes.h"
#include "graph/graph.h"

namespace flow::graph {
namespace {

constexpr std::string_view kGatewayName = "gateway";
constexpr std::string_view kPassThrough = "pass-through";
constexpr std::string_view kNoReducePassThrough = "BaseExecutor";
constexpr std::array<std::string_view, 2> kIndexes = {"vector-index", "text-index"};

bool is_name(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  };
  const auto inner = [&letter](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && letter(text.front()) && std::ranges::all_of(text, inner);
}

bool by_value(NodeIndex a, NodeIndex b) {
  return a.value < b.value;
}

}  // namespace

struct Compiler {
  const FlowDecl& flow;
  Diagnostics& diagnostics;
  Graph graph = {};
  std::map<std::string, NodeIndex, std::less<>> by_name = {};
  std::set<NodeIndex> needed = {};  // by the executors resolved so far

  static NodeIndex index_of(std::size_t position) {
    return NodeIndex{static_cast<std::uint16_t>(position)};
  }
  std::vector<Node>& nodes() { return graph.nodes_; }
  Node& node(NodeIndex index) { return graph.nodes_[index.value]; }
  const ExecutorDecl& decl(NodeIndex index) const { return flow.executors[index.value]; }

  void run();
  void declare_nodes();
  void check_name(const ExecutorDecl& executor, NodeIndex index);
  void resolve_needs(NodeIndex index);
  void add_need(NodeIndex index, const Placed<std::string>& need);
  void add_everything_unneeded(NodeIndex index, Place place);
  void report_unknown_need(NodeIndex index, const Placed<std::string>& need);
  void keep_needed_from_floating();
  void apply_older_spelling(NodeIndex index);
  void find_sink();
  void order();
  NodeIndex report_cycle(const std::vector<bool>& placed);
  void link();
  void warn();
};

void Compiler::run() {
  if (flow.executors.size() > kMaxNodes) {
    diagnostics.error(codes::kTooManyNodes, flow.executors[kMaxNodes].place,
                      fmt::format("the flow has {} executors, at most {} are possible",
                                  flow.executors.size(), kMaxNodes),
                      "split it into two flows");
    return;
  }
  declare_nodes();
  for (std::size_t i = 0; i < nodes().size(); ++i)
    resolve_needs(index_of(i));
  for (std::size_t i = 0; i < nodes().size(); ++i)
    apply_older_spelling(index_of(i));
  keep_needed_from_floating();
  order();
  if (diagnostics.has_errors()) return;
  find_sink();
  link();
  warn();
}

void Compiler::declare_nodes() {
  std::uint64_t instances = 0;
  for (std::size_t i = 0; i < flow.executors.size(); ++i) {
    const ExecutorDecl& executor = flow.executors[i];
    check_name(executor, index_of(i));
    Node made;
    made.index = index_of(i);
    made.name = executor.name.value;
    made.with = executor.with;
    made.env = executor.env;
    made.when = executor.when;
    made.allow_partial = executor.allow_partial;
    made.uses = executor.uses.value.empty() ? std::string(kPassThrough) : executor.uses.value;
    made.replicas = static_cast<std::uint16_t>(executor.replicas);
    made.shards = static_cast<std::uint16_t>(executor.shards);
    made.no_reduce = executor.no_reduce;
    made.floating = executor.floating;
    made.executor = made.index.value;
    nodes().push_back(std::move(made));

    const std::uint64_t before = instances;
    instances += std::uint64_t{executor.replicas} * executor.shards;
    if (before <= kMaxInstances && instances > kMaxInstances) {
      diagnostics.error(codes::kTooManyInstances, executor.place,
                        fmt::format("with executor '{}' the flow has {} processes, at most {} are "
                                    "possible",
                                    executor.name.value, instances, kMaxInstances),
                        "lower the replicas");
    }
  }
}

void Compiler::check_name(const ExecutorDecl& executor, NodeIndex index) {
  const std::string& name = executor.name.value;
  const Place place = executor.name.place.line != 0 ? executor.name.place : executor.place;
  if (name == kGatewayName) {
    diagnostics.error(codes::kReservedName, place,
                      "an executor cannot be called 'gateway': that is the flow's entrance",
                      "choose another name");
    return;
  }
  if (!is_name(name) || name.size() > kMaxNameLength) {
    diagnostics.error(
        codes::kBadName, place, fmt::format("'{}' is not a name for an executor", name),
        fmt::format("a letter or _, then letters, digits, _ and -, at most {} characters: name = "
                    "\"encode\"",
                    kMaxNameLength));
  }
  const auto [at, fresh] = by_name.emplace(name, index);
  if (!fresh) {
    const Place first = decl(at->second).name.place;
    const std::uint32_t line = first.line != 0 ? first.line : decl(at->second).place.line;
    diagnostics.error(
        codes::kDuplicateName, place,
        fmt::format("two executors are called '{}'; the first is in line {}", name, line),
        "rename one of them");
  }
}

void Compiler::resolve_needs(NodeIndex index) {
  const ExecutorDecl& executor = decl(index);
  if (executor.needs.empty()) {
    diagnostics.error(
        codes::kNoNeeds, executor.place,
        fmt::format("executor '{}' needs nothing, so it would never run", executor.name.value),
        "leave `needs` out for the executor above, or write needs = \"gateway\"");
    return;
  }
  for (const Placed<std::string>& need : executor.needs)
    add_need(index, need);
  for (const NodeIndex need : node(index).needs) {
    if (need != kGatewayNode) needed.insert(need);
  }
}

void Compiler::add_need(NodeIndex index, const Placed<std::string>& need) {
  if (need.value == "*") return add_everything_unneeded(index, need.place);
  NodeIndex found = kGatewayNode;
  if (need.value != kGatewayName) {
    const auto at = by_name.find(need.value);
    if (at == by_name.end()) return report_unknown_need(index, need);
    found = at->second;
  }
  if (found == index) {
    diagnostics.error(codes::kSelfNeed, need.place,
                      fmt::format("executor '{}' needs itself", need.value),
                      "name an executor whose results it should get");
    return;
  }
  std::vector<NodeIndex>& needs = node(index).needs;
  if (std::ranges::find(needs, found) == needs.end()) needs.push_back(found);
}

void Compiler::add_everything_unneeded(NodeIndex index, Place place) {
  std::vector<NodeIndex>& needs = node(index).needs;
  bool any = false;
  for (std::size_t i = 0; i < index.value; ++i) {
    const NodeIndex above = index_of(i);
    if (node(above).floating || needed.contains(above)) continue;
    any = true;
    if (std::ranges::find(needs, above) == needs.end()) needs.push_back(above);
  }
  if (any) return;
  diagnostics.error(codes::kNothingToJoin, place,
                    fmt::format("'*' of executor '{}' stands for no executor: none above is left "
                                "that nobody needs",
                                decl(index).name.value),
                    "declare the branches above it, or write needs = \"gateway\"");
}

void Compiler::report_unknown_need(NodeIndex index, const Placed<std::string>& need) {
  std::vector<std::string_view> names = {kGatewayName};
  for (const ExecutorDecl& executor : flow.executors) {
    if (executor.name.value != decl(index).name.value) names.push_back(executor.name.value);
  }
  const auto meant = did_you_mean(need.value, names);
  std::string hint = meant ? fmt::format("did you mean '{}'?", *meant)
                           : fmt::format("there are: {}", fmt::join(names, ", "));
  diagnostics.error(codes::kUnknownNeed, need.place,
                    fmt::format("executor '{}' needs '{}', but no executor has this name",
                                decl(index).name.value, need.value),
                    std::move(hint));
}

// A floating node that the main line needs belongs to the main line. From the back of the graph to
// its front, so that a chain of floating nodes is settled whatever the order of declaration.
void Compiler::keep_needed_from_floating() {
  for (bool changed = true; changed;) {
    changed = false;
    for (const Node& each : nodes()) {
      if (each.floating) continue;
      for (const NodeIndex need : each.needs) {
        if (need == kGatewayNode || !node(need).floating) continue;
        node(need).floating = false;
        changed = true;
      }
    }
  }
}

void Compiler::apply_older_spelling(NodeIndex index) {
  Node& made = node(index);
  if (made.uses != kNoReducePassThrough) return;
  made.uses = kPassThrough;
  if (made.needs.size() >= 2) made.no_reduce = true;
}

void Compiler::find_sink() {
  for (const Node& each : nodes()) {
    if (!each.floating) graph.sink_ = each.index;
  }
}

void Compiler::order() {
  std::vector<bool> placed(nodes().size(), false);
  const auto ready = [&placed](const Node& each) {
    return std::ranges::all_of(each.needs, [&placed](NodeIndex need) {
      return need == kGatewayNode || placed[need.value];
    });
  };
  for (;;) {
    bool progress = false;
    for (const Node& each : nodes()) {
      if (placed[each.index.value] || !ready(each)) continue;
      placed[each.index.value] = true;
      graph.topological_.push_back(each.index);
      progress = true;
    }
    if (progress) continue;
    if (graph.topological_.size() == nodes().size()) return;
    const NodeIndex broken = report_cycle(placed);
    placed[broken.value] = true;
    graph.topological_.push_back(broken);
  }
}

// Reports one cycle among the nodes that cannot be placed; returns a node on it.
NodeIndex Compiler::report_cycle(const std::vector<bool>& placed) {
  const auto open_need = [this, &placed](NodeIndex at) {
    return *std::ranges::find_if(node(at).needs, [&placed](NodeIndex need) {
      return need != kGatewayNode && !placed[need.value];
    });
  };
  std::vector<NodeIndex> path;
  NodeIndex at = index_of(
      static_cast<std::size_t>(std::distance(placed.begin(), std::ranges::find(placed, false))));
  while (std::ranges::find(path, at) == path.end()) {
    path.push_back(at);
    at = open_need(at);
  }
  path.erase(path.begin(), std::ranges::find(path, at));
  std::rotate(path.begin(), std::ranges::min_element(path, by_value), path.end());
  std::vector<std::string> names;
  for (const NodeIndex each : path)
    names.push_back(fmt::format("'{}'", decl(each).name.value));
  names.push_back(names.front());
  const NodeIndex first = path.front();
  const std::string& next = decl(path.size() > 1 ? path[1] : first).name.value;
  Place place = decl(first).place;
  for (const Placed<std::string>& need : decl(first).needs) {
    if (need.value == next) place = need.place;
  }
  diagnostics.error(
      codes::kCycle, place,
      fmt::format("these executors wait for one another: {}", fmt::join(names, " needs ")),
      "take one of these needs away");
  return first;
}

void Compiler::link() {
  for (const Node& each : nodes()) {
    for (const NodeIndex need : each.needs) {
      if (need == kGatewayNode) {
        graph.first_.push_back(each.index);
      } else {
        node(need).successors.push_back(each.index);
      }
    }
  }
  if (graph.sink_ != kGatewayNode) node(graph.sink_).successors.push_back(kGatewayNode);
}

void Compiler::warn() {
  for (const Node& each : nodes()) {
    const ExecutorDecl& executor = decl(each.index);
    if (is_hanging(graph, each.index)) {
      diagnostics.warning(codes::kHangingLeaf, executor.place,
                          fmt::format("nobody gets the results of executor '{}': '{}' answers",
                                      each.name, node(graph.sink_).name),
                          "join it: needs = \"*\" in an executor at the end");
    }
    const bool index = std::ranges::find(kIndexes, each.uses) != kIndexes.end();
    if (index && each.replicas > 1) {
      diagnostics.warning(codes::kReplicatedIndex, executor.place,
                          fmt::format("each of the {} replicas of '{}' keeps an index of its own: "
                                      "a document written to one is not found by the others",
                                      each.replicas, each.name),
                          "replicas = 1");
    }
  }
}

const Node* Graph::find(std::string_view name) const {
  const auto at = std::ranges::find(nodes_, name, &Node::name);
  return at == nodes_.end() ? nullptr : &*at;
}

bool is_hanging(const Graph& graph, NodeIndex index) {
  return graph[index].successors.empty() && !graph[index].floating;
}

std::optional<Graph> compile(const FlowDecl& flow, Diagnostics& diagnostics) {
  Compiler compiler{flow, diagnostics};
  compiler.run();
  if (diagnostics.has_errors()) return std::nullopt;
  return std::move(compiler.graph);
}

bool uses_lanes(const Node& node) {
  return std::ranges::any_of(node.polling, [](const auto& entry) {
    return entry.second == Polling::kAll || entry.second == Polling::kAllAsync;
  });
}

std::string_view executor_name(const Node& node) {
  return std::string_view(node.name).substr(0, node.name.find('/'));
}

std::string instance_name(const Node& node, std::uint16_t shard, std::uint16_t replica) {
  return node.shards > 1 ? fmt::format("{}/shard-{}/rep-{}", node.name, shard, replica)
                         : fmt::format("{}/rep-{}", node.name, replica);
}

}  // namespace flow::graph
