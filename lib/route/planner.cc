#include "route/planner.h"

#include <fmt/format.h>

#include <algorithm>

namespace flow::route {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kFeedback = milliseconds(10);  // the report interval
constexpr Duration kFastest = microseconds(1);    // no execution counts as less
constexpr Duration kTie = microseconds(100);
constexpr double kTieShare = 0.1;
constexpr int kSmoothing = 8;  // weight of a new sample: 1/8
constexpr Duration kStale = seconds(5);
constexpr Duration kLeadsEvery = milliseconds(2);
constexpr Duration kAvoidFor = seconds(2);
constexpr Duration kAvoided = seconds(1);  // what an avoided target's delay counts more

void blend(Duration& estimate, bool& known, Duration sample) {
  estimate = known ? estimate + (sample - estimate) / kSmoothing : sample;
  known = true;
}

bool plannable(wire::InstanceState state) {
  return state == wire::InstanceState::kServing;
}

}  // namespace

std::vector<InstanceId> Planner::update(std::shared_ptr<const wire::Topology> topology) {
  const bool new_graph = topology_ == nullptr || topology_->nodes != topology->nodes;
  topology_ = std::move(topology);
  if (new_graph) {
    shape_ = shape_of(*topology_);
    last_addresses_.assign(topology_->nodes.size(), {});
    estimates_.clear();
    leads_at_.clear();
    binds_.clear();
    endpoint_names_.clear();
  }
  std::vector<InstanceId> gone;
  update_endpoints();
  update_targets(gone);
  return gone;
}

// The endpoint table only grows, so that indices stay valid: names bound by some instance.
void Planner::update_endpoints() {
  const std::size_t nodes = topology_->nodes.size();
  if (endpoint_names_.empty()) endpoint_names_.emplace_back();
  for (const wire::TopologyInstance& instance : topology_->instances) {
    for (const std::string& name : instance.endpoints) {
      if (std::ranges::find(endpoint_names_, name) == endpoint_names_.end()) {
        endpoint_names_.push_back(name);
      }
    }
  }
  estimates_.resize(endpoint_names_.size(), std::vector<NodeEstimate>(nodes));
  leads_at_.resize(endpoint_names_.size());
  std::vector<std::vector<bool>> binds(endpoint_names_.size(), std::vector<bool>(nodes));
  std::vector<bool> seen(nodes);
  for (const wire::TopologyInstance& instance : topology_->instances) {
    seen[instance.node.value] = true;
    for (std::size_t e = 0; e < endpoint_names_.size(); ++e) {
      const bool bound = instance.catch_all ||
                         (e != 0 && std::ranges::find(instance.endpoints, endpoint_names_[e]) !=
                                        instance.endpoints.end());
      if (bound) binds[e][instance.node.value] = true;
    }
  }
  // A node without instances at the moment binds what it bound before.
  for (std::size_t e = 0; e < binds_.size() && e < binds.size(); ++e) {
    for (std::size_t n = 0; n < nodes && n < binds_[e].size(); ++n) {
      if (!seen[n]) binds[e][n] = binds_[e][n];
    }
  }
  binds_ = std::move(binds);
}

void Planner::update_targets(std::vector<InstanceId>& gone) {
  std::unordered_map<InstanceId, std::uint32_t> before = std::move(slot_of_);
  slot_of_.clear();
  serving_.assign(topology_->nodes.size(), {});
  std::erase_if(removed_, [this](InstanceId id) {
    return std::ranges::find(topology_->instances, id, &wire::TopologyInstance::id) ==
           topology_->instances.end();
  });
  for (const wire::TopologyInstance& instance : topology_->instances) {
    if (std::ranges::find(removed_, instance.id) != removed_.end()) continue;
    std::uint32_t slot = 0;
    if (const auto known = before.find(instance.id); known != before.end()) {
      slot = known->second;
      before.erase(known);
    } else if (!free_slots_.empty()) {
      slot = free_slots_.back();
      free_slots_.pop_back();
      targets_[slot] = Target();
    } else {
      slot = static_cast<std::uint32_t>(targets_.size());
      targets_.emplace_back();
    }
    Target& target = targets_[slot];
    target.id = instance.id;
    target.node = instance.node;
    target.plannable = plannable(instance.state);
    target.concurrency = std::max(1U, instance.concurrency);
    target.estimates.resize(endpoint_names_.size());
    target.name = instance.name;
    target.data_address = instance.data_address;
    slot_of_.emplace(instance.id, slot);
    if (target.plannable) serving_[instance.node.value].push_back(slot);
    last_addresses_[instance.node.value].insert_or_assign(instance.name, instance.data_address);
  }
  for (const auto& [id, slot] : before) {
    gone.push_back(id);
    targets_[slot] = Target();
    free_slots_.push_back(slot);
  }
  std::ranges::sort(gone);
}

