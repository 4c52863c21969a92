#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "graph/codes.h"
#include "graph/compile_internal.h"
#include "graph/query.h"

namespace flow::graph {
namespace {

constexpr std::array<std::string_view, 2> kIndexes = {"vector-index", "text-index"};
constexpr std::array<std::string_view, 3> kWrites = {"/index", "/update", "/delete"};

struct Warner {
  const FlowDecl& flow;
  const Graph& graph;
  Diagnostics& diagnostics;

  const ExecutorDecl& decl(const Node& node) const { return flow.executors[node.executor]; }

  void hanging(const Node& node) {
    if (!is_hanging(graph, node.index)) return;
    diagnostics.warning(codes::kHangingLeaf, decl(node).place,
                        fmt::format("nobody gets the results of executor '{}': '{}' answers",
                                    executor_name(node), executor_name(graph[graph.sink()])),
                        "join it: needs = \"*\" in an executor at the end");
  }

  void replicated_index(const Node& node) {
    const bool index = std::ranges::find(kIndexes, node.uses) != kIndexes.end();
    if (!index || node.replicas == 1) return;
    const auto single = std::ranges::find_if(kWrites, [&node](std::string_view write) {
      return std::ranges::find(node.replicate, write) == node.replicate.end();
    });
    if (single == kWrites.end()) return;
    diagnostics.warning(codes::kReplicatedIndex, decl(node).place,
                        fmt::format("each of the {} replicas of '{}' keeps an index of its own: "
                                    "what {} does to one is not found by the others",
                                    node.replicas, node.name, *single),
                        "replicate = [\"/index\", \"/update\", \"/delete\"], or replicas = 1");
  }

  void partial_search(const Node& node) {
    const auto search = std::ranges::find_if(
        node.polling, [](const auto& entry) { return entry.first == "/search"; });
    if (search == node.polling.end() || search->second != Polling::kAny) return;
    diagnostics.warning(codes::kSearchAny, decl(node).polling.place,
                        fmt::format("a /search asks one of the {} shards of '{}' only: what the "
                                    "others hold is not found",
                                    node.shards, node.name),
                        "\"/search\" = \"ALL\", or leave it out: that is the default");
  }

  void unreachable(const Node& node, const Node& culprit) {
    if (culprit.index == node.index) {
      diagnostics.warning(codes::kUnreachable, decl(node).when_place,
                          fmt::format("no document gets to executor '{}': none passes its filter",
                                      executor_name(node)),
                          "leave a condition out");
      return;
    }
    diagnostics.warning(
        codes::kUnreachable, decl(node).when_place,
        fmt::format("no document gets to executor '{}': what passes its filter does not pass that "
                    "of '{}', which is before it",
                    executor_name(node), executor_name(culprit)),
        "put the filters on two branches, or leave one of them out");
  }

  static bool is_hash(Polling polling) { return polling == Polling::kHash; }

  static bool is_polled(const ExecutorDecl& executor, bool (*how)(Polling)) {
    const PollingDecl& polling = executor.polling;
    return (polling.others && how(*polling.others)) ||
           std::ranges::any_of(polling.endpoints,
                               [how](const auto& entry) { return how(entry.second); });
  }

  // An index has all three; of another executor those count that the file names.
  void hash_in_part(const Node& node) {
    const std::vector<std::pair<std::string, Polling>>& given = decl(node).polling.endpoints;
    const bool index = std::ranges::find(kIndexes, node.uses) != kIndexes.end();
    std::string_view hashed;
    std::string_view other;
    for (const std::string_view write : kWrites) {
      const Polling polling = polling_of(node, write);
      const bool counts =
          index || std::ranges::any_of(given, [&](const auto& e) { return e.first == write; });
      if (polling == Polling::kHash && hashed.empty()) hashed = write;
      if (polling == Polling::kAny && counts && other.empty()) other = write;
    }
    if (hashed.empty() || other.empty()) return;
    diagnostics.warning(
        codes::kHashInPart, decl(node).polling.place,
        fmt::format("executor '{}' gets {} by HASH, but {} by ANY: any of its {} shards gets that, "
                    "not the one that holds the document",
                    node.name, hashed, other, node.shards),
        fmt::format("\"{}\" = \"HASH\"", other));
  }

