#include <fmt/format.h>

#include "wire/message_internal.h"
#include "wire/topology_codec_internal.h"
#include "wire/value_codec.h"

namespace flow::wire::internal {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

constexpr std::size_t kMaxInstances = 4096;
constexpr std::size_t kMaxGateways = 256;
constexpr std::size_t kMaxEndpoints = 1024;  // of one instance, or with a setting at one node
constexpr std::size_t kMaxShards = 4096;
constexpr std::size_t kMaxLanes = 4096;
constexpr std::size_t kMaxGroups = 4096;

static_assert(sizeof(NodeIndex) == sizeof(std::uint16_t));

Offset<fbs::Node> pack_node(FlatBufferBuilder& builder, const TopologyNode& node) {
  const auto name = pack_text(builder, node.name);
  std::vector<std::uint16_t> indices;
  for (const NodeIndex need : node.needs)
    indices.push_back(need.value);
  const auto needs = indices.empty() ? 0 : builder.CreateVector(indices);
  std::vector<std::string> pairs;
  for (const auto& [endpoint, effect] : node.effects) {
    pairs.push_back(endpoint);
    pairs.push_back(effect);
  }
  const auto effects = pack_texts(builder, pairs);
  std::vector<std::string> endpoints;
  std::vector<std::uint8_t> polls;
  for (const auto& [endpoint, polling] : node.polling) {
    endpoints.push_back(endpoint);
    polls.push_back(static_cast<std::uint8_t>(polling));
  }
  const auto polled = pack_texts(builder, endpoints);
  const auto polling = polls.empty() ? 0 : builder.CreateVector(polls);
  std::vector<Offset<fbs::BatchRule>> rules;
  for (const BatchRule& rule : node.batching) {
    const auto endpoint = pack_text(builder, rule.endpoint);
    rules.push_back(
        fbs::CreateBatchRule(builder, endpoint, rule.size, pack_duration(rule.timeout)));
  }
  const auto batching = pack_offsets(builder, rules);
  const auto when = node.when.empty() ? 0 : pack_bytes(builder, encode_value(node.when));
  const auto replicate = pack_texts(builder, node.replicate);
  return fbs::CreateNode(builder, name, needs, node.no_reduce, node.floating, node.shards,
                         node.replicas, pack_duration(node.timeout), effects, polled, polling,
                         node.takes_parts, node.allow_partial, when, batching, replicate);
}

Offset<flatbuffers::Vector<std::uint32_t>> pack_ids(FlatBufferBuilder& builder,
                                                    const std::vector<InstanceId>& members) {
  std::vector<std::uint32_t> ids;
  for (const InstanceId member : members)
    ids.push_back(member.value);
  return ids.empty() ? 0 : builder.CreateVector(ids);
}

Offset<fbs::Group> pack_group(FlatBufferBuilder& builder, const TopologyGroup& group) {
  const auto members = pack_ids(builder, group.members);
  return fbs::CreateGroup(builder, group.id.value, group.node.value,
                          static_cast<fbs::InstanceState>(group.state), members);
}

Offset<fbs::Lane> pack_lane(FlatBufferBuilder& builder, const TopologyLane& lane) {
  const auto members = pack_ids(builder, lane.members);
  return fbs::CreateLane(builder, lane.id.value, lane.node.value,
                         static_cast<fbs::InstanceState>(lane.state), members);
}

Offset<fbs::Instance> pack_instance(FlatBufferBuilder& builder, const TopologyInstance& instance) {
  const auto name = pack_text(builder, instance.name);
  const auto data_address = pack_text(builder, instance.data_address);
  const auto lane_address = pack_text(builder, instance.lane_address);
  const auto endpoints = pack_texts(builder, instance.endpoints);
  const auto host = pack_text(builder, instance.host);
  return fbs::CreateInstance(
      builder, instance.id.value, instance.node.value, instance.shard, instance.replica, name,
      static_cast<fbs::InstanceState>(instance.state), data_address, lane_address, endpoints,
      instance.catch_all, instance.concurrency, host, instance.wants_matrix);
}

Offset<fbs::Gateway> pack_gateway(FlatBufferBuilder& builder, const TopologyGateway& gateway) {
  const auto name = pack_text(builder, gateway.name);
  const auto data_address = pack_text(builder, gateway.data_address);
  const auto lane_address = pack_text(builder, gateway.lane_address);
  const auto host = pack_text(builder, gateway.host);
  return fbs::CreateGateway(builder, gateway.id.value, name, data_address, lane_address, host);
}

void unpack_effects(const TableReader& table, TopologyNode& node) {
  std::vector<std::string> pairs;
  table.texts(fbs::Node::VT_EFFECTS, 2 * kMaxEndpoints, kMaxText, pairs);
  if (pairs.size() % 2 != 0) {
    table.fail(fbs::Node::VT_EFFECTS, fmt::format("has {} entries, expected pairs", pairs.size()));
    return;
  }
  node.effects.clear();
  for (std::size_t i = 0; i < pairs.size(); i += 2) {
    node.effects.emplace_back(std::move(pairs[i]), std::move(pairs[i + 1]));
  }
}

void unpack_polling(const TableReader& table, TopologyNode& node) {
  using fbs::Node;
  std::vector<std::string> endpoints;
  table.texts(Node::VT_POLLED, kMaxEndpoints, kMaxText, endpoints);
  const std::span<const std::byte> polls = table.bytes(Node::VT_POLLING, kMaxEndpoints);
  node.polling.clear();
  if (polls.size() != endpoints.size()) {
    table.fail(Node::VT_POLLING,
               fmt::format("has {} entries for {} endpoints", polls.size(), endpoints.size()));
    return;
  }
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const auto polling = static_cast<Polling>(polls[i]);
    if (polling > Polling::kHash) {
      table.fail(Node::VT_POLLING,
                 fmt::format("is {}, at most {} is known", static_cast<int>(polling),
                             static_cast<int>(Polling::kHash)));
      return;
    }
    node.polling.emplace_back(std::move(endpoints[i]), polling);
  }
}

