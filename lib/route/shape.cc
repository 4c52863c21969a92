#include "route/shape.h"

#include <algorithm>

namespace flow::route {
namespace {

void mark_answering(const wire::Topology& topology, NodeIndex node, std::vector<bool>& answers) {
  if (node == kGatewayNode || answers[node.value]) return;
  answers[node.value] = true;
  for (const NodeIndex need : topology.nodes[node.value].needs) {
    mark_answering(topology, need, answers);
  }
}

}  // namespace

Shape shape_of(const wire::Topology& topology) {
  const std::size_t count = topology.nodes.size();
  Shape shape;
  shape.sink = topology.sink;
  shape.successors.resize(count);
  shape.answers.resize(count);
  shape.joins.resize(count);
  std::vector<std::size_t> waiting(count);
  for (std::uint16_t i = 0; i < count; ++i) {
    shape.joins[i] = topology.nodes[i].needs.size() != 1;
    for (const NodeIndex need : topology.nodes[i].needs) {
      if (need == kGatewayNode) {
        shape.first.push_back(NodeIndex{i});
      } else {
        shape.successors[need.value].push_back(NodeIndex{i});
        ++waiting[i];
      }
    }
  }
  for (std::uint16_t i = 0; i < count; ++i) {
    if (waiting[i] == 0) shape.order.push_back(NodeIndex{i});
  }
  for (std::size_t done = 0; done < shape.order.size(); ++done) {
    for (const NodeIndex next : shape.successors[shape.order[done].value]) {
      if (--waiting[next.value] == 0) shape.order.push_back(next);
    }
  }
  mark_answering(topology, topology.sink, shape.answers);
  return shape;
}

}  // namespace flow::route
