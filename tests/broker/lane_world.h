// What tests of lanes say to a broker's world, with a node called index.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/broker/broker_world.h"

namespace flow::broker {

inline const NodePlan kIndex2x2{"index", 2, 2};

inline NodePlan partial(std::uint32_t shards, std::uint32_t replicas) {
  NodePlan plan{"index", shards, replicas};
  plan.allow_partial = true;
  return plan;
}

inline std::vector<wire::TopologyLane> lanes(World& world, wire::InstanceState state) {
  std::vector<wire::TopologyLane> found;
  for (const auto& [id, lane] : world.core().lanes()) {
    if (lane.entry.state == state) found.push_back(lane.entry);
  }
  return found;
}

inline std::vector<wire::TopologyLane> serving(World& world) {
  return lanes(world, wire::InstanceState::kServing);
}

using Members = std::vector<InstanceId>;
using AllMembers = std::vector<Members>;
inline std::vector<Members> members(const std::vector<wire::TopologyLane>& lanes) {
  std::vector<Members> found;
  for (const wire::TopologyLane& lane : lanes)
    found.push_back(lane.members);
  std::ranges::sort(found);
  return found;
}

// index/shard-S/rep-R
inline Peer& at(World& world, int shard, int replica) {
  return world["index/shard-" + std::to_string(shard) + "/rep-" + std::to_string(replica)];
}

inline Members lane_of(World& world, std::initializer_list<int> replicas) {
  Members ids;
  for (const int replica : replicas) {
    const auto shard = static_cast<int>(ids.size());
    ids.push_back(replica < 0 ? InstanceId{} : at(world, shard, replica).id());
  }
  return ids;
}

inline std::vector<Members> sorted(std::vector<Members> all) {
  std::ranges::sort(all);
  return all;
}

inline Peer& restart(World& world, Peer& peer) {
  const std::string name = peer.name;
  world.kill(peer);
  return world.worker(name);
}

inline void set_marks(World& world, Peer& publisher, std::vector<wire::LaneMark> marks) {
  publisher.blind = true;
  publisher.member->set_subscriptions(std::move(marks));
  world.pump();
}

inline void drain(World& world, const std::string& name) {
  ValueMap arguments;
  arguments.set("instance", name);
  CHECK(world.admin("drain", arguments).code == Errc::kOk);
}

inline std::string reason(World& world) {
  return world.core().reason();
}

}  // namespace flow::broker
