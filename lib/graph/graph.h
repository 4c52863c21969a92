// The compiled graph: nodes in declared order, edges both ways, and the node that answers.
//
// Immutable once compiled. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/batching.h"
#include "base/ids.h"
#include "base/polling.h"
#include "base/value.h"
#include "graph/diagnostic.h"
#include "graph/flow.h"

namespace flow::graph {

inline constexpr std::size_t kMaxNodes = 256;
inline constexpr std::size_t kMaxInstances = 4096;  // worker processes of a flow
inline constexpr std::size_t kMaxNameLength = 63;   // of a flow or an executor

// What the instances of an external node run; no name for `uses`.
inline constexpr std::string_view kForwarder = "external";
inline constexpr std::string_view kForwarderHosts = "hosts";  // its `with`: addresses by replica

// What a node is to the executor it was declared with.
enum class NodeRole : std::uint8_t { kMain, kBefore, kAfter };

struct Node {
  NodeIndex index;
  std::string name;  // index, index/uses_before, index/uses_after
  NodeRole role = NodeRole::kMain;
  std::string uses;
  ValueMap with;
  std::map<std::string, std::string> env;
  std::vector<NodeIndex> needs;       // declared order, no duplicates, kGatewayNode for the gateway
  std::vector<NodeIndex> successors;  // ascending; of the sink also kGatewayNode, last
  std::uint16_t replicas = 1;
  std::uint16_t shards = 1;
  bool no_reduce = false;
  bool floating = false;
  bool takes_parts = false;  // see wire::TopologyNode
  bool allow_partial = false;
  bool external = false;  // runs elsewhere; its instances forward, each to one of with.hosts
  // Endpoint or "*", complete with the built-in defaults; empty with one shard.
  std::vector<std::pair<std::string, Polling>> polling;
  std::vector<BatchRule> batching;
  // Endpoints whose requests go to all replicas of each shard, once each; empty with one replica.
  std::vector<std::string> replicate;
  std::optional<ValueMap> when;  // on the executor's first node only
  std::uint16_t executor = 0;    // position of its declaration in FlowDecl::executors
};

class Graph {
 public:
  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& operator[](NodeIndex index) const { return nodes_[index.value]; }
  const Node* find(std::string_view name) const;

  // The node that answers: the last declared that is not floating; kGatewayNode when there is none
  // (the gateway echoes).
  NodeIndex sink() const { return sink_; }

  // Nodes whose `needs` hold the gateway, ascending.
  const std::vector<NodeIndex>& first() const { return first_; }

  // Every node after all of its needs.
  const std::vector<NodeIndex>& topological() const { return topological_; }

 private:
  friend struct Compiler;
  std::vector<Node> nodes_;
  std::vector<NodeIndex> first_;
  std::vector<NodeIndex> topological_;
  NodeIndex sink_ = kGatewayNode;
};

// Compiles and checks a declared flow: names, needs, cycles, limits. Adds every error and warning
// it finds to `diagnostics`. A graph only when there was no error.
std::optional<Graph> compile(const FlowDecl& flow, Diagnostics& diagnostics);

// Whether the node is a leaf whose results nobody gets: neither the sink nor floating.
bool is_hanging(const Graph& graph, NodeIndex index);

// By node: whether the answer waits for it.
std::vector<bool> answering(const Graph& graph);

// Whether any endpoint of the node is planned onto lanes (all but ANY): it has shards.
bool uses_lanes(const Node& node);

// Whether any endpoint of the node is published to lanes (ALL, ALL_ASYNC): its predecessors bind a
// socket for them.
bool is_published(const Node& node);

// Whether any endpoint of the node has its documents split by id.
bool splits(const Node& node);

// How requests to an endpoint are polled at a node.
Polling polling_of(const Node& node, std::string_view endpoint);

// ANY, ALL, ALL_ASYNC, HASH
std::string_view polling_word(Polling polling);

// The name in the flow file of the executor a node belongs to.
std::string_view executor_name(const Node& node);

// The instance names a node runs as: executor/rep-R, with more than one shard
// executor/shard-S/rep-R.
std::string instance_name(const Node& node, std::uint16_t shard, std::uint16_t replica);

}  // namespace flow::graph
