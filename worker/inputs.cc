#include "inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "route/reduce.h"
#include "wire/value_codec.h"

namespace flow::worker {
namespace {

void add_hops(std::vector<wire::Hop>& hops, std::span<const wire::Hop> more) {
  const std::size_t own = hops.size();
  for (const wire::Hop& hop : more) {
    const auto end = hops.begin() + static_cast<std::ptrdiff_t>(own);
    const bool seen = std::any_of(hops.begin(), end, [&hop](const wire::Hop& other) {
      return other.instance == hop.instance && other.node == hop.node;
    });
    if (!seen) hops.push_back(hop);
  }
}

// Keys of the left side win.
Status unite_results(Bytes& results, const Bytes& more) {
  if (more.empty()) return {};
  if (results.empty()) {
    results = more;
    return {};
  }
  Result<ValueMap> left = wire::decode_value(results.span());
  if (!left) return std::move(left).error();
  Result<ValueMap> right = wire::decode_value(more.span());
  if (!right) return std::move(right).error();
  for (auto& [key, value] : *right) {
    if (left->find(key) == nullptr) left->set(key, std::move(value));
  }
  results = wire::encode_value(*left);
  return {};
}

Documents concatenate(std::vector<Documents> lists) {
  Documents all = std::move(lists.front());
  for (std::size_t i = 1; i < lists.size(); ++i) {
    for (Document& document : lists[i])
      all.push_back(std::move(document));
  }
  return all;
}

Documents merge(std::vector<Documents> lists, bool reduced) {
  if (lists.size() == 1) return std::move(lists.front());
  return reduced ? route::reduce_all(std::move(lists)) : concatenate(std::move(lists));
}

bool keeps_shards_apart(const wire::Topology& topology, NodeIndex need) {
  return need != kGatewayNode && topology.nodes[need.value].no_reduce;
}

// The only payload with anything in it, when that alone is the outcome.
Bytes* only_payload(std::span<PartPointer> parts) {
  Bytes* only = &parts.front()->payload;
  for (PartPointer& part : parts) {
    if (part->payload.empty()) continue;
    if (!only->empty()) return nullptr;
    only = &part->payload;
  }
  return only;
}

}  // namespace

std::string_view need_name(const wire::Topology& topology, NodeIndex need) {
  if (need.value >= topology.nodes.size()) return "gateway";
  return topology.nodes[need.value].name;
}

Status merge_headers(std::span<PartPointer> parts) {
  wire::PartHeader& first = parts.front()->header;
  for (const PartPointer& part : parts.subspan(1)) {
    wire::PartHeader& other = part->header;
    add_hops(first.hops, other.hops);
    if (first.failure == nullptr) first.failure = std::move(other.failure);
    if (Status united = unite_results(first.results, other.results); !united) return united;
  }
  return {};
}

Status merge_contents(std::span<PartPointer> parts, const wire::Topology& topology, bool unreduced,
                      Contents& contents) {
  if (!unreduced) {
    if (Bytes* only = only_payload(parts); only != nullptr) {
      contents.reset(std::move(*only));
      return {};
    }
  }
  DocumentsMatrix matrix;
  for (std::size_t i = 0; i < parts.size();) {
    const NodeIndex need = parts[i]->header.source;
    std::vector<Documents> shards;
    for (; i < parts.size() && parts[i]->header.source == need; ++i) {
      Result<Documents> opened = Documents::open(std::move(parts[i]->payload));
      if (!opened) {
        return Error{opened.error().code,
                     fmt::format("documents from {}: {}", need_name(topology, need),
                                 opened.error().message)};
      }
      shards.push_back(std::move(*opened));
    }
    Documents merged = merge(std::move(shards), !keeps_shards_apart(topology, need));
    matrix.push_back({std::string(need_name(topology, need)), std::move(merged)});
  }
  if (unreduced) {
    contents.reset(std::move(matrix));
    return {};
  }
  std::vector<Documents> lists;
  for (SourcePart& part : matrix)
    lists.push_back(std::move(part.documents));
  contents.reset(merge(std::move(lists), true));
  return {};
}

}  // namespace flow::worker
