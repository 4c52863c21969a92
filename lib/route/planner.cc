#include "route/planner.h"

#include <algorithm>
#include <utility>

#include "route/left_out.h"

namespace flow::route {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kFeedback = milliseconds(10);  // the report interval
constexpr Duration kFastest = microseconds(1);    // no execution counts as less
constexpr Duration kTie = microseconds(100);
constexpr double kTieShare = 0.1;
constexpr int kSmoothing = 8;            // weight of a new sample: 1/8
constexpr Duration kStale = seconds(5);  // what was known is half forgotten
constexpr Duration kLeadsEvery = milliseconds(2);
constexpr Duration kAvoidFor = seconds(2);
constexpr Duration kAvoided = seconds(1);  // what an avoided target's delay counts more
constexpr double kUnknownBatches = 4;      // that are filled while no service time is known
constexpr std::size_t kNone = static_cast<std::size_t>(-1);
constexpr std::uint16_t kNoShard = 0xFFFF;

// What is left of how much an instance differs from the others, so long after its last execution:
// whoever was slow once is tried again, the sooner the less slow it was.
Duration faded(Duration difference, Duration age) {
  constexpr std::int64_t kForgotten = 30;
  if (age < kStale) return difference;
  return difference / (std::int64_t{1} << std::clamp<std::int64_t>(age / kStale, 0, kForgotten));
}

void blend(Duration& estimate, bool& known, Duration sample) {
  estimate = known ? estimate + (sample - estimate) / kSmoothing : sample;
  known = true;
}

}  // namespace

void Planner::avoid(InstanceId id, Instant now) {
  if (const auto known = slot_of_.find(id); known != slot_of_.end()) {
    targets_[known->second].avoid_until = now + kAvoidFor;
    targets_[known->second].doubted = true;
  }
}

bool Planner::has_unavoided(NodeIndex node, Instant now) const {
  return std::ranges::any_of(serving_[node.value].slots,
                             [&](std::uint32_t slot) { return now >= targets_[slot].avoid_until; });
}

EndpointIndex Planner::endpoint(std::string_view name) const {
  for (std::size_t i = 1; i < endpoint_names_.size(); ++i) {
    if (endpoint_names_[i] == name) return static_cast<EndpointIndex>(i);
  }
  return 0;
}

// The longest path before each node, in service times. Waiting must never widen a window, so queues
// do not count.
void Planner::refresh_leads(EndpointIndex endpoint, Instant now) {
  if (now - leads_at_[endpoint] < kLeadsEvery) return;
  leads_at_[endpoint] = now;
  std::vector<Kind>& nodes = kinds_[endpoint];
  for (const NodeIndex node : shape_.order) {
    Duration lead{};
    for (const NodeIndex need : topology_->nodes[node.value].needs) {
      if (need == kGatewayNode) continue;
      const Kind& before = nodes[need.value];
      lead = std::max(lead, before.lead + before.service);
    }
    if (lead == nodes[node.value].lead) continue;
    nodes[node.value].lead = lead;
    nodes[node.value].changed = ++changes_;
  }
}

Duration Planner::service_of(const Target& target, const Task& task) const {
  if (!task.run) return kFastest;
  const Target::Estimate& own = target.estimates[task.endpoint];
  const Duration mean = task.kind->service;
  if (!own.known) return std::max(mean, kFastest);
  return std::max(mean + faded(own.service - mean, task.now - own.sampled_at), kFastest);
}

// The endpoint with the longest executions at a node, of those that are known; any if none is.
const Planner::Kind& Planner::slowest(NodeIndex node) const {
  const Kind* slowest = &kinds_.front()[node.value];
  for (const std::vector<Kind>& other : kinds_) {
    const Kind& candidate = other[node.value];
    if (candidate.known && (!slowest->known || candidate.service > slowest->service))
      slowest = &candidate;
  }
  return *slowest;
}