bool Planner::remove(InstanceId id) {
  const auto known = slot_of_.find(id);
  if (known == slot_of_.end()) return false;
  const std::uint32_t slot = known->second;
  std::erase(serving_[targets_[slot].node.value], slot);
  targets_[slot] = Target();
  free_slots_.push_back(slot);
  slot_of_.erase(known);
  removed_.push_back(id);
  return true;
}

void Planner::avoid(InstanceId id, Instant now) {
  if (const auto known = slot_of_.find(id); known != slot_of_.end()) {
    targets_[known->second].avoid_until = now + kAvoidFor;
  }
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
  std::vector<NodeEstimate>& nodes = estimates_[endpoint];
  for (const NodeIndex node : shape_.order) {
    Duration lead{};
    for (const NodeIndex need : topology_->nodes[node.value].needs) {
      if (need == kGatewayNode) continue;
      const NodeEstimate& before = nodes[need.value];
      lead = std::max(lead, before.lead + before.service);
    }
    nodes[node.value].lead = lead;
  }
}

Duration Planner::service_of(const Target& target, NodeIndex node, EndpointIndex endpoint,
                             Instant now) const {
  const Target::Estimate& own = target.estimates[endpoint];
  const NodeEstimate& mean = estimates_[endpoint][node.value];
  if (!own.known) return std::max(mean.service, kFastest);
  if (now - own.sampled_at > kStale) return std::max((own.service + mean.service) / 2, kFastest);
  return std::max(own.service, kFastest);
}

// The window of a target for one endpoint. While no time is known for the endpoint, the slowest
// other endpoint of the node stands for it: work of a known kind must not keep an unknown one out
// for ever.
double Planner::window(const Target& target, NodeIndex node, EndpointIndex endpoint, bool run,
                       Duration service) const {
  const NodeEstimate* estimate = &estimates_[endpoint][node.value];
  if (run && !estimate->known) {
    for (const std::vector<NodeEstimate>& other : estimates_) {
      const NodeEstimate& candidate = other[node.value];
      if (candidate.known && (!estimate->known || candidate.service > estimate->service)) {
        estimate = &candidate;
      }
    }
    if (!estimate->known) return target.concurrency;
    service = std::max(estimate->service, kFastest);
  }
  const auto reach =
      static_cast<double>((3 * estimate->lead + kFeedback + milliseconds(1)).count());
  return target.concurrency * (2 + reach / static_cast<double>(service.count()));
}

bool Planner::has_room(const Target& target, NodeIndex node, EndpointIndex endpoint, bool run,
                       Duration service, std::uint64_t bytes) const {
  if (target.outstanding == 0) return true;
  const bool hanging = !shape_.answers[node.value];
  if (target.outstanding >= kMaxWindow) return false;
  if (target.outstanding_bytes + bytes > (hanging ? kMaxHangingBytes : kMaxWindowBytes))
    return false;
  return hanging || target.outstanding < window(target, node, endpoint, run, service);
}

