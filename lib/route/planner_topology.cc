#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "route/planner.h"

namespace flow::route {

std::vector<InstanceId> Planner::update(std::shared_ptr<const wire::Topology> topology) {
  const bool new_graph = topology_ == nullptr || topology_->nodes != topology->nodes;
  topology_ = std::move(topology);
  if (new_graph) {
    shape_ = shape_of(*topology_);
    last_addresses_.assign(topology_->nodes.size(), {});
    serving_.assign(topology_->nodes.size(), {});
    kinds_.clear();
    leads_at_.clear();
    endpoint_names_.clear();
  }
  sharded_ =
      std::ranges::any_of(topology_->nodes, [](const auto& node) { return node.shards > 1; });
  std::vector<InstanceId> gone;
  update_endpoints();
  update_bindings();
  update_polling();
  update_batching();
  for (std::vector<Kind>& nodes : kinds_) {
    for (Kind& kind : nodes)
      kind.changed = ++changes_;
  }
  update_targets(gone);
  update_lanes();
  update_groups();
  return gone;
}

// The endpoint table only grows, so that indices stay valid: names bound by some instance, or with
// a polling of their own.
void Planner::update_endpoints() {
  const auto add = [this](const std::string& name) {
    if (std::ranges::find(endpoint_names_, name) == endpoint_names_.end())
      endpoint_names_.push_back(name);
  };
  if (endpoint_names_.empty()) endpoint_names_.emplace_back();
  for (const wire::TopologyInstance& instance : topology_->instances)
    std::ranges::for_each(instance.endpoints, add);
  for (const wire::TopologyNode& node : topology_->nodes) {
    for (const BatchRule& rule : node.batching) {
      if (rule.endpoint != "*") add(rule.endpoint);
    }
    std::ranges::for_each(node.replicate, add);
    if (node.shards == 1) continue;
    for (const auto& [name, polling] : node.polling) {
      if (name != "*") add(name);
    }
  }
  kinds_.resize(endpoint_names_.size(), std::vector<Kind>(topology_->nodes.size()));
  leads_at_.resize(endpoint_names_.size());
}

// What an instance that is only starting binds is not known yet. A node without others at the
// moment binds what it bound before.
void Planner::update_bindings() {
  std::vector<bool> seen(topology_->nodes.size());
  for (const wire::TopologyInstance& instance : topology_->instances) {
    if (instance.state == wire::InstanceState::kStarting) continue;
    const bool first = !seen[instance.node.value];
    seen[instance.node.value] = true;
    for (std::size_t e = 0; e < endpoint_names_.size(); ++e) {
      const bool binds = instance.catch_all ||
                         (e != 0 && std::ranges::find(instance.endpoints, endpoint_names_[e]) !=
                                        instance.endpoints.end());
      Kind& kind = kinds_[e][instance.node.value];
      kind.bound = binds || (kind.bound && !first);
    }
  }
}

// The endpoint's own polling, else that of all others; whether it is replicated, and who waits for
// it.
void Planner::update_polling() {
  for (std::size_t n = 0; n < topology_->nodes.size(); ++n) {
    const wire::TopologyNode& node = topology_->nodes[n];
    for (std::size_t e = 0; e < endpoint_names_.size(); ++e) {
      Kind& kind = kinds_[e][n];
      const auto& names = node.replicate;
      kind.replicated = e != 0 && std::ranges::find(names, endpoint_names_[e]) != names.end();
      kind.awaited = shape_.answers[n];
      kind.polling = wire::Polling::kAny;
      if (node.shards == 1) continue;
      for (const auto& [name, polling] : node.polling) {
        const bool own = e != 0 && name == endpoint_names_[e];
        if (own || name == "*") kind.polling = polling;
        if (own) break;
      }
    }
  }
}

// The endpoint's own rule, else that of all others.
void Planner::update_batching() {
  for (std::size_t n = 0; n < topology_->nodes.size(); ++n) {
    for (std::size_t e = 0; e < endpoint_names_.size(); ++e) {
      Kind& kind = kinds_[e][n];
      kind.batch = 1;
      kind.patience = {};
      for (const BatchRule& rule : topology_->nodes[n].batching) {
        const bool own = e != 0 && rule.endpoint == endpoint_names_[e];
        if (!own && rule.endpoint != "*") continue;
        kind.batch = rule.size;
        kind.patience = rule.timeout;
        if (own) break;
      }
    }
  }
}

std::uint32_t Planner::fresh_slot() {
  if (free_slots_.empty()) {
    targets_.emplace_back();
    return static_cast<std::uint32_t>(targets_.size() - 1);
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  targets_[slot] = Target();
  return slot;
}

void Planner::update_target(const wire::TopologyInstance& instance, std::uint32_t slot) {
  Target& target = targets_[slot];
  target.id = instance.id;
  target.node = instance.node;
  target.shard = instance.shard;
  target.replica = instance.replica;
  target.plannable = instance.state == wire::InstanceState::kServing;
  target.behind = instance.state == wire::InstanceState::kBehind;
  target.concurrency = std::max(1U, instance.concurrency);
  target.estimates.resize(endpoint_names_.size());
  target.name = instance.name;
  target.data_address = instance.data_address;
  slot_of_.emplace(instance.id, slot);
  last_addresses_[instance.node.value].insert_or_assign(
      instance.name, KnownAddress{instance.shard, instance.data_address});
  if (!target.plannable) return;
  Serving& serving = serving_[instance.node.value];
  serving.slots.push_back(slot);
  if (instance.shard < serving.by_shard.size()) serving.by_shard[instance.shard].push_back(slot);
}

void Planner::update_targets(std::vector<InstanceId>& gone) {
  std::unordered_map<InstanceId, std::uint32_t> before = std::move(slot_of_);
  slot_of_.clear();
  for (std::size_t n = 0; n < serving_.size(); ++n) {
    const std::size_t shards = topology_->nodes[n].shards;
    serving_[n].slots.clear();
    serving_[n].by_shard.assign(shards > 1 ? shards : 0, {});
  }
  std::erase_if(removed_, [this](InstanceId id) {
    return std::ranges::find(topology_->instances, id, &wire::TopologyInstance::id) ==
           topology_->instances.end();
  });
  for (const wire::TopologyInstance& instance : topology_->instances) {
    if (std::ranges::find(removed_, instance.id) != removed_.end()) continue;
    const auto known = before.find(instance.id);
    update_target(instance, known != before.end() ? known->second : fresh_slot());
    if (known != before.end()) before.erase(known);
  }
  for (const auto& [id, slot] : before) {
    gone.push_back(id);
    targets_[slot] = Target();
    free_slots_.push_back(slot);
  }
  std::ranges::sort(gone);
}

// A lane can be planned while every member of it can; of a node those are kept that miss the fewest
// shards.
void Planner::update_lanes() {
  std::vector<std::vector<Lane>> before(serving_.size());
  for (std::size_t n = 0; n < serving_.size(); ++n)
    before[n] = std::exchange(serving_[n].lanes, {});
  for (const wire::TopologyLane& made : topology_->lanes) {
    if (made.state != wire::InstanceState::kServing) continue;
    Lane lane;
    lane.id = made.id;
    bool plannable = made.node.value < serving_.size();
    for (const InstanceId member : made.members) {
      if (!member) continue;
      const auto known = slot_of_.find(member);
      plannable = plannable && known != slot_of_.end() && targets_[known->second].plannable;
      if (plannable) lane.members.push_back(known->second);
    }
    if (!plannable || lane.members.empty()) continue;
    std::vector<Lane>& lanes = serving_[made.node.value].lanes;
    if (!lanes.empty() && lanes.front().members.size() > lane.members.size()) continue;
    if (!lanes.empty() && lanes.front().members.size() < lane.members.size()) lanes.clear();
    lane.whole = lane.members.size() == topology_->nodes[made.node.value].shards;
    const auto same = std::ranges::find(before[made.node.value], lane.id, &Lane::id);
    if (same != before[made.node.value].end()) lane.last_used = same->last_used;
    lanes.push_back(std::move(lane));
  }
}

// A group can be planned while all its members are there to take what is written.
void Planner::update_groups() {
  for (Serving& serving : serving_)
    serving.groups.clear();
  for (const wire::TopologyGroup& made : topology_->groups) {
    if (made.state != wire::InstanceState::kServing || made.node.value >= serving_.size()) continue;
    Lane group;
    group.id = made.id;
    const bool plannable = std::ranges::all_of(made.members, [&](InstanceId member) {
      if (!member) return true;
      const auto known = slot_of_.find(member);
      if (known == slot_of_.end()) return false;
      group.members.push_back(known->second);
      return targets_[known->second].plannable || targets_[known->second].behind;
    });
    if (plannable && !group.members.empty())
      serving_[made.node.value].groups.push_back(std::move(group));
  }
}

bool Planner::remove(InstanceId id) {
  const auto known = slot_of_.find(id);
  if (known == slot_of_.end()) return false;
  const std::uint32_t slot = known->second;
  Serving& serving = serving_[targets_[slot].node.value];
  std::erase(serving.slots, slot);
  for (std::vector<std::uint32_t>& shard : serving.by_shard)
    std::erase(shard, slot);
  targets_[slot] = Target();
  free_slots_.push_back(slot);
  slot_of_.erase(known);
  removed_.push_back(id);
  update_lanes();
  update_groups();
  return true;
}

bool Planner::has(NodeIndex node, std::uint32_t lack) const {
  const Serving& serving = serving_[node.value];
  if (lack == Blocked::kInstance) return !serving.slots.empty();
  if (lack == Blocked::kSomeLane) return !serving.slots.empty();
  if (lack == Blocked::kWholeLane) {
    return std::ranges::none_of(serving.by_shard, [](const auto& shard) { return shard.empty(); });
  }
  return !serving.by_shard[lack - Blocked::kShard].empty();
}

std::uint32_t Planner::lacks(NodeIndex node) const {
  const std::size_t shards = serving_[node.value].by_shard.size();
  return shards == 0 ? 1 : Blocked::kShard + static_cast<std::uint32_t>(shards);
}

// Of some shards, or of all when none is named.
std::string Planner::addresses(NodeIndex node, const std::vector<std::uint16_t>& shards) const {
  std::string list;
  for (const auto& [name, known] : last_addresses_[node.value]) {
    if (!shards.empty() && std::ranges::find(shards, known.shard) == shards.end()) continue;
    list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", name, known.address);
  }
  return list.empty() ? "no instance ever joined" : list;
}

std::string Planner::describe(const Blocked& blocked) const {
  const std::string_view executor = topology_->nodes[blocked.node.value].executor();
  const Serving& serving = serving_[blocked.node.value];
  std::vector<std::uint16_t> without;
  for (std::uint16_t shard = 0; shard < serving.by_shard.size(); ++shard) {
    const bool asked =
        blocked.lack < Blocked::kShard || blocked.lack == Blocked::kShard + std::uint32_t{shard};
    if (asked && serving.by_shard[shard].empty()) without.push_back(shard);
  }
  const std::string tried = addresses(blocked.node, without);
  if (serving.slots.empty() && blocked.lack < Blocked::kShard)
    return fmt::format("executor '{}' has no live instance; tried {}", executor, tried);
  return fmt::format("executor '{}': {} {} {} no live instance; tried {}", executor,
                     without.size() == 1 ? "shard" : "shards", fmt::join(without, ", "),
                     without.size() == 1 ? "has" : "have", tried);
}

}  // namespace flow::route
