// The shape of a flow's graph as routing needs it, derived from a topology snapshot.
#pragma once

#include <vector>

#include "base/ids.h"
#include "wire/topology.h"

namespace flow::route {

// Computed once per graph (the nodes of a flow do not change while it runs).
struct Shape {
  std::vector<NodeIndex> order;                    // every node after all of its needs
  std::vector<NodeIndex> first;                    // nodes that need the gateway
  std::vector<std::vector<NodeIndex>> successors;  // by node, ascending; without the gateway
  std::vector<bool> answers;                       // by node: the answer waits for it
  std::vector<bool> joins;                         // by node: it has several needs
  NodeIndex sink = kGatewayNode;                   // whose parts are the answer

  const std::vector<NodeIndex>& after(NodeIndex node) const {
    return node == kGatewayNode ? first : successors[node.value];
  }
};

Shape shape_of(const wire::Topology& topology);

}  // namespace flow::route