Planner::Target* Planner::choose(NodeIndex node, EndpointIndex endpoint, bool run,
                                 std::uint64_t bytes, Instant now, Duration& charge, bool& nobody) {
  const std::vector<std::uint32_t>& candidates = serving_[node.value];
  nobody = candidates.empty();
  Target* best = nullptr;
  Duration least = Duration::max();
  const auto goes_first = [](const Target& a, const Target& b) {
    return a.outstanding != b.outstanding ? a.outstanding < b.outstanding
                                          : a.last_used < b.last_used;
  };
  // Two passes over a handful of targets: the least delay, then of its equals the one with less to
  // do, then whose turn it is.
  for (int pass = 0; pass < 2; ++pass) {
    const Duration limit = pass == 0 ? Duration::max()
                                     : least + kTie +
                                           Duration(static_cast<std::int64_t>(
                                               kTieShare * static_cast<double>(least.count())));
    for (const std::uint32_t slot : candidates) {
      Target& target = targets_[slot];
      const Duration service = run ? service_of(target, node, endpoint, now) : kFastest;
      if (!has_room(target, node, endpoint, run, service, bytes)) continue;
      Duration delay = target.work / target.concurrency + service;
      if (now < target.avoid_until) delay += kAvoided;
      if (target.executing > Duration{}) {
        const Duration age = target.executing + (now - target.reported_at);
        delay += std::max(Duration{}, age - service);
      }
      if (pass == 0) {
        least = std::min(least, delay);
      } else if (delay <= limit && (best == nullptr || goes_first(target, *best))) {
        best = &target;
        charge = service;
      }
    }
    if (pass == 0 && least == Duration::max()) return nullptr;
    if (pass == 0 && candidates.size() == 1) {
      Target& only = targets_[candidates.front()];
      charge = run ? service_of(only, node, endpoint, now) : kFastest;
      return &only;
    }
  }
  return best;
}

// Whether all needs of a node are planned: a hanging node behind one without instances is left out
// too.
bool Planner::reached(NodeIndex node, const std::vector<wire::PlanEntry>& plan) const {
  return std::ranges::all_of(topology_->nodes[node.value].needs, [&](NodeIndex need) {
    return need == kGatewayNode || plan[need.value].target != 0;
  });
}

bool Planner::plan(EndpointIndex endpoint, std::uint64_t bytes, const std::vector<bool>& skip,
                   Instant now, std::vector<wire::PlanEntry>& plan, std::vector<Choice>& choices,
                   Blocked& blocked) {
  refresh_leads(endpoint, now);
  const std::size_t count = topology_->nodes.size();
  plan.assign(count, {});
  choices.assign(count, {});
  for (const NodeIndex node : shape_.order) {
    const std::size_t n = node.value;
    if (!reached(node, plan)) continue;
    const bool run = binds_[endpoint][n] && (skip.empty() || !skip[n]);
    Duration charge{};
    Target* target = choose(node, endpoint, run, bytes, now, charge, blocked.nobody);
    if (target == nullptr && blocked.nobody && !shape_.answers[n]) continue;  // nobody waits for it
    if (target == nullptr) {
      blocked.node = node;
      choices.assign(count, {});  // a choice that was not charged must not be released
      return false;
    }
    plan[n].target = target->id.value;
    plan[n].mode = run ? wire::PlanMode::kRun : wire::PlanMode::kPassOver;
    choices[n] = {slot_of_.find(target->id)->second, target->id, charge};
  }
  for (const Choice& choice : choices) {
    if (!choice.instance) continue;
    Target& target = targets_[choice.slot];
    ++target.outstanding;
    target.outstanding_bytes += bytes;
    target.work += choice.charge;
    target.last_used = ++turn_;
  }
  return true;
}

void Planner::release(Choice& choice, std::uint64_t bytes) {
  if (!choice.instance) return;
  Target& target = targets_[choice.slot];
  if (target.id == choice.instance) {
    --target.outstanding;
    target.outstanding_bytes -= bytes;
    target.work -= choice.charge;
  }
  choice.instance = {};
}

void Planner::sample(const Choice& choice, NodeIndex node, EndpointIndex endpoint, Duration service,
                     Instant now) {
  NodeEstimate& mean = estimates_[endpoint][node.value];
  blend(mean.service, mean.known, service);
  Target& target = targets_[choice.slot];
  if (target.id != choice.instance) return;
  Target::Estimate& own = target.estimates[endpoint];
  if (own.known && now - own.sampled_at > kStale) own.service = mean.service;
  blend(own.service, own.known, service);
  own.sampled_at = now;
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

const Planner::Target* Planner::find_at(std::uint32_t slot, std::uint32_t instance) const {
  return slot < targets_.size() && targets_[slot].id.value == instance ? &targets_[slot] : nullptr;
}

std::string Planner::addresses(NodeIndex node) const {
  std::string list;
  for (const auto& [name, address] : last_addresses_[node.value])
    list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", name, address);
  return list.empty() ? "no instance ever joined" : list;
}

}  // namespace flow::route