  // What only means something with shards.
  void without_shards(const Node& node) {
    if (node.shards > 1) return;
    const ExecutorDecl& executor = decl(node);
    if (executor.uses_after) {
      diagnostics.warning(codes::kAfterOneShard, executor.uses_after->place,
                          fmt::format("executor '{}' has one shard: its uses_after runs, but has "
                                      "nothing to join",
                                      node.name),
                          "shards = 2, or make it an executor of its own");
    }
    const char* also = node.replicas > 1 ? "; of its replicas one gets a request" : "";
    if (is_polled(executor, flow::is_published)) {
      diagnostics.warning(
          codes::kAllOneShard, executor.polling.place,
          fmt::format("executor '{}' is polled by ALL, but has one shard{}", node.name, also),
          "shards = 2, or leave `polling` out");
    }
    if (is_polled(executor, is_hash)) {
      diagnostics.warning(
          codes::kHashOneShard, executor.polling.place,
          fmt::format("executor '{}' is polled by HASH, but has one shard{}", node.name, also),
          "shards = 2, or leave `polling` out");
    }
    if (executor.allow_partial) {
      diagnostics.warning(codes::kPartialOneShard, executor.place,
                          fmt::format("executor '{}' has allow_partial, but one shard: without it "
                                      "there is nothing to answer with",
                                      node.name),
                          "leave `allow_partial` out");
    }
  }
};

std::size_t size_of(const Value& value);

std::size_t size_of(const ValueMap& map) {
  std::size_t size = 1;
  for (const auto& entry : map)
    size += size_of(entry.second);
  return size;
}

std::size_t size_of(const Value& value) {
  if (const ValueMap* map = value.if_map()) return size_of(*map);
  std::size_t size = 1;
  if (const ValueList* list = value.if_list()) {
    for (const Value& each : *list)
      size += size_of(each);
  }
  return size;
}

// Finds executors whose filter no document can pass, because of filters on the way to them. An
// executor may change a document, so this is no certainty. Gives up on flows whose filters are so
// large that comparing them takes long.
class Reach {
 public:
  explicit Reach(const Graph& graph) : graph_(graph) {
    for (const Node& node : graph.nodes()) {
      std::optional<Filter> filter;
      if (node.when) {
        auto parsed = Query::parse(*node.when);
        if (Query* query = std::get_if<Query>(&parsed)) {
          filter = Filter{std::move(*query), size_of(*node.when)};
        }
      }
      filters_.push_back(std::move(filter));
    }
  }

  // The node whose filter shuts out every document that this one would let in, on every way from
  // the gateway; of several the first that was met; itself when nothing passes it at all. Nothing
  // when there is a way.
  const Node* shut_out_by(const Node& node) {
    if (!filters_[node.index.value]) return nullptr;
    const Filter& wanted = *filters_[node.index.value];
    if (exclude(wanted, wanted)) return &node;
    std::vector<bool> seen(graph_.nodes().size(), false);
    const Node* culprit = nullptr;
    std::vector<NodeIndex> open = node.needs;
    while (!open.empty()) {
      const NodeIndex index = open.back();
      open.pop_back();
      if (index == kGatewayNode) return nullptr;
      if (seen[index.value]) continue;
      seen[index.value] = true;
      const std::optional<Filter>& earlier = filters_[index.value];
      if (earlier && exclude(*earlier, wanted)) {
        if (culprit == nullptr) culprit = &graph_[index];
        continue;
      }
      const std::vector<NodeIndex>& needs = graph_[index].needs;
      open.insert(open.end(), needs.begin(), needs.end());
    }
    return culprit;
  }

 private:
  struct Filter {
    Query query;
    std::size_t size;
  };

  bool exclude(const Filter& earlier, const Filter& later) {
    const std::size_t work = earlier.size * later.size;
    if (work > work_left_) return false;
    work_left_ -= work;
    return contradicts(earlier.query, later.query);
  }

  const Graph& graph_;
  std::vector<std::optional<Filter>> filters_;  // by node
  std::size_t work_left_ = 10'000'000;          // pairs of values
};

}  // namespace

void warn(const FlowDecl& flow, const Graph& graph, Diagnostics& diagnostics) {
  Warner warner{flow, graph, diagnostics};
  Reach reach(graph);
  for (const Node& node : graph.nodes()) {
    warner.hanging(node);
    warner.replicated_index(node);
    if (const Node* culprit = reach.shut_out_by(node)) warner.unreachable(node, *culprit);
    if (node.role != NodeRole::kMain) continue;
    warner.partial_search(node);
    warner.hash_in_part(node);
    warner.without_shards(node);
  }
}

}  // namespace flow::graph
