// Which lanes the shards of a node should have.
//
// A lane holds one instance of every shard and is never changed, so whenever instances come and go
// other lanes take the place of those there are: what is wanted is formed, and what is not wanted
// any more stays until lanes that serve cover its members (make before break).
//
// Pure and deterministic: the same instances and lanes give the same changes. Bounded: as many
// lanes are wanted as the shard with the most instances has, and at most one more for each instance
// stays for a while.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"

namespace flow::broker {

// An instance that may be in a lane.
struct LaneCandidate {
  InstanceId id;
  std::uint16_t replica = 0;
};

using ShardCandidates = std::vector<std::vector<LaneCandidate>>;  // by shard, then replica

using LaneMembers = std::vector<InstanceId>;  // by shard; none: the shard is missing

struct ExistingLane {
  InstanceId id;
  LaneMembers members;
  bool serves = false;
};

struct LaneChanges {
  std::vector<LaneMembers> form;
  std::vector<InstanceId> retire;  // ascending
};

// As many lanes as the shard with the most candidates has, each candidate in at least one. Replicas
// of the same number are together where they live; the candidates of smaller shards take turns in
// the lanes that remain. A shard without candidates is missing in all of them if `partial`; if not,
// there are no lanes.
std::vector<LaneMembers> wanted_lanes(const ShardCandidates& shards, bool partial);

// What has to be done to have the wanted lanes. A lane with a member that is no candidate is
// retired at once; one that serves but is not wanted stays while a member of it is in no other lane
// that serves.
LaneChanges change_lanes(const ShardCandidates& shards, bool partial,
                         const std::vector<ExistingLane>& lanes);

}  // namespace flow::broker
