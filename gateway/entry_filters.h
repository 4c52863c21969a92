// The filters of the executors that get a request's documents from the gateway. Pure; one thread.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "route/filter.h"
#include "wire/topology.h"

namespace flow::gateway {

class EntryFilters {
 public:
  // Compiles the filters of the nodes that need the gateway.
  void update(const wire::Topology& topology);

  bool has(NodeIndex node) const { return filters_[node.value].has_value(); }

  // The documents that pass, for a node that has a filter. kInvalidArgument when it does not fit
  // them.
  Result<Bytes> passing(NodeIndex node, const Bytes& documents) const;

 private:
  std::vector<std::optional<Result<route::Filter>>> filters_;  // by node
};

}  // namespace flow::gateway
