#include "gateway/entry_filters.h"

#include <algorithm>

namespace flow::gateway {

void EntryFilters::update(const wire::Topology& topology) {
  filters_.assign(topology.nodes.size(), std::nullopt);
  for (std::size_t n = 0; n < topology.nodes.size(); ++n) {
    const wire::TopologyNode& node = topology.nodes[n];
    if (std::ranges::find(node.needs, kGatewayNode) == node.needs.end() || node.when.empty())
      continue;
    filters_[n] = route::Filter::compile(node.when);
  }
}

Result<Bytes> EntryFilters::passing(NodeIndex node, const Bytes& documents) const {
  const Result<route::Filter>& filter = *filters_[node.value];
  if (!filter) return filter.error();
  return filter->keep_passing(documents);
}

}  // namespace flow::gateway
