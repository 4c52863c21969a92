#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/log.h"
#include "broker/core.h"

namespace flow::broker {
namespace {

constexpr Duration kHealthEvery = std::chrono::seconds(1);
constexpr Duration kHealthAnyway = std::chrono::seconds(5);

wire::TopologyInstance entry_of(const Instance& instance) {
  wire::TopologyInstance entry;
  entry.id = instance.id;
  entry.node = instance.node;
  entry.shard = instance.shard;
  entry.replica = instance.replica;
  entry.name = instance.name;
  entry.state = instance.state;
  entry.data_address = instance.ready->data_address;
  entry.lane_address = instance.ready->lane_address;
  entry.endpoints = instance.ready->endpoints;
  entry.catch_all = instance.ready->catch_all;
  entry.concurrency = instance.ready->concurrency;
  entry.host = instance.host;
  entry.wants_matrix = instance.ready->wants_matrix;
  return entry;
}

wire::TopologyGateway gateway_of(const Instance& instance) {
  return {instance.id, instance.name, instance.ready->data_address, instance.ready->lane_address,
          instance.host};
}

// Whether it is still there, at most promoted.
template <typename Entry>
bool keeps(const std::vector<Entry>& next, const Entry& entry) {
  const auto found = std::ranges::find(next, entry.id, &Entry::id);
  if (found == next.end()) return false;
  if (entry.state != wire::InstanceState::kStarting) return *found == entry;
  Entry promoted = entry;
  promoted.state = found->state;
  return *found == promoted;
}

template <typename Entry>
auto serving(const std::vector<Entry>& entries) {
  return std::ranges::count(entries, wire::InstanceState::kServing, &Entry::state);
}

}  // namespace

wire::Topology Core::build() const {
  wire::Topology topology;
  topology.term = term_;
  topology.version = version_;
  topology.flow = options_.flow.name.value;
  topology.sink = options_.graph.sink();
  topology.draining = draining_;
  for (const graph::Node& node : options_.graph.nodes()) {
    const graph::ExecutorDecl& executor = options_.flow.executors[node.executor];
    wire::TopologyNode entry;
    entry.name = node.name;
    entry.needs = node.needs;
    entry.no_reduce = node.no_reduce;
    entry.floating = node.floating;
    entry.shards = node.shards;
    entry.replicas = node.replicas;
    entry.timeout = executor.timeout;
    entry.effects = executor.effects;
    entry.polling = node.polling;
    entry.takes_parts = node.takes_parts;
    entry.allow_partial = node.allow_partial;
    entry.replicate = node.replicate;
    entry.batching = node.batching;
    if (node.when) entry.when = *node.when;
    topology.sorts = topology.sorts || node.when.has_value() || graph::splits(node);
    topology.nodes.push_back(std::move(entry));
  }
  for (const auto& [id, instance] : instances_) {
    if (!instance.ready) continue;
    if (instance.role == wire::Role::kGateway) {
      topology.gateways.push_back(gateway_of(instance));
    } else {
      topology.instances.push_back(entry_of(instance));
    }
  }
  for (const auto& [id, lane] : lanes_)
    topology.lanes.push_back(lane.entry);
  for (const auto& [id, group] : groups_)
    topology.groups.push_back(group.entry);
  return topology;
}

// Not while somebody else leads, and not while instances that were there before may still come
// back: what is pushed then would be smaller than the truth.
bool Core::may_push() const {
  if (!begun_ || fenced_by_ > term_) return false;
  if (grace_over_ || !from_before_) return true;
  const bool knows_them = adopted_.second != 0;
  return knows_them && std::none_of(instances_.begin(), instances_.end(),
                                    [](const auto& entry) { return entry.second.recalled; });
}

void Core::push(Instant now) {
  if (!dirty_ || !may_push()) return;
  if (!came_up_ && everyone_came_up()) {
    came_up_ = true;
    next_push_ = std::min(next_push_, now);
  }
  if (now < next_push_) return;
  update_lanes(now);
  if (update_replicas(now)) update_lanes(now);
  update_groups(now);
  dirty_ = false;
  wire::Topology next = build();
  if (version_ == 0 && next.instances.empty() && !next.nodes.empty()) return;
  next.version = topology_.version;
  const bool new_term = next.term != topology_.term;
  next.term = topology_.term;
  if (next == topology_ && !forced_ && !new_term) return;
  forced_ = false;
  const bool hold = !new_term && only_adds(next);
  const bool holding = gateways_due_ > now;
  if (!hold) {
    gateways_due_ = now;
  } else if (!holding) {
    gateways_due_ = now + options_.gateway_hold;
  }
  next.term = term_;
  next.version = ++version_;
  topology_ = std::move(next);
  next_push_ = now + (came_up_ ? options_.push_every : options_.first_push_every);
  for (auto& [id, instance] : instances_) {
    if (instance.state == wire::InstanceState::kRetired && instance.retired_in == 0)
      instance.retired_in = version_;
    if (instance.ready && instance.listed_in == 0) instance.listed_in = version_;
  }
  for (auto& [id, group] : groups_) {
    if (group.pushed_in == 0) group.pushed_in = version_;
    if (group.retired() && group.retired_in == 0) group.retired_in = version_;
  }
  for (auto& [id, lane] : lanes_) {
    if (lane.pushed_in == 0) lane.pushed_in = version_;
    if (lane.retired() && lane.retired_in == 0) lane.retired_in = version_;
  }
  ++counters_.pushes;
  save_topology();
}

// Whether all that gateways may hurry to know is what they may plan from now on.
bool Core::only_adds(const wire::Topology& next) const {
  const bool more = serving(next.instances) > serving(topology_.instances) ||
                    serving(next.lanes) > serving(topology_.lanes);
  return more &&
         std::ranges::all_of(topology_.instances,
                             [&](const auto& entry) { return keeps(next.instances, entry); }) &&
         std::ranges::all_of(topology_.lanes,
                             [&](const auto& entry) { return keeps(next.lanes, entry); });
}

bool Core::everyone_came_up() const {
  return std::all_of(slots_.begin(), slots_.end(), [this](const auto& entry) {
    const auto holder = instances_.find(entry.second.holder);
    if (holder == instances_.end()) return false;
    return holder->second.serves() || holder->second.waits() || holder->second.behind();
  });
}

// Workers first: when a gateway plans onto a new instance, its predecessors know it.
void Core::deliver(Instant now) {
  if (topology_.term != term_ || topology_.version != version_ || fenced_by_ > term_) return;
  deliver_to(wire::Role::kWorker);
  if (now >= gateways_due_ || workers_acknowledged()) deliver_to(wire::Role::kGateway);
}

void Core::deliver_to(wire::Role role) {
  std::vector<ConnectionId> to;
  for (auto& [id, instance] : instances_) {
    if (instance.role != role || !instance.connection || !instance.ready) continue;
    // It would plan at once, onto lanes it may not see.
    if (role == wire::Role::kGateway && publishes(instance.node) && !instance.serves()) continue;
    if (instance.sent_version >= version_) continue;
    instance.sent_version = version_;
    to.push_back(*instance.connection);
  }
  if (!to.empty()) effects_.broadcast(to, topology_);
}

bool Core::workers_acknowledged() const {
  return std::all_of(instances_.begin(), instances_.end(), [this](const auto& entry) {
    const Instance& instance = entry.second;
    return instance.role != wire::Role::kWorker || !instance.serves() || !instance.connection ||
           instance.frozen || instance.acked_version >= version_;
  });
}

void Core::stored(store::Event event, Instant now) {
  if (auto* acquired = std::get_if<store::Acquired>(&event)) {
    store_trouble_.clear();
    store_answered_ = true;
    if (!begun_) {
      begin(&acquired->snapshot, now);
      return;
    }
    use_id(acquired->snapshot.highest_id);
    if (acquired->snapshot.term > term_) {
      term_ = acquired->snapshot.term;
      dirty_ = forced_ = true;
    }
    save(now);
  } else if (std::holds_alternative<store::Connected>(event)) {
    store_trouble_.clear();
    if (begun_) save(now);
  } else if (const auto* gone = std::get_if<store::Disconnected>(&event)) {
    store_trouble_ = gone->reason;
  } else if (const auto* fenced = std::get_if<store::Fenced>(&event)) {
    if (fenced->term <= fenced_by_) return;
    fenced_by_ = fenced->term;
    log::error("another broker leads this flow, term={} own_term={}; nothing is declared any more",
               fenced_by_, term_);
  }
}

void Core::save_topology() {
  reserve_ids();
  effects_.store(store::SaveTopology{term_, version_, reserved_id_, wire::encode_control(build())});
}

void Core::save_assignment(const Instance& instance) {
  const std::string slot = instance.role == wire::Role::kGateway
                               ? instance.name
                               : fmt::format("{}/{}/{}", options_.graph[instance.node].name,
                                             instance.shard, instance.replica);
  ValueMap value;
  value.set("instance", std::int64_t{instance.id.value});
  value.set("host", instance.host);
  value.set("since", wall(instance.since));
  effects_.store(store::SaveAssignment{slot, to_json(value)});
}

void Core::save_health(Instant now) {
  if (!begun_ || now < next_save_) return;
  next_save_ = now + kHealthEvery;
  for (auto& [id, instance] : instances_)
    save_health_of(instance, false, now);
}

void Core::save_health_of(Instance& instance, bool anyway, Instant now) {
  ValueMap value;
  value.set("instance", std::int64_t{instance.id.value});
  value.set("state", std::string(state_name(instance)));
  const bool cut_off = instance.cut_off();
  value.set("since", wall(cut_off ? instance.far_lost_at : instance.since));
  value.set("reason", cut_off ? instance.beat.far_trouble : instance.reason);
  value.set("queue", std::int64_t{instance.beat.queue});
  value.set("executing", std::int64_t{instance.beat.in_flight});
  const std::string content = to_json(value);
  const bool changed = content != instance.saved_health;
  if (!anyway && !changed && now - instance.saved_at < kHealthAnyway) return;
  instance.saved_health = content;
  instance.saved_at = now;
  value.set("last_beat", wall(instance.heard));
  effects_.store(store::SaveHealth{instance.name, to_json(value)});
}

void Core::save_health_of_empty(const std::string& name, const std::string& reason, Instant now) {
  ValueMap value;
  value.set("state", "down");
  value.set("since", wall(now));
  value.set("reason", reason);
  effects_.store(store::SaveHealth{name, to_json(value)});
}

void Core::save(Instant now) {
  if (!begun_) return;
  save_topology();
  effects_.store(store::SaveSpec{options_.spec});
  for (auto& [id, instance] : instances_) {
    save_assignment(instance);
    save_health_of(instance, true, now);
  }
}

void Core::event(std::string kind, std::string detail) {
  effects_.store(store::AppendEvent{std::move(kind), std::move(detail)});
}

// What is due, in an order in which one step sees what the one before it did.
Instant Core::tick(Instant now) {
  if (!begun_ && now >= store_deadline_) begin(nullptr, now);
  check_health(now);
  probe_silent(now);
  dirty_ = dirty_ || now >= replicas_due_;
  push(now);
  finish_retired(now);
  push(now);
  deliver(now);
  update_state(now);
  save_health(now);
  answer_waiters(now);
  if (!begun_) return std::min(store_deadline_, now + options_.beat);
  Instant next = std::min({now + options_.beat, next_check_, std::max(next_save_, now)});
  if (dirty_ && may_push()) next = std::min(next, std::max(next_push_, now));
  if (replicas_due_ > now) next = std::min(next, replicas_due_);
  if (gateways_due_ > now) next = std::min(next, gateways_due_);
  if (!probe_rounds_.empty()) next = std::min(next, probe_rounds_.front());
  return next;
}

}  // namespace flow::broker
