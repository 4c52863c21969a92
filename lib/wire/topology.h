// Topology: a numbered, immutable snapshot of a flow's compiled graph and who serves it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace flow::wire {

enum class InstanceState : std::uint8_t { kStarting = 0, kServing = 1, kSuspect = 2, kRetired = 3 };

struct TopologyNode {
  std::string name;
  std::vector<NodeIndex> needs;  // declared order
  bool no_reduce = false;
  bool floating = false;
  std::uint16_t shards = 1;
  std::uint16_t replicas = 1;
  Duration timeout{};                                        // per execution, 0: none
  std::vector<std::pair<std::string, std::string>> effects;  // endpoint or "*", effect

  friend bool operator==(const TopologyNode&, const TopologyNode&) = default;
};

struct TopologyInstance {
  InstanceId id;
  NodeIndex node;
  std::uint16_t shard = 0;
  std::uint16_t replica = 0;
  std::string name;  // executor/rep-0
  InstanceState state = InstanceState::kStarting;
  std::string data_address;
  std::string lane_address;
  std::vector<std::string> endpoints;
  bool catch_all = false;
  std::uint32_t concurrency = 1;
  std::string host;
  bool wants_matrix = false;

  friend bool operator==(const TopologyInstance&, const TopologyInstance&) = default;
};

struct TopologyGateway {
  InstanceId id;
  std::string name;
  std::string data_address;
  std::string lane_address;
  std::string host;

  friend bool operator==(const TopologyGateway&, const TopologyGateway&) = default;
};

struct Topology {
  std::uint64_t term = 0;
  std::uint64_t version = 0;
  std::string flow;
  std::vector<TopologyNode> nodes;
  NodeIndex sink = kGatewayNode;  // the node that answers; kGatewayNode: the gateway echoes
  std::vector<TopologyInstance> instances;
  std::vector<TopologyGateway> gateways;

  friend bool operator==(const Topology&, const Topology&) = default;
};

}  // namespace flow::wire