// The window of a target for one endpoint, in executions. While no time is known for the endpoint,
// the slowest other endpoint of the node stands for it: work of a known kind must not keep an
// unknown one out for ever.
double Planner::window(const Target& target, const Task& task, Duration service) const {
  const Kind* kind = task.kind;
  if (task.run && !kind->known) {
    kind = &slowest(task.node);
    if (!kind->known) return target.concurrency * (task.batch() > 1 ? kUnknownBatches : 1);
    service = std::max(kind->service, kFastest);
  }
  const Duration patience = task.run ? task.kind->patience : Duration{};
  const auto reach =
      static_cast<double>((3 * kind->lead + kFeedback + patience + milliseconds(1)).count());
  return target.concurrency * (2 + reach / static_cast<double>(service.count()));
}

// It follows from what changes less often than requests come: a batch of reports, then a batch of
// requests.
inline Standing Planner::standing(Target& target, const Task& task) {
  const Target::Estimate& own = target.estimates[task.endpoint];
  const bool same = own.followed == task.kind->changed && task.now - own.sampled_at < kStale;
  return task.run && same ? own.standing : work_out(target, task);
}

Standing Planner::work_out(Target& target, const Task& task) {
  const Duration service = service_of(target, task);
  const Standing standing{service, window(target, task, service) * kWhole};
  if (task.run && task.kind->known) {  // an unknown one depends on the others
    target.estimates[task.endpoint].standing = standing;
    target.estimates[task.endpoint].followed = task.kind->changed;
  }
  return standing;
}

inline bool Planner::has_room(const Target& target, std::uint64_t bytes, bool awaited,
                              double room) {
  if (target.outstanding == 0) return true;
  if (target.outstanding >= kMaxWindow || target.doubted) return false;
  if (target.outstanding_bytes + bytes > (awaited ? kMaxWindowBytes : kMaxHangingBytes))
    return false;
  return !awaited || static_cast<double>(target.occupied) < room;
}

Planner::Offer Planner::offer(Target& target, const Task& task) {
  const auto [service, window] = standing(target, task);
  Duration delay = service;
  delay += target.concurrency == 1 ? target.work : target.work / target.concurrency;
  if (task.now < target.avoid_until) delay += kAvoided;
  if (target.executing > Duration{}) {
    const Duration age = target.executing + (task.now - target.reported_at);
    delay += std::max(Duration{}, age - service);
  }
  const bool room = has_room(target, task.bytes, task.kind->awaited, window);
  return {room, service, delay, target.outstanding, target.last_used};
}

// All members must have room, and be done; where the first wins, one of them, and the others only
// the room of work that no answer waits for.
Planner::Offer Planner::offer(const Lane& lane, const Task& task) {
  Offer all{.room = !task.first_wins, .last_used = lane.last_used};
  bool bounded = true;
  if (task.first_wins) all.delay = Duration::max();
  for (const std::uint32_t slot : lane.members) {
    Target& member = targets_[slot];
    const Offer one = offer(member, task);
    all.outstanding = std::max(all.outstanding, one.outstanding);
    if (task.first_wins) {
      all.room = all.room || one.room;
      all.delay = std::min(all.delay, one.delay);
      bounded = bounded && has_room(member, task.bytes, false, 0);
    } else {
      all.room = all.room && one.room;
      all.delay = std::max(all.delay, one.delay);
    }
  }
  all.room = all.room && bounded;
  return all;
}

// Of the offers at hand: the one with the least delay, of its equals that of who has less to do,
// then whose turn it is; kNone when none has room.
std::size_t Planner::pick() {
  Duration least = Duration::max();
  for (const Offer& offer : offers_) {
    if (offer.room) least = std::min(least, offer.delay);
  }
  if (least == Duration::max()) return kNone;
  const Duration limit =
      least + kTie +
      Duration(static_cast<std::int64_t>(kTieShare * static_cast<double>(least.count())));
  std::size_t best = kNone;
  std::pair<std::uint32_t, std::uint64_t> best_turn;
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    const Offer& offer = offers_[i];
    if (!offer.room || offer.delay > limit) continue;
    const std::pair turn{offer.outstanding, offer.last_used};
    if (best != kNone && turn >= best_turn) continue;
    best = i;
    best_turn = turn;
  }
  return best;
}