void unpack_when(const TableReader& table, TopologyNode& node) {
  node.when = {};
  const std::span<const std::byte> bytes = table.bytes(fbs::Node::VT_WHEN, kMaxControl);
  if (bytes.empty()) return;
  Result<ValueMap> when = decode_value(bytes);
  if (when) {
    node.when = *std::move(when);
  } else {
    table.fail(fbs::Node::VT_WHEN, fmt::format("is no map: {}", when.error().message));
  }
}

void unpack_rule(const TableReader& table, BatchRule& rule) {
  using Fields = fbs::BatchRule;
  rule.endpoint = table.text(Fields::VT_ENDPOINT, kMaxText);
  rule.size = table.scalar<std::uint32_t>(Fields::VT_SIZE);
  rule.timeout = unpack_duration(table, Fields::VT_TIMEOUT_US);
  if (rule.size == 0) table.fail(Fields::VT_SIZE, "is 0, at least 1 is possible");
}

void unpack_node(const TableReader& table, TopologyNode& node) {
  using fbs::Node;
  node.name = table.text(Node::VT_NAME, kMaxText);
  table.copy_to(Node::VT_NEEDS, node.needs, kMaxNodes);
  node.no_reduce = table.flag(Node::VT_NO_REDUCE);
  node.floating = table.flag(Node::VT_FLOATING);
  node.shards = table.scalar<std::uint16_t>(Node::VT_SHARDS);
  node.replicas = table.scalar<std::uint16_t>(Node::VT_REPLICAS);
  node.timeout = unpack_duration(table, Node::VT_TIMEOUT_US);
  unpack_effects(table, node);
  unpack_polling(table, node);
  node.takes_parts = table.flag(Node::VT_TAKES_PARTS);
  node.allow_partial = table.flag(Node::VT_ALLOW_PARTIAL);
  unpack_when(table, node);
  table.texts(Node::VT_REPLICATE, kMaxEndpoints, kMaxText, node.replicate);
  table.tables(Node::VT_BATCHING, fbs::BatchRuleTypeTable, kMaxEndpoints, node.batching,
               unpack_rule);
}

void unpack_lane(const TableReader& table, TopologyLane& lane) {
  using fbs::Lane;
  lane.id.value = table.scalar<std::uint32_t>(Lane::VT_ID);
  lane.node.value = table.scalar<std::uint16_t>(Lane::VT_NODE);
  lane.state = table.enumerator(Lane::VT_STATE, InstanceState::kRetired);
  table.copy_to(Lane::VT_MEMBERS, lane.members, kMaxShards);
}

void unpack_group(const TableReader& table, TopologyGroup& group) {
  using fbs::Group;
  group.id.value = table.scalar<std::uint32_t>(Group::VT_ID);
  group.node.value = table.scalar<std::uint16_t>(Group::VT_NODE);
  group.state = table.enumerator(Group::VT_STATE, InstanceState::kRetired);
  table.copy_to(Group::VT_MEMBERS, group.members, kMaxInstances);
}

void unpack_instance(const TableReader& table, TopologyInstance& instance) {
  using fbs::Instance;
  instance.id.value = table.scalar<std::uint32_t>(Instance::VT_ID);
  instance.node.value = table.scalar<std::uint16_t>(Instance::VT_NODE);
  instance.shard = table.scalar<std::uint16_t>(Instance::VT_SHARD);
  instance.replica = table.scalar<std::uint16_t>(Instance::VT_REPLICA);
  instance.name = table.text(Instance::VT_NAME, kMaxText);
  instance.state = table.enumerator(Instance::VT_STATE, InstanceState::kBehind);
  instance.data_address = table.text(Instance::VT_DATA_ADDRESS, kMaxText);
  instance.lane_address = table.text(Instance::VT_LANE_ADDRESS, kMaxText);
  table.texts(Instance::VT_ENDPOINTS, kMaxEndpoints, kMaxText, instance.endpoints);
  instance.catch_all = table.flag(Instance::VT_CATCH_ALL);
  instance.concurrency = table.scalar<std::uint32_t>(Instance::VT_CONCURRENCY);
  instance.host = table.text(Instance::VT_HOST, kMaxText);
  instance.wants_matrix = table.flag(Instance::VT_WANTS_MATRIX);
}

