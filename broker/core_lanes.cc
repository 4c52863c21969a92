#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "broker/core.h"

namespace flow::broker {
namespace {

using wire::InstanceState;

bool sees(const Instance& publisher, const Lane& lane, InstanceId member) {
  return std::ranges::binary_search(publisher.seen, wire::LaneMark{lane.entry.id, member});
}

bool sees_members(const Instance& publisher, const Lane& lane) {
  return std::ranges::all_of(lane.entry.members, [&](InstanceId member) {
    return !member || sees(publisher, lane, member);
  });
}

// Whether all that it publishes to the lane arrives. A worker drops what is for a lane of a
// topology that it has not taken over; a gateway plans with the topology it has.
bool reaches(const Instance& publisher, const Lane& lane) {
  const bool knows =
      publisher.role == wire::Role::kGateway || publisher.acked_version >= lane.pushed_in;
  return knows && sees_members(publisher, lane);
}

bool is_complete(const Lane& lane) {
  return std::ranges::find(lane.entry.members, InstanceId{}) == lane.entry.members.end();
}

// Lanes without a shard would be of no use to others.
bool may_miss_shards(const graph::Node& node) {
  return node.allow_partial || std::ranges::any_of(node.polling, [](const auto& entry) {
           return entry.second == Polling::kAllAsync;
         });
}

}  // namespace

void Core::on_subscriptions(Instance& instance, wire::Subscriptions subscriptions) {
  std::vector<wire::LaneMark>& marks = subscriptions.marks;
  if (marks.size() > kMaxMarks) {
    ++counters_.marks_refused;
    log::warn("{} sees {} subscriptions to lanes, at most {} are possible: ignored", instance.name,
              marks.size(), kMaxMarks);
    return;
  }
  std::ranges::sort(marks);
  const auto twice = std::ranges::unique(marks);
  marks.erase(twice.begin(), twice.end());
  for (const wire::LaneMark& mark : marks) {
    const auto lane = lanes_.find(mark.lane);
    const bool member = lane != lanes_.end() && mark.instance &&
                        std::ranges::count(lane->second.entry.members, mark.instance) > 0;
    if (!member) ++counters_.marks_stray;
  }
  instance.told = true;
  if (marks == instance.seen) return;
  instance.seen = std::move(marks);
  dirty_ = true;
}

// The lanes of a topology that was in use before this broker started, in their old state. Workers
// that served had taken over a topology with each lane that did; the other lanes wait for an
// acknowledgement of what this broker pushes.
void Core::recall_lanes(const wire::Topology& topology, Instant now) {
  std::erase_if(lanes_, [](const auto& entry) { return entry.second.recalled; });
  for (const wire::TopologyLane& known : topology.lanes) {
    use_id(known.id.value);
    const bool ours = known.node.value < options_.graph.nodes().size() &&
                      graph::uses_lanes(options_.graph[known.node]) &&
                      options_.graph[known.node].shards == known.members.size();
    if (!ours || lanes_.contains(known.id)) continue;
    Lane& lane = lanes_[known.id];
    lane.entry = known;
    lane.recalled = true;
    lane.retired_at = now;
    lane.pushed_in = lane.serves() ? topology.version : topology.version + 1;
    if (lane.retired()) lane.retired_in = topology.version;
  }
  recall_groups(topology, now);
  for (const wire::TopologyInstance& known : topology.instances) {
    const auto found = instances_.find(known.id);
    if (found == instances_.end() || known.state != InstanceState::kServing) continue;
    Instance& instance = found->second;
    instance.acked_version = std::max(instance.acked_version, topology.version);
    instance.current = true;
    if (instance.waits()) set_state(instance, InstanceState::kServing, {}, now);
  }
  assume_seen();
}

// Who has not said yet what it sees had seen all lanes that served.
void Core::assume_seen() {
  for (auto& [id, instance] : instances_) {
    const auto published = publishers_.find(instance.node);
    if (instance.told || published == publishers_.end()) continue;
    instance.seen.clear();
    if (instance.state == InstanceState::kStarting) continue;
    for (const auto& [lane_id, lane] : lanes_) {
      if (!lane.serves() || std::ranges::count(published->second, lane.entry.node) == 0) continue;
      for (const InstanceId member : lane.entry.members)
        if (member) instance.seen.push_back({lane_id, member});
    }
    std::ranges::sort(instance.seen);
  }
}

// Lanes as they should be after what happened. What comes to serve can make others superfluous.
void Core::update_lanes(Instant now) {
  if (std::ranges::none_of(options_.graph.nodes(), graph::uses_lanes)) return;
  for (int round = 0; round < 2; ++round) {
    for (const graph::Node& node : options_.graph.nodes()) {
      if (graph::uses_lanes(node)) change_lanes_of(node, now);
    }
    if (!settle_lanes(now)) break;
  }
  lanes_wait_ =
      std::ranges::any_of(
          lanes_,
          [](const auto& entry) { return !entry.second.serves() && !entry.second.retired(); }) ||
      std::ranges::any_of(instances_, [](const auto& entry) { return entry.second.waits(); });
}

void Core::change_lanes_of(const graph::Node& node, Instant now) {
  std::vector<ExistingLane> existing;
  for (const auto& [id, lane] : lanes_) {
    if (lane.entry.node == node.index && !lane.retired())
      existing.push_back({id, lane.entry.members, lane.serves()});
  }
  LaneChanges changes = change_lanes(candidates_of(node), may_miss_shards(node), existing);
  for (const InstanceId id : changes.retire) {
    Lane& lane = lanes_[id];
    lane.entry.state = InstanceState::kRetired;
    lane.retired_at = now;
    ++counters_.lanes_retired;
  }
  for (std::vector<InstanceId>& members : changes.form)
    form_lane(node, std::move(members));
}

void Core::form_lane(const graph::Node& node, std::vector<InstanceId> members) {
  if (lanes_.size() >= kMaxLanes) {
    ++counters_.lanes_refused;
    return;
  }
  const InstanceId id{next_id_};
  use_id(id.value);
  lanes_[id].entry = {id, node.index, InstanceState::kStarting, std::move(members)};
  ++counters_.lanes_formed;
}

// A suspected instance is a candidate while its shard has no other and lanes cannot do without it.
ShardCandidates Core::candidates_of(const graph::Node& node) const {
  ShardCandidates shards(node.shards);
  ShardCandidates suspects(node.shards);
  for (const auto& [id, instance] : instances_) {
    if (instance.node != node.index) continue;
    const LaneCandidate candidate{id, instance.replica};
    const bool will_serve = instance.waits() && (!replicates(instance) || instance.current);
    if (instance.serves() || will_serve) shards[instance.shard].push_back(candidate);
    if (instance.state == InstanceState::kSuspect) suspects[instance.shard].push_back(candidate);
  }
  const auto is_empty = [](const auto& candidates) { return candidates.empty(); };
  const bool needs_all = !may_miss_shards(node) || std::ranges::all_of(shards, is_empty);
  for (std::size_t shard = 0; shard < shards.size(); ++shard) {
    if (shards[shard].empty() && needs_all) shards[shard] = std::move(suspects[shard]);
    std::ranges::sort(shards[shard], {}, &LaneCandidate::replica);
  }
  return shards;
}

// From the end of the graph to its front: members serve before their lanes do. Whether any lane
// serves now that did not.
bool Core::settle_lanes(Instant now) {
  bool more = false;
  const auto settle = [&](NodeIndex node) {
    for (auto& [id, lane] : lanes_) {
      if (lane.entry.node != node || lane.retired()) continue;
      const bool serves = waits_for(lane).empty();
      more = more || (serves && !lane.serves());
      lane.entry.state = serves ? InstanceState::kServing : InstanceState::kStarting;
    }
  };
  const std::vector<NodeIndex>& order = options_.graph.topological();
  for (auto node = order.rbegin(); node != order.rend(); ++node) {
    admit_publishers(*node, now);
    settle(*node);
  }
  admit_publishers(kGatewayNode, now);
  return more;
}

// Those who wait and see all lanes that serve may be planned.
void Core::admit_publishers(NodeIndex node, Instant now) {
  for (auto& [id, instance] : instances_) {
    if (instance.node == node && instance.waits() && missing_lane(instance).empty())
      admit(instance, now);
  }
}

void Core::finish_lanes(std::uint64_t oldest_plan, Duration limit, Instant now) {
  const auto finished = std::erase_if(lanes_, [=](const auto& entry) {
    const Lane& lane = entry.second;
    return lane.retired() && lane.retired_in != 0 &&
           (oldest_plan >= lane.retired_in || now - lane.retired_at > limit);
  });
  dirty_ = dirty_ || finished > 0;
}

// Why the lane does not serve; empty when it may.
std::string Core::waits_for(const Lane& lane) const {
  const graph::Node& node = options_.graph[lane.entry.node];
  const auto waits = [&](std::string_view what) {
    return fmt::format("{}: lane {} waits for {}", node.name, lane.entry.id.value, what);
  };
  for (const InstanceId member : lane.entry.members) {
    if (!member) continue;
    const auto found = instances_.find(member);
    if (found == instances_.end()) return waits(fmt::format("instance {}", member.value));
    if (!found->second.serves()) return waits(found->second.name);
  }
  if (!graph::is_published(node)) return {};  // what is pushed to a member is not lost
  for (const NodeIndex need : node.needs) {
    bool anybody = false;
    for (const auto& [id, publisher] : instances_) {
      if (publisher.node != need || !publisher.ready) continue;
      const bool reached = reaches(publisher, lane);
      const bool sends = publisher.serves() || publisher.behind();
      if (sends && !reached) return waits_for(lane, publisher);
      anybody = anybody || (reached && publisher.state != InstanceState::kRetired);
    }
    if (anybody) continue;
    return waits(need == kGatewayNode ? "a gateway" : options_.graph[need].name);
  }
  return {};
}

// What the publisher lacks to reach the lane.
std::string Core::waits_for(const Lane& lane, const Instance& publisher) const {
  const std::string& node = options_.graph[lane.entry.node].name;
  for (const InstanceId member : lane.entry.members) {
    if (!member || sees(publisher, lane, member)) continue;
    const auto found = instances_.find(member);
    return fmt::format("{}: lane {} waits for {} to see {}", node, lane.entry.id.value,
                       publisher.name, found == instances_.end() ? "" : found->second.name);
  }
  return fmt::format("{}: lane {} waits for {} to take over the topology", node,
                     lane.entry.id.value, publisher.name);
}

// The first lane that serves and that the publisher does not reach; empty when it reaches all.
std::string Core::missing_lane(const Instance& publisher) const {
  const auto published = publishers_.find(publisher.node);
  if (published == publishers_.end()) return {};
  for (const auto& [id, lane] : lanes_) {
    if (!lane.serves() || std::ranges::count(published->second, lane.entry.node) == 0) continue;
    if (!reaches(publisher, lane)) return waits_for(lane, publisher);
  }
  return {};
}

// Why no complete lane of the node serves; empty when one does.
std::string Core::lane_trouble(const graph::Node& node) const {
  std::string trouble;
  for (const auto& [id, lane] : lanes_) {
    if (lane.entry.node != node.index || lane.retired() || !is_complete(lane)) continue;
    if (lane.serves()) return {};
    if (trouble.empty()) trouble = waits_for(lane);
  }
  return trouble.empty() ? fmt::format("{}: it has no lane yet", node.name) : trouble;
}

ValueList Core::lanes_status(const graph::Node& node) const {
  ValueList rows;
  for (const auto& [id, lane] : lanes_) {
    if (lane.entry.node != node.index) continue;
    ValueList members;
    for (const InstanceId member : lane.entry.members)
      members.emplace_back(std::int64_t{member.value});
    ValueMap row;
    row.set("id", std::int64_t{id.value});
    row.set("state", lane.retired() ? "draining" : lane.serves() ? "ready" : "starting");
    row.set("reason", lane.retired() ? std::string() : waits_for(lane));
    row.set("members", std::move(members));
    rows.emplace_back(std::move(row));
  }
  return rows;
}

}  // namespace flow::broker