// Whether all needs of a node are planned: a hanging node behind one without instances is left out
// too.
bool Planner::reached(NodeIndex node, const std::vector<wire::PlanEntry>& plan) const {
  return std::ranges::all_of(topology_->nodes[node.value].needs, [&](NodeIndex need) {
    return need == kGatewayNode || plan[need.value].target != 0 || is_left_out(need, plan);
  });
}

// Whether a node that is passed over would only pass on what it gets, and whoever sends to it can
// send to its successors: they take no lane, where only it publishes, and have no filter, which
// only it evaluates. The gateway does not send an answer to itself.
bool Planner::may_leave_out(const Task& task, const std::vector<bool>& skip,
                            const std::vector<wire::PlanEntry>& plan) const {
  const wire::TopologyNode& node = topology_->nodes[task.node.value];
  if (node.needs.size() != 1 || !node.when.empty()) return false;
  const NodeIndex need = node.needs.front();
  if (need != kGatewayNode && polls_lane(plan[need.value].polling)) return false;
  const bool from_gateway = sender_for(need, *topology_, plan) == kGatewayNode;
  if (task.node == shape_.sink && from_gateway) return false;
  if (serving_[task.node.value].slots.empty()) return false;
  return std::ranges::all_of(shape_.successors[task.node.value], [&](NodeIndex next) {
    const Kind& kind = kinds_[task.endpoint][next.value];
    const bool runs = kind.bound && (skip.empty() || !skip[next.value]);
    return topology_->nodes[next.value].when.empty() &&
           !(runs && (kind.replicated || polls_lane(kind.polling)));
  });
}

inline void Planner::choose(std::uint32_t slot, const Task& task, Duration service,
                            Choices& choices) const {
  const Target& target = targets_[slot];
  Choice& choice = choices.members_.emplace_back();
  choice.slot = slot;
  choice.instance = target.id;
  choice.shard = target.shard;
  choice.replica = target.replica;
  choice.charge = service;
  choice.share = kWhole;
  if (const std::uint32_t together = task.batch(); together > 1) {
    choice.charge /= together;
    choice.share /= together;
  }
}

// An avoided instance, while there are others.
inline bool Planner::barred(const Target& target, const Task& task) const {
  return task.now < target.avoid_until && has_unavoided(task.node, task.now);
}

// There is nothing to compare.
inline bool Planner::place_on(std::uint32_t slot, const Task& task, wire::PlanEntry& entry,
                              Choices& choices) {
  Target& only = targets_[slot];
  const auto [service, window] = standing(only, task);
  if (!has_room(only, task.bytes, task.kind->awaited, window) || barred(only, task)) return false;
  entry.target = only.id.value;
  choose(slot, task, service, choices);
  return true;
}

bool Planner::place_in(const std::vector<std::uint32_t>& slots, const Task& task,
                       wire::PlanEntry& entry, Choices& choices) {
  if (slots.size() == 1) return place_on(slots.front(), task, entry, choices);
  offers_.clear();
  for (const std::uint32_t slot : slots) {
    Offer& one = offers_.emplace_back(offer(targets_[slot], task));
    one.room = one.room && !barred(targets_[slot], task);
  }
  const std::size_t picked = pick();
  if (picked == kNone) return false;
  entry.target = targets_[slots[picked]].id.value;
  choose(slots[picked], task, offers_[picked].service, choices);
  return true;
}

