// A planner with a small topology, and the plan it made last.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "route/planner.h"

namespace flow::route_tests {

inline Instant at(Duration since_start) {
  return Instant(std::chrono::seconds(100)) + since_start;
}

// A chain of nodes n0, n1, …, each with so many replicas; instance ids count from 1 in that order.
inline wire::Topology chain(const std::vector<std::uint16_t>& replicas) {
  wire::Topology topology;
  topology.term = 1;
  topology.version = 1;
  std::uint32_t id = 1;
  for (std::uint16_t n = 0; n < replicas.size(); ++n) {
    wire::TopologyNode node;
    node.name = "n" + std::to_string(n);
    node.needs = {n == 0 ? kGatewayNode : NodeIndex{static_cast<std::uint16_t>(n - 1)}};
    topology.nodes.push_back(node);
    for (std::uint16_t r = 0; r < replicas[n]; ++r) {
      wire::TopologyInstance instance;
      instance.id = InstanceId{id++};
      instance.node = NodeIndex{n};
      instance.replica = r;
      instance.name = node.name + "/rep-" + std::to_string(r);
      instance.state = wire::InstanceState::kServing;
      instance.data_address = "ipc:///" + instance.name;
      instance.catch_all = true;
      topology.instances.push_back(instance);
    }
  }
  topology.sink = NodeIndex{static_cast<std::uint16_t>(replicas.size() - 1)};
  return topology;
}

// One node "index" with shards x replicas; instance s * replicas + r + 1 is replica r of shard s.
// A lane of the first replicas has id 100, of the second 101, and so on. Endpoints "/search": ALL,
// "/first": ALL_ASYNC, all others ANY.
inline wire::Topology sharded(std::uint16_t shards, std::uint16_t replicas) {
  wire::Topology topology = chain({static_cast<std::uint16_t>(shards * replicas)});
  wire::TopologyNode& node = topology.nodes[0];
  node.name = "index";
  node.shards = shards;
  node.replicas = replicas;
  node.polling = {{"/search", wire::Polling::kAll},
                  {"/first", wire::Polling::kAllAsync},
                  {"*", wire::Polling::kAny}};
  for (std::uint16_t i = 0; i < shards * replicas; ++i) {
    wire::TopologyInstance& instance = topology.instances[i];
    instance.shard = i / replicas;
    instance.replica = i % replicas;
    instance.name = "index/shard-" + std::to_string(instance.shard) + "/rep-" +
                    std::to_string(instance.replica);
    instance.data_address = "ipc:///" + std::to_string(instance.id.value);
  }
  for (std::uint16_t r = 0; r < replicas; ++r) {
    wire::TopologyLane lane{InstanceId{100U + r}, NodeIndex{0}, wire::InstanceState::kServing, {}};
    for (std::uint16_t s = 0; s < shards; ++s)
      lane.members.push_back(InstanceId{s * std::uint32_t{replicas} + r + 1});
    topology.lanes.push_back(lane);
  }
  return topology;
}

inline void kill(wire::Topology& topology, std::uint32_t id) {
  ++topology.version;
  std::erase_if(topology.instances, [id](const auto& i) { return i.id.value == id; });
}

struct Fixture {
  explicit Fixture(wire::Topology topology) {
    planner.update(std::make_shared<const wire::Topology>(std::move(topology)));
  }
  bool plan(Instant now, std::uint64_t bytes = 100) {
    return planner.plan(0, bytes, {}, now, entries, choices, blocked);
  }
  void switch_to(const wire::Topology& topology) {
    planner.update(std::make_shared<const wire::Topology>(topology));
  }
  // A new request, to an endpoint.
  bool ask(const std::string& endpoint, Instant now = at({})) {
    choices.clear();
    return again(endpoint, now);
  }
  bool again(const std::string& endpoint, Instant now = at({})) {
    return planner.plan(planner.endpoint(endpoint), 100, {}, now, entries, choices, blocked);
  }
  std::uint16_t shard() const { return choices.all()[0].shard; }
  // One request through all nodes, each taking `service`.
  void complete(Instant now, Duration service, std::uint64_t bytes = 100) {
    for (std::uint16_t n = 0; n < entries.size(); ++n) {
      for (route::Choice& choice : choices.of(NodeIndex{n}))
        planner.complete(choice, NodeIndex{n}, 0, service, bytes, now);
    }
  }
  route::Planner planner;
  std::vector<wire::PlanEntry> entries;
  route::Choices choices;
  route::Blocked blocked;
};

}  // namespace flow::route_tests
