#include "broker/lanes.h"

#include <algorithm>
#include <set>

namespace flow::broker {
namespace {

// The instances of one shard, spread over all lanes. `labels`: the replica number of each lane.
LaneMembers spread(const std::vector<LaneCandidate>& candidates,
                   const std::vector<std::uint16_t>& labels) {
  LaneMembers column(labels.size());
  if (candidates.empty()) return column;
  std::vector<InstanceId> others;
  for (const LaneCandidate& candidate : candidates) {
    const auto at = std::ranges::find(labels, candidate.replica) - labels.begin();
    if (static_cast<std::size_t>(at) < labels.size() && !column[at]) {
      column[at] = candidate.id;
    } else {
      others.push_back(candidate.id);
    }
  }
  std::size_t turn = 0;
  for (InstanceId& place : column) {
    if (place) continue;
    place = turn < others.size() ? others[turn]
                                 : candidates[(turn - others.size()) % candidates.size()].id;
    ++turn;
  }
  return column;
}

// The lane with exactly these members: one that serves before others, then the oldest.
const ExistingLane* find_lane(const std::vector<ExistingLane>& lanes, const LaneMembers& members) {
  const ExistingLane* best = nullptr;
  for (const ExistingLane& lane : lanes) {
    if (lane.members != members) continue;
    const bool better = best == nullptr || (lane.serves && !best->serves) ||
                        (lane.serves == best->serves && lane.id < best->id);
    if (better) best = &lane;
  }
  return best;
}

}  // namespace

std::vector<LaneMembers> wanted_lanes(const ShardCandidates& shards, bool partial) {
  const auto size = [](const auto& candidates) { return candidates.size(); };
  const auto longest = std::ranges::max_element(shards, {}, size);
  if (longest == shards.end() || longest->empty()) return {};
  const bool complete = std::ranges::none_of(shards, [](const auto& of) { return of.empty(); });
  if (!complete && !partial) return {};
  std::vector<std::uint16_t> labels;
  for (const LaneCandidate& candidate : *longest)
    labels.push_back(candidate.replica);
  std::vector<LaneMembers> wanted(labels.size(), LaneMembers(shards.size()));
  for (std::size_t shard = 0; shard < shards.size(); ++shard) {
    const LaneMembers column = spread(shards[shard], labels);
    for (std::size_t lane = 0; lane < wanted.size(); ++lane)
      wanted[lane][shard] = column[lane];
  }
  return wanted;
}

LaneChanges change_lanes(const ShardCandidates& shards, bool partial,
                         const std::vector<ExistingLane>& lanes) {
  LaneChanges changes;
  std::set<InstanceId> candidates;
  for (const auto& shard : shards) {
    for (const LaneCandidate& candidate : shard)
      candidates.insert(candidate.id);
  }
  std::set<InstanceId> kept;
  std::set<InstanceId> covered;  // by lanes that serve and stay
  for (LaneMembers& members : wanted_lanes(shards, partial)) {
    const ExistingLane* lane = find_lane(lanes, members);
    if (lane == nullptr) {
      changes.form.push_back(std::move(members));
      continue;
    }
    kept.insert(lane->id);
    if (lane->serves) covered.insert(members.begin(), members.end());
  }
  const auto is_candidate = [&](InstanceId id) { return !id || candidates.contains(id); };
  const auto is_uncovered = [&](InstanceId id) { return id && !covered.contains(id); };
  for (const ExistingLane& lane : lanes) {
    if (kept.contains(lane.id)) continue;
    const bool needed = lane.serves && std::ranges::all_of(lane.members, is_candidate) &&
                        std::ranges::any_of(lane.members, is_uncovered);
    if (needed) {
      covered.insert(lane.members.begin(), lane.members.end());
    } else {
      changes.retire.push_back(lane.id);
    }
  }
  std::ranges::sort(changes.retire);
  return changes;
}

}  // namespace flow::broker
