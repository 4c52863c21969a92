#include "graph/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "graph/compile_internal.h"

namespace flow::graph {

const Node* Graph::find(std::string_view name) const {
  const auto at = std::ranges::find(nodes_, name, &Node::name);
  return at == nodes_.end() ? nullptr : &*at;
}

std::vector<bool> answering(const Graph& graph) {
  std::vector<bool> answers(graph.nodes().size());
  if (graph.sink() == kGatewayNode) return answers;
  answers[graph.sink().value] = true;
  const std::vector<NodeIndex>& order = graph.topological();
  for (auto node = order.rbegin(); node != order.rend(); ++node) {
    if (!answers[node->value]) continue;
    for (const NodeIndex need : graph[*node].needs) {
      if (need != kGatewayNode) answers[need.value] = true;
    }
  }
  return answers;
}

bool is_hanging(const Graph& graph, NodeIndex index) {
  return graph[index].successors.empty() && !graph[index].floating;
}

std::vector<std::pair<std::string, Polling>> polling_table(const PollingDecl& polling,
                                                           std::uint32_t shards) {
  constexpr std::array<std::pair<std::string_view, Polling>, 2> kBuiltIn = {
      {{"/search", Polling::kAll}, {"/index", Polling::kAny}}};
  if (shards <= 1) return {};
  auto table = polling.endpoints;
  for (const auto& entry : kBuiltIn) {
    const bool given = std::ranges::any_of(
        polling.endpoints, [&entry](const auto& each) { return each.first == entry.first; });
    if (!given) table.emplace_back(entry.first, entry.second);
  }
  table.emplace_back("*", polling.others.value_or(Polling::kAny));
  return table;
}

bool uses_lanes(const Node& node) {
  return std::ranges::any_of(node.polling,
                             [](const auto& entry) { return polls_lane(entry.second); });
}

bool is_published(const Node& node) {
  return std::ranges::any_of(node.polling,
                             [](const auto& entry) { return flow::is_published(entry.second); });
}

bool splits(const Node& node) {
  return std::ranges::any_of(node.polling,
                             [](const auto& entry) { return entry.second == Polling::kHash; });
}

Polling polling_of(const Node& node, std::string_view endpoint) {
  for (const auto& [name, polling] : node.polling) {
    if (name == endpoint || name == "*") return polling;
  }
  return Polling::kAny;
}

std::string_view polling_word(Polling polling) {
  constexpr std::array<std::string_view, 4> kWords = {"ANY", "ALL", "ALL_ASYNC", "HASH"};
  return kWords[static_cast<std::size_t>(polling)];
}

std::string_view executor_name(const Node& node) {
  return std::string_view(node.name).substr(0, node.name.find('/'));
}

std::string instance_name(const Node& node, std::uint16_t shard, std::uint16_t replica) {
  return node.shards > 1 ? fmt::format("{}/shard-{}/rep-{}", node.name, shard, replica)
                         : fmt::format("{}/rep-{}", node.name, replica);
}

}  // namespace flow::graph