void unpack_gateway(const TableReader& table, TopologyGateway& gateway) {
  using fbs::Gateway;
  gateway.id.value = table.scalar<std::uint32_t>(Gateway::VT_ID);
  gateway.name = table.text(Gateway::VT_NAME, kMaxText);
  gateway.data_address = table.text(Gateway::VT_DATA_ADDRESS, kMaxText);
  gateway.lane_address = table.text(Gateway::VT_LANE_ADDRESS, kMaxText);
  gateway.host = table.text(Gateway::VT_HOST, kMaxText);
}

void check_indices(const TableReader& table, const Topology& topology) {
  using fbs::Topology;
  const std::size_t count = topology.nodes.size();
  const auto names = [count](NodeIndex node) { return node == kGatewayNode || node.value < count; };
  for (const TopologyNode& node : topology.nodes) {
    for (const NodeIndex need : node.needs) {
      if (names(need)) continue;
      table.fail(Topology::VT_NODES,
                 fmt::format("has {} needing node {} of {}", node.name, need.value, count));
    }
  }
  for (const TopologyInstance& instance : topology.instances) {
    if (instance.node.value < count) continue;
    table.fail(Topology::VT_INSTANCES,
               fmt::format("has {} at node {} of {}", instance.name, instance.node.value, count));
  }
  for (const TopologyLane& lane : topology.lanes) {
    if (lane.node.value < count) continue;
    table.fail(Topology::VT_LANES,
               fmt::format("has {} at node {} of {}", lane.id.value, lane.node.value, count));
  }
  for (const TopologyGroup& group : topology.groups) {
    const bool known = group.node.value < count;
    const std::size_t places = known ? std::size_t{topology.nodes[group.node.value].shards} *
                                           topology.nodes[group.node.value].replicas
                                     : 0;
    if (known && group.members.size() == places) continue;
    table.fail(Topology::VT_GROUPS,
               fmt::format("has {} at node {} of {} with {} members", group.id.value,
                           group.node.value, count, group.members.size()));
  }
  if (!names(topology.sink)) {
    table.fail(Topology::VT_SINK, fmt::format("is node {} of {}", topology.sink.value, count));
  }
}

}  // namespace

Offset<fbs::Topology> pack_topology(FlatBufferBuilder& builder, const Topology& topology) {
  const auto flow = pack_text(builder, topology.flow);
  std::vector<Offset<fbs::Node>> nodes;
  for (const TopologyNode& node : topology.nodes)
    nodes.push_back(pack_node(builder, node));
  std::vector<Offset<fbs::Instance>> instances;
  for (const TopologyInstance& instance : topology.instances) {
    instances.push_back(pack_instance(builder, instance));
  }
  std::vector<Offset<fbs::Gateway>> gateways;
  for (const TopologyGateway& gateway : topology.gateways) {
    gateways.push_back(pack_gateway(builder, gateway));
  }
  std::vector<Offset<fbs::Lane>> lanes;
  for (const TopologyLane& lane : topology.lanes)
    lanes.push_back(pack_lane(builder, lane));
  std::vector<Offset<fbs::Group>> groups;
  for (const TopologyGroup& group : topology.groups)
    groups.push_back(pack_group(builder, group));
  const auto group_vector = pack_offsets(builder, groups);
  const auto lane_vector = pack_offsets(builder, lanes);
  const auto node_vector = pack_offsets(builder, nodes);
  const auto instance_vector = pack_offsets(builder, instances);
  const auto gateway_vector = pack_offsets(builder, gateways);
  return fbs::CreateTopology(builder, topology.term, topology.version, flow, node_vector,
                             topology.sink.value, instance_vector, gateway_vector, lane_vector,
                             topology.sorts, topology.draining, group_vector);
}

void unpack_topology(const TableReader& table, Topology& topology) {
  using fbs::Topology;
  topology.term = table.scalar<std::uint64_t>(Topology::VT_TERM);
  topology.version = table.scalar<std::uint64_t>(Topology::VT_VERSION);
  topology.flow = table.text(Topology::VT_FLOW, kMaxText);
  table.tables(Topology::VT_NODES, fbs::NodeTypeTable, kMaxNodes, topology.nodes, unpack_node);
  topology.sink.value = table.scalar<std::uint16_t>(Topology::VT_SINK);
  table.tables(Topology::VT_INSTANCES, fbs::InstanceTypeTable, kMaxInstances, topology.instances,
               unpack_instance);
  table.tables(Topology::VT_GATEWAYS, fbs::GatewayTypeTable, kMaxGateways, topology.gateways,
               unpack_gateway);
  table.tables(Topology::VT_LANES, fbs::LaneTypeTable, kMaxLanes, topology.lanes, unpack_lane);
  topology.sorts = table.flag(Topology::VT_SORTS);
  topology.draining = table.flag(Topology::VT_DRAINING);
  table.tables(Topology::VT_GROUPS, fbs::GroupTypeTable, kMaxGroups, topology.groups, unpack_group);
  if (table.buffer().ok()) check_indices(table, topology);
}

}  // namespace flow::wire::internal
