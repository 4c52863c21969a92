#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/log.h"
#include "broker/core.h"

namespace flow::broker {
namespace {

using wire::InstanceState;

constexpr Duration kCopyPause = std::chrono::seconds(1);  // after one that failed

bool has(const Group& group, InstanceId instance) {
  return std::ranges::find(group.entry.members, instance) != group.entry.members.end();
}

// Which of two replicas that differ has the newer writes.
bool newer(const Instance* a, const Instance* b) {
  const auto rank = [](const Instance& each) {
    return std::tuple{each.ready->holds->newest, each.ready->holds->entries, ~each.replica};
  };
  return rank(*a) > rank(*b);
}

}  // namespace

bool Core::replicates(const Instance& instance) const {
  return instance.role == wire::Role::kWorker && !options_.graph[instance.node].replicate.empty();
}

// Nothing keeps it from being planned but, of a replica, what it may lack.
void Core::admit(Instance& instance, Instant now) {
  instance.copies = InstanceId{};
  if (!replicates(instance) || instance.current || !instance.ready->holds) {
    promote(instance, now);
  } else {
    set_state(instance, InstanceState::kBehind, "it is compared with its siblings", now);
  }
}

void Core::promote(Instance& instance, Instant now) {
  instance.current = true;
  instance.merged.clear();
  set_state(instance, InstanceState::kServing, {}, now);
}

// The groups of a topology that was in use before this broker started.
void Core::recall_groups(const wire::Topology& topology, Instant now) {
  groups_.clear();
  for (const wire::TopologyGroup& known : topology.groups) {
    use_id(known.id.value);
    if (known.node.value >= options_.graph.nodes().size()) continue;
    const graph::Node& node = options_.graph[known.node];
    if (node.replicate.empty() || known.members.size() != node.shards * node.replicas) continue;
    Group& group = groups_[known.id];
    group.entry = known;
    group.pushed_in = topology.version;
    group.retired_at = now;
    if (group.retired()) group.retired_in = topology.version;
  }
  for (auto& [id, instance] : instances_) {
    if (instance.state != InstanceState::kSuspect) continue;
    instance.current = std::ranges::any_of(groups_, [id = id](const auto& entry) {
      return !entry.second.retired() && has(entry.second, id);
    });
  }
}

// Replicas that are behind get on. Whether one of them serves now.
bool Core::update_replicas(Instant now) {
  replicas_due_ = kNever;
  bool promoted = false;
  for (const graph::Node& node : options_.graph.nodes()) {
    if (node.replicate.empty()) continue;
    for (std::uint16_t shard = 0; shard < node.shards; ++shard)
      promoted = update_shard(node, shard, now) || promoted;
  }
  replicas_wait_ =
      std::ranges::any_of(instances_, [](const auto& entry) { return entry.second.behind(); });
  return promoted;
}

bool Core::update_shard(const graph::Node& node, std::uint16_t shard, Instant now) {
  std::vector<Instance*> serving;
  std::vector<Instance*> behind;
  bool may_return = false;
  for (auto& [id, instance] : instances_) {
    if (instance.node != node.index || instance.shard != shard || !replicates(instance)) continue;
    if (instance.serves()) serving.push_back(&instance);
    if (instance.behind()) behind.push_back(&instance);
    may_return = may_return || (instance.current && instance.state == InstanceState::kSuspect) ||
                 (instance.current && instance.waits());
  }
  ShardMemory& memory = shards_[{node.index, shard}];
  if (serving.empty()) {
    return !behind.empty() && !may_return && start_shard(node, memory, behind, now);
  }
  memory.empty_since = kNever;
  memory.complete.clear();
  for (const Instance* instance : serving)
    memory.complete.push_back(instance->replica);
  for (Instance* late : behind)
    follow(*late, serving, now);
  return false;
}

// Nobody serves the shard: those that may have all writes are waited for, then compared.
bool Core::start_shard(const graph::Node& node, ShardMemory& memory,
                       std::vector<Instance*>& replicas, Instant now) {
  memory.empty_since = std::min(memory.empty_since, now);
  const Instant patient_until = memory.empty_since + options_.replica_patience;
  const auto counts = [&memory](std::uint16_t replica) {
    return memory.complete.empty() || std::ranges::count(memory.complete, replica) > 0;
  };
  std::vector<std::string> missing;
  for (std::uint16_t replica = 0; replica < node.replicas; ++replica) {
    const bool here = std::ranges::any_of(
        replicas, [replica](const Instance* each) { return each->replica == replica; });
    if (!here && counts(replica))
      missing.push_back(graph::instance_name(node, replicas.front()->shard, replica));
  }
  if (!missing.empty() && now < patient_until) {
    for (Instance* each : replicas)
      each->reason =
          fmt::format("it waits for {}, which may hold newer writes", fmt::join(missing, ", "));
    replicas_due_ = std::min(replicas_due_, patient_until);
    return false;
  }
  std::vector<Instance*> candidates;
  std::ranges::copy_if(replicas, std::back_inserter(candidates),
                       [&](const Instance* each) { return counts(each->replica); });
  if (candidates.empty()) candidates = replicas;
  Instance* leader = *std::ranges::min_element(candidates, newer);
  if (!take_over(*leader, candidates, now)) return false;
  if (!missing.empty()) {
    log::warn("{} serves without {}, which may hold writes that it lacks", leader->name,
              fmt::join(missing, ", "));
    event("unsure", fmt::format("{} serves without the writes of {}", leader->name,
                                fmt::join(missing, ", ")));
  }
  for (Instance* each : candidates) {
    if (each == leader || each->ready->holds == leader->ready->holds) promote(*each, now);
  }
  return true;
}

// Takes what the others hold and it may not; whether it has all of that.
bool Core::take_over(Instance& leader, const std::vector<Instance*>& others, Instant now) {
  if (leader.copies && instances_.contains(leader.copies)) return false;
  leader.copies = InstanceId{};
  for (const Instance* other : others) {
    const bool known = other == &leader || other->ready->holds == leader.ready->holds ||
                       std::ranges::count(leader.merged, other->id) > 0;
    if (known) continue;
    leader.reason = fmt::format("it takes what {} has", other->name);
    if (may_copy(leader, *other, now)) leader.follows = false;
    return false;
  }
  return true;
}

// Copies a sibling once everything that is written gets here.
void Core::follow(Instance& late, const std::vector<Instance*>& serving, Instant now) {
  const auto is_source = [&late](const Instance* each) { return each->id == late.copies; };
  if (late.copies && std::ranges::any_of(serving, is_source)) return;
  late.copies = InstanceId{};
  if (!gets_all_writes(late)) {
    late.reason = "writes are under way that it does not get";
    return;
  }
  for (const Instance* source : serving) {
    late.reason = fmt::format("it copies {}", source->name);
    late.follows = true;
    if (may_copy(late, *source, now)) return;
  }
}

bool Core::gets_all_writes(const Instance& instance) const {
  bool any = false;
  for (const auto& [id, group] : groups_) {
    if (group.entry.node != instance.node) continue;
    if (!has(group, instance.id)) return false;
    any = any || (!group.retired() && group.pushed_in != 0);
  }
  return any;
}

// Tells it to, if both know of one another. Whether it did.
bool Core::may_copy(Instance& replica, const Instance& sibling, Instant now) {
  if (now < replica.copy_at) {
    replicas_due_ = std::min(replicas_due_, replica.copy_at);
    return false;
  }
  const std::uint64_t both = std::max(replica.listed_in, sibling.listed_in);
  const bool acquainted = replica.listed_in != 0 && sibling.listed_in != 0 &&
                          replica.acked_version >= both && sibling.acked_version >= both;
  if (!acquainted || !replica.connection) return false;
  replica.copies = sibling.id;
  ++counters_.copies;
  effects_.send(*replica.connection, wire::CatchUp{sibling.id});
  return true;
}

void Core::on_caught_up(Instance& instance, const wire::CaughtUp& outcome, Instant now) {
  if (!instance.behind() || instance.copies != outcome.sibling || !outcome.sibling) return;
  instance.copies = InstanceId{};
  dirty_ = true;
  if (outcome.code != Errc::kOk) {
    instance.copy_at = now + kCopyPause;
    log::warn("{} could not copy instance {}: {}", instance.name, outcome.sibling.value,
              outcome.message);
    return;
  }
  if (!instance.follows) {
    instance.merged.push_back(outcome.sibling);
  } else if (gets_all_writes(instance)) {
    promote(instance, now);
    event("caught up", fmt::format("{} instance {}", instance.name, instance.id.value));
  }
}

// All that have every write, or get every write from now on; none while a shard has nobody. A
// silent replica is left out, and behind when it is heard again, unless its shard has no other.
std::vector<InstanceId> Core::group_members(const graph::Node& node) const {
  std::vector<InstanceId> members(std::size_t{node.shards} * node.replicas);
  std::vector<bool> complete(node.shards);
  const auto put = [&](const Instance& instance) {
    members[std::size_t{instance.shard} * node.replicas + instance.replica] = instance.id;
  };
  for (const auto& [id, instance] : instances_) {
    if (instance.node != node.index || !(instance.serves() || instance.behind())) continue;
    put(instance);
    if (instance.serves()) complete[instance.shard] = true;
  }
  std::vector<bool> served = complete;
  for (const auto& [id, instance] : instances_) {
    const bool silent = instance.state == InstanceState::kSuspect || instance.waits();
    if (instance.node != node.index || !silent || !instance.current || served[instance.shard])
      continue;
    put(instance);
    complete[instance.shard] = true;
  }
  const bool all = std::ranges::find(complete, false) == complete.end();
  return all ? members : std::vector<InstanceId>();
}

void Core::update_groups(Instant now) {
  for (const graph::Node& node : options_.graph.nodes()) {
    if (node.replicate.empty()) continue;
    std::vector<InstanceId> wanted = group_members(node);
    bool there = false;
    for (auto& [id, group] : groups_) {
      if (group.entry.node != node.index || group.retired()) continue;
      if (!there && group.entry.members == wanted) {
        there = true;
        continue;
      }
      group.entry.state = InstanceState::kRetired;
      group.retired_at = now;
    }
    if (!there && !wanted.empty()) form_group(node, std::move(wanted));
  }
}

void Core::form_group(const graph::Node& node, std::vector<InstanceId> members) {
  if (groups_.size() >= kMaxGroups) return;
  const InstanceId id{next_id_};
  use_id(id.value);
  for (auto& [other, instance] : instances_) {
    if (instance.node == node.index && std::ranges::count(members, other) == 0)
      instance.current = false;
  }
  groups_[id].entry = {id, node.index, InstanceState::kServing, std::move(members)};
  ++counters_.groups_formed;
}

void Core::finish_groups(std::uint64_t oldest_plan, Duration limit, Instant now) {
  const auto finished = std::erase_if(groups_, [=](const auto& entry) {
    const Group& group = entry.second;
    return group.retired() && group.retired_in != 0 &&
           (oldest_plan >= group.retired_in || now - group.retired_at > limit);
  });
  dirty_ = dirty_ || finished > 0;
}

ValueList Core::groups_status(const graph::Node& node) const {
  ValueList rows;
  for (const auto& [id, group] : groups_) {
    if (group.entry.node != node.index) continue;
    ValueList members;
    for (const InstanceId member : group.entry.members)
      members.emplace_back(std::int64_t{member.value});
    ValueMap row;
    row.set("id", std::int64_t{id.value});
    row.set("state", group.retired() ? "draining" : "ready");
    row.set("members", std::move(members));
    rows.emplace_back(std::move(row));
  }
  return rows;
}

}  // namespace flow::broker
