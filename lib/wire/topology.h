// Topology: a numbered, immutable snapshot of a flow's compiled graph and who serves it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/batching.h"
#include "base/ids.h"
#include "base/polling.h"
#include "base/time.h"
#include "base/value.h"

namespace flow::wire {

// kBehind: it lacks writes that its siblings have, gets new ones and is planned for nothing else.
enum class InstanceState : std::uint8_t {
  kStarting = 0,
  kServing = 1,
  kSuspect = 2,
  kRetired = 3,
  kBehind = 4,
};

struct TopologyNode {
  std::string name;              // index, index/uses_before, index/uses_after
  std::vector<NodeIndex> needs;  // declared order
  bool no_reduce = false;
  bool floating = false;
  std::uint16_t shards = 1;
  std::uint16_t replicas = 1;
  Duration timeout{};                                        // per execution, 0: none
  std::vector<std::pair<std::string, std::string>> effects;  // endpoint or "*", effect

  // Endpoint or "*", complete: the built-in defaults are in it. Empty with one shard: ANY.
  std::vector<std::pair<std::string, Polling>> polling;

  // Its handler gets what it receives unreduced: with several needs a part a need, with one need a
  // part a shard of it. Nothing changes where it is passed over.
  bool takes_parts = false;

  bool allow_partial = false;  // polled ALL it answers with the shards there are
  ValueMap when;               // the filter at its entry; empty: none

  // Endpoints whose requests go to all replicas of each shard.
  std::vector<std::string> replicate{};
  std::vector<BatchRule> batching{};

  // The name in the flow file: "index" also for its uses_before and uses_after.
  std::string_view executor() const { return std::string_view(name).substr(0, name.find('/')); }

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

// A set of instances, one of every shard of a node; what is polled ALL is published to it. Never
// changed once made, its id is never reused. An instance may be in several.
struct TopologyLane {
  InstanceId id;
  NodeIndex node;
  InstanceState state = InstanceState::kStarting;  // only kServing ones may be planned
  std::vector<InstanceId> members;                 // by shard; none: the shard is missing

  friend bool operator==(const TopologyLane&, const TopologyLane&) = default;
};

// Every replica of every shard of a node that has all writes or gets the new ones. Never changed
// once made, its id is never reused.
struct TopologyGroup {
  InstanceId id;
  NodeIndex node;
  InstanceState state = InstanceState::kServing;  // or kRetired
  std::vector<InstanceId> members;                // by shard, then replica; none: it is not there

  friend bool operator==(const TopologyGroup&, const TopologyGroup&) = default;
};

struct Topology {
  std::uint64_t term = 0;
  std::uint64_t version = 0;
  std::string flow;
  std::vector<TopologyNode> nodes;
  NodeIndex sink = kGatewayNode;  // the node that answers; kGatewayNode: the gateway echoes
  std::vector<TopologyInstance> instances;
  std::vector<TopologyGateway> gateways;
  std::vector<TopologyLane> lanes;
  bool sorts = false;     // answers follow the order of the request's ids
  bool draining = false;  // nothing new comes in: what waits for company goes on
  std::vector<TopologyGroup> groups;

  friend bool operator==(const Topology&, const Topology&) = default;
};

}  // namespace flow::wire