// The shard whose turn it is, or the next that can take it; again the same for a request that is
// planned again.
bool Planner::place_on_shard(const Task& task, wire::PlanEntry& entry, Choices& choices,
                             Blocked& blocked) {
  const Serving& serving = serving_[task.node.value];
  const std::size_t shards = serving.by_shard.size();
  const std::vector<std::uint16_t>& before = choices.shards_;
  const std::uint16_t fixed = before.empty() ? kNoShard : before[task.node.value];
  if (fixed < shards) {
    blocked.lack = Blocked::kShard + fixed;
    blocked.nobody = serving.by_shard[fixed].empty();
    return place_in(serving.by_shard[fixed], task, entry, choices);
  }
  blocked.nobody = serving.slots.empty();
  for (std::size_t i = 0; i < shards; ++i) {
    const std::size_t shard = (serving.next_shard + i) % shards;
    if (place_in(serving.by_shard[shard], task, entry, choices)) return true;
  }
  return false;
}

bool Planner::place_on_lane(const Task& task, wire::PlanEntry& entry, Choices& choices,
                            Blocked& blocked) {
  const std::vector<Lane>& lanes = serving_[task.node.value].lanes;
  const bool partial =
      entry.polling == wire::Polling::kAllAsync ||
      (entry.polling == wire::Polling::kAll && topology_->nodes[task.node.value].allow_partial);
  blocked.lack = partial ? Blocked::kSomeLane : Blocked::kWholeLane;
  blocked.nobody = !has(task.node, blocked.lack);
  blocked.unconnected = lanes.empty() || !(partial || lanes.front().whole);
  if (blocked.nobody || blocked.unconnected) return false;
  return place_among(lanes, task, entry, choices);
}

bool Planner::place_among(const std::vector<Lane>& lanes, const Task& task, wire::PlanEntry& entry,
                          Choices& choices) {
  Task all = task;
  all.first_wins = entry.polling == wire::Polling::kAllAsync;
  offers_.clear();
  for (const Lane& lane : lanes)
    offers_.push_back(offer(lane, all));
  const std::size_t picked = pick();
  if (picked == kNone) return false;
  for (const std::uint32_t slot : lanes[picked].members)
    choose(slot, task, standing(targets_[slot], task).service, choices);
  entry.target = lanes[picked].id.value;
  entry.parts = static_cast<std::uint16_t>(lanes[picked].members.size());
  return true;
}

bool Planner::place_on_group(const Task& task, wire::PlanEntry& entry, Choices& choices,
                             Blocked& blocked) {
  const Serving& serving = serving_[task.node.value];
  if (!serving.by_shard.empty()) blocked.lack = Blocked::kWholeLane;
  blocked.nobody = !has(task.node, blocked.lack);
  blocked.unconnected = serving.groups.empty();
  if (blocked.nobody || blocked.unconnected) return false;
  entry.polling = wire::Polling::kHash;
  return place_among(serving.groups, task, entry, choices);
}

inline void Planner::charge(Choices& choices, std::uint64_t bytes) {
  for (Choice& choice : choices.members_) {
    Target& target = targets_[choice.slot];
    choice.charged = true;
    ++target.outstanding;
    target.outstanding_bytes += bytes;
    target.occupied += choice.share;
    target.work += choice.charge;
    target.last_used = ++turn_;
  }
}

// On one instance: of all, or of one shard. Or on all shards, or all replicas.
bool Planner::place(const Task& task, wire::PlanEntry& entry, Choices& choices, Blocked& blocked) {
  const Serving& serving = serving_[task.node.value];
  blocked = {.node = task.node, .nobody = serving.slots.empty()};
  if (task.run && task.kind->replicated) return place_on_group(task, entry, choices, blocked);
  if (!task.run || serving.by_shard.empty()) return place_in(serving.slots, task, entry, choices);
  entry.polling = task.kind->polling;
  return polls_lane(entry.polling) ? place_on_lane(task, entry, choices, blocked)
                                   : place_on_shard(task, entry, choices, blocked);
}

