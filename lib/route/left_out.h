// Nodes that a plan leaves out, PlanMode::kLeftOut: what comes to them would leave them as it came,
// so whoever would send to them sends to their successors, in their name. Pure.
#pragma once

#include <span>

#include "base/ids.h"
#include "route/shape.h"
#include "wire/part.h"
#include "wire/topology.h"

namespace flow::route {

inline bool is_left_out(NodeIndex node, std::span<const wire::PlanEntry> plan) {
  return node.value < plan.size() && plan[node.value].mode == wire::PlanMode::kLeftOut;
}

// Who sends what comes in the name of `need`: an executing node, or the gateway.
inline NodeIndex sender_for(NodeIndex need, const wire::Topology& topology,
                            std::span<const wire::PlanEntry> plan) {
  while (is_left_out(need, plan))
    need = topology.nodes[need.value].needs.front();
  return need;
}

// Calls receive(name, receiver) for everyone to whom `node` (or the gateway) sends, and in which
// node's name; the gateway, as a receiver, gets the answer. Calls at most once for each need of a
// node, also where the plan is not to be trusted: nodes that join are never left out.
template <typename Receive>
void for_each_receiver(NodeIndex node, const Shape& shape, std::span<const wire::PlanEntry> plan,
                       const Receive& receive) {
  for (const NodeIndex next : shape.after(node)) {
    if (is_left_out(next, plan) && !shape.joins[next.value]) {
      for_each_receiver(next, shape, plan, receive);
    } else {
      receive(node, next);
    }
  }
  if (node == shape.sink && node != kGatewayNode) receive(node, kGatewayNode);
}

// Whether the answer comes from this node, be it in the sink's name.
inline bool sends_answer(NodeIndex node, const Shape& shape,
                         std::span<const wire::PlanEntry> plan) {
  bool answers = false;
  for_each_receiver(node, shape, plan, [&answers](NodeIndex /*name*/, NodeIndex receiver) {
    answers = answers || receiver == kGatewayNode;
  });
  return answers;
}

}  // namespace flow::route