bool Planner::plan(EndpointIndex endpoint, std::uint64_t bytes, const std::vector<bool>& skip,
                   Instant now, std::vector<wire::PlanEntry>& plan, Choices& choices,
                   Blocked& blocked) {
  refresh_leads(endpoint, now);
  const std::size_t count = shape_.order.size();
  plan.resize(count);
  choices.begin(count);
  const std::vector<Kind>& kinds = kinds_[endpoint];
  const bool skips = !skip.empty();
  bool all = true;           // are planned so far
  std::uint32_t placed = 0;  // of choices
  Task task{.endpoint = endpoint, .bytes = bytes, .now = now, .node = {}};
  for (const NodeIndex node : shape_.order) {
    const std::size_t n = node.value;
    wire::PlanEntry& entry = plan[n];
    Choices::Range& range = choices.ranges_[n];
    entry = {};
    range = {placed, 0};
    if (!all && !reached(node, plan)) continue;
    task.node = node;
    task.kind = &kinds[n];
    task.run = kinds[n].bound && !(skips && skip[n]);
    if (!task.run && may_leave_out(task, skip, plan)) {
      entry.mode = wire::PlanMode::kLeftOut;
      continue;
    }
    const Serving& serving = serving_[n];
    const bool alone = serving.slots.size() == 1 && serving.by_shard.empty() &&
                       !(task.run && task.kind->replicated);
    if (!(alone && place_on(serving.slots.front(), task, entry, choices)) &&
        !place(task, entry, choices, blocked)) {
      entry = {};
      all = false;
      if ((blocked.nobody || blocked.unconnected) && !task.kind->awaited) continue;
      choices.forget();  // a choice that was not charged must not be released
      return false;
    }
    entry.mode = task.run ? wire::PlanMode::kRun : wire::PlanMode::kPassOver;
    range.count = static_cast<std::uint32_t>(choices.members_.size()) - placed;
    placed += range.count;
  }
  charge(choices, bytes);
  if (sharded_) take_turns(plan, choices);
  return true;
}

// The turns of shards and lanes. What is planned again keeps its shard and takes no turn.
void Planner::take_turns(const std::vector<wire::PlanEntry>& plan, Choices& choices) {
  if (choices.shards_.empty()) choices.shards_.assign(plan.size(), kNoShard);
  for (std::uint16_t n = 0; n < plan.size(); ++n) {
    Serving& serving = serving_[n];
    const wire::PlanEntry& entry = plan[n];
    if (entry.target == 0 || entry.mode != wire::PlanMode::kRun || serving.by_shard.empty())
      continue;
    if (polls_lane(entry.polling)) {
      const auto lane = std::ranges::find(serving.lanes, InstanceId{entry.target}, &Lane::id);
      if (lane != serving.lanes.end()) lane->last_used = ++turn_;
    } else if (choices.shards_[n] == kNoShard) {
      choices.shards_[n] = choices.of(NodeIndex{n}).front().shard;
      serving.next_shard = (choices.shards_[n] + std::size_t{1}) % serving.by_shard.size();
    }
  }
}

inline void Planner::learn(const Choice& choice, NodeIndex node, EndpointIndex endpoint,
                           Duration service, Instant now) {
  Kind& mean = kinds_[endpoint][node.value];
  blend(mean.service, mean.known, service);
  mean.changed = ++changes_;
  Target& target = targets_[choice.slot];
  if (target.id != choice.instance) return;
  Target::Estimate& own = target.estimates[endpoint];
  if (now - own.sampled_at > kStale) own.known = false;
  blend(own.service, own.known, service);
  own.sampled_at = now;
  target.doubted = false;
}

void Planner::complete(Choice& choice, NodeIndex node, EndpointIndex endpoint, Duration service,
                       std::uint64_t bytes, Instant now) {
  learn(choice, node, endpoint, service, now);
  release(choice, bytes);
}

void Planner::observe(const wire::Report& report, Instant now) {
  const auto known = slot_of_.find(report.instance);
  if (known == slot_of_.end()) return;
  Target& target = targets_[known->second];
  target.queue = report.queue;
  target.executing = report.executing;
  target.reported_at = now;
  if (report.queue > 0 || report.executing > Duration{} || !report.progress.empty())
    target.busy_at = now;
}

const Planner::Target* Planner::find(InstanceId id) const {
  const auto known = slot_of_.find(id);
  return known == slot_of_.end() ? nullptr : &targets_[known->second];
}

}  // namespace flow::route
