#include <fmt/format.h>

#include <algorithm>

#include "gateway/core.h"
#include "route/left_out.h"
#include "route/merge.h"

namespace flow::gateway {
namespace {

using std::chrono::milliseconds;

constexpr Duration kReceiptWait = milliseconds(20);  // two report intervals
constexpr std::uint16_t kMaxAttempts = 3;
constexpr std::uint8_t kMaxKilled = 2;
constexpr double kMinTokens = 64;

}  // namespace

// A request got past an instance when everyone it sends to has reported it received; what the
// instance sent may have died with it, so its own word proves nothing. The sink: when the answer is
// here.
bool Core::got_past(const Pending& entry, NodeIndex node) const {
  const route::Shape& shape = planner_.shape();
  const Flight& flight = *entry.flight;
  bool past = true;
  route::for_each_receiver(node, shape, flight.plan, [&](NodeIndex /*name*/, NodeIndex next) {
    past = past && next != kGatewayNode && (!shape.answers[next.value] || flight.received(next));
  });
  return past;
}

bool Core::is_gone(const route::Choice& choice) const {
  return planner_.find(choice) == nullptr;
}

// Whether an answer can no longer come: an instance is gone that the request did not get past.
bool Core::lost(const Pending& entry) const {
  for (std::uint16_t n = 0; n < entry.flight->plan.size(); ++n) {
    if (!planner_.shape().answers[n]) continue;
    for (const route::Choice& choice : entry.flight->choices.of(NodeIndex{n})) {
      if (is_gone(choice) && !choice.here && !got_past(entry, NodeIndex{n})) return true;
    }
  }
  return false;
}

// Takes the charges of those that are gone back; whether there were any.
bool Core::release_gone(Pending& entry, const std::vector<InstanceId>& gone) {
  bool hit = false;
  for (std::uint16_t n = 0; n < entry.flight->plan.size(); ++n) {
    for (route::Choice& choice : entry.flight->choices.of(NodeIndex{n})) {
      if (!std::ranges::binary_search(gone, choice.instance)) continue;
      hit = true;
      if (choice.charged && !planner_.shape().answers[n]) counters_.add(Counter::kLostHanging);
      planner_.release(choice, entry.bytes);
    }
  }
  return hit;
}

void Core::release_all(Pending& entry) {
  for (route::Choice& choice : entry.flight->choices.all())
    planner_.release(choice, entry.bytes);
}

// What an instance was executing when it died: of what it reported received and not finished, the
// oldest. What stood in line behind that is not to blame.
void Core::blame(InstanceId gone) {
  Pending* oldest = nullptr;
  std::uint64_t receipt = receipts_ + 1;
  for (std::uint32_t slot = 0; slot < table_.slots(); ++slot) {
    Pending& entry = table_[slot];
    if (entry.state != Pending::State::kInFlight && entry.state != Pending::State::kLosing)
      continue;
    for (const route::Choice& choice : entry.flight->choices.all()) {
      if (choice.instance != gone || !choice.received || choice.finished) continue;
      if (choice.receipt >= receipt) continue;
      oldest = &entry;
      receipt = choice.receipt;
    }
  }
  if (oldest == nullptr || oldest->blamed_attempt == oldest->attempt) return;
  oldest->blamed_attempt = oldest->attempt;
  ++oldest->killed;
}

void Core::lose(const std::vector<InstanceId>& gone, Instant now) {
  std::ranges::for_each(gone, [this](InstanceId instance) { blame(instance); });
  for (std::uint32_t slot = 0; slot < table_.slots(); ++slot) {
    Pending& entry = table_[slot];
    if (!entry.sent() || !release_gone(entry, gone)) continue;
    if (entry.state == Pending::State::kAnswered) {
      settle(entry);
    } else if (entry.state == Pending::State::kInFlight && lost(entry)) {
      entry.state = Pending::State::kLosing;
      entry.flight->retry_at = now + kReceiptWait;
      losing_.push_back(slot);
    }
  }
}

// After the wait for receipts: those that did not get past the dead instance start again.
void Core::retry_lost(Instant now) {
  std::vector<std::uint32_t> waiting;
  std::swap(waiting, losing_);
  for (const std::uint32_t slot : waiting) {
    Pending& entry = table_[slot];
    if (entry.state != Pending::State::kLosing) continue;  // answered meanwhile
    if (entry.flight->retry_at > now) {
      losing_.push_back(slot);
    } else if (!entry.refused && !lost(entry)) {
      entry.state = Pending::State::kInFlight;
    } else if (take_token(now)) {
      entry.refused ? start_over(entry, now) : try_again(entry, now);
    } else {
      losing_.push_back(slot);
    }
  }
}

bool Core::take_token(Instant now) {
  const double capacity = std::max(kMinTokens, settings_.max_in_flight / 4.0);
  tokens_ = std::min(capacity, tokens_ + to_seconds(now - tokens_at_) * capacity);
  tokens_at_ = now;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

bool Core::is_once(NodeIndex node, std::string_view endpoint) const {
  std::string_view effect;
  for (const auto& [name, value] : planner_.topology()->nodes[node.value].effects) {
    if (name == endpoint) return value == "once";
    if (name == "*") effect = value;
  }
  return effect == "once";
}

// Whether starting again runs nothing twice that may run only once. `spared` nodes, if any, did not
// run.
bool Core::may_repeat(const Pending& entry, const std::vector<bool>& spared) const {
  for (std::uint16_t n = 0; n < entry.flight->plan.size(); ++n) {
    const NodeIndex node{n};
    if (!spared.empty() && spared[n]) continue;
    if (entry.flight->plan[n].mode != wire::PlanMode::kRun || !is_once(node, entry.name)) continue;
    const auto may_have = [&](const route::Choice& c) { return c.received || is_gone(c); };
    const auto reached = [&](NodeIndex need) {
      const Flight& flight = *entry.flight;
      const NodeIndex sender = route::sender_for(need, *planner_.topology(), flight.plan);
      if (sender == kGatewayNode) return true;
      const std::span<const route::Choice> members = flight.choices.of(sender);
      return flight.plan[sender.value].polling == wire::Polling::kAllAsync
                 ? std::ranges::any_of(members, may_have)
                 : std::ranges::all_of(members, may_have);
    };
    if (std::ranges::any_of(entry.flight->choices.of(node), &route::Choice::received) ||
        std::ranges::all_of(planner_.topology()->nodes[n].needs, reached)) {
      return false;
    }
  }
  return true;
}

void Core::try_again(Pending& entry, Instant now) {
  release_all(entry);
  if (!may_repeat(entry)) {
    answer_failure(
        entry,
        {Errc::kUnknownOutcome,
         fmt::format("{} ended while the request may have been executed; it is declared to be "
                     "executed at most once, so it is not repeated",
                     lost_instances(entry)),
         {},
         {}},
        now);
    return;
  }
  if (entry.killed >= kMaxKilled) {
    answer_failure(entry,
                   {Errc::kPoisoned,
                    fmt::format("{} instances ended while they executed the request, the last of "
                                "'{}'; it is not tried again",
                                entry.killed, lost_executor(entry)),
                    lost_executor(entry),
                    {}},
                   now);
    return;
  }
  if (entry.attempt >= kMaxAttempts) {
    answer_failure(entry,
                   {Errc::kUnavailable,
                    fmt::format("{} attempts were lost, the last with {}", kMaxAttempts,
                                lost_instances(entry)),
                    lost_executor(entry),
                    {}},
                   now);
    return;
  }
  start_over(entry, now);
}

void Core::start_over(Pending& entry, Instant now) {
  release_all(entry);
  entry.refused = false;
  counters_.add(Counter::kRedispatched);
  ++entry.attempt;
  entry.flight->retry_at = now;
  entry.state = Pending::State::kRetry;
  retries_.push(table_, RequestTable::slot(entry));
  room_ = true;
}

// The instance a failure began at, if it is still there.
const route::Planner::Target* Core::failed_target(const Pending& entry,
                                                  const wire::Failure& failure) const {
  for (const route::Choice& choice : entry.flight->choices.all()) {
    const route::Planner::Target* target = planner_.find(choice);
    if (target != nullptr && target->name == failure.instance) return target;
  }
  return nullptr;
}

// Whether an instance says that it executed, or began to.
bool Core::has_hop(const wire::PartHeader& header, InstanceId instance) {
  return header.hops.size() >= route::kMaxHops ||
         std::ranges::find(header.hops, instance.value, &wire::Hop::instance) != header.hops.end();
}

// What a failure at `failed` kept from running: all behind it, and itself where it did not begin.
std::vector<bool> Core::never_ran(NodeIndex failed, bool began) const {
  std::vector<bool> spared(planner_.topology()->nodes.size(), false);
  std::vector<NodeIndex> open = {failed};
  while (!open.empty()) {
    const NodeIndex node = open.back();
    open.pop_back();
    for (const NodeIndex next : planner_.shape().successors[node.value]) {
      if (spared[next.value]) continue;
      spared[next.value] = true;
      open.push_back(next);
    }
  }
  spared[failed.value] = !began;
  return spared;
}

// An instance that stands for one elsewhere fails a request with UNAVAILABLE when it could not
// reach it, and with UNKNOWN_OUTCOME and a hop when the request was on its way. That is as a death
// of what it stands for: the request starts again, if nothing runs twice that may run once; what
// could not be delivered on another instance only. UNKNOWN_OUTCOME without a hop is the last word.
bool Core::goes_elsewhere(Pending& entry, const wire::PartHeader& header, Instant now) {
  const Errc code = header.failure->code;
  if (code != Errc::kUnavailable && code != Errc::kUnknownOutcome) return false;
  if (entry.state != Pending::State::kInFlight || header.attempt != entry.attempt) return false;
  const route::Planner::Target* target = failed_target(entry, *header.failure);
  if (target == nullptr) return false;
  const bool began = has_hop(header, target->id);
  const bool on_its_way = code == Errc::kUnknownOutcome;
  if (on_its_way && !began) return false;
  if (planner_.serving(target->node) > 1) planner_.avoid(target->id, now);
  const bool others =
      planner_.serving(target->node) > 1 && planner_.has_unavoided(target->node, now);
  if (entry.attempt >= kMaxAttempts || !(on_its_way || others) ||
      !may_repeat(entry, never_ran(target->node, began))) {
    return false;
  }
  entry.state = Pending::State::kLosing;
  entry.refused = true;
  entry.flight->retry_at = now;
  losing_.push_back(RequestTable::slot(entry));
  return true;
}

// The first executor, in declared order, whose instance died; empty when none did.
std::string Core::lost_executor(const Pending& entry) const {
  for (std::uint16_t n = 0; n < entry.flight->plan.size(); ++n) {
    if (std::ranges::any_of(entry.flight->choices.of(NodeIndex{n}),
                            [this](const route::Choice& choice) { return is_gone(choice); })) {
      return std::string(planner_.topology()->nodes[n].executor());
    }
  }
  return {};
}

std::string Core::lost_instances(const Pending& entry) const {
  std::string list;
  for (std::uint16_t n = 0; n < entry.flight->plan.size(); ++n) {
    for (const route::Choice& choice : entry.flight->choices.of(NodeIndex{n})) {
      if (!is_gone(choice)) continue;
      list += fmt::format("{}an instance of '{}'", list.empty() ? "" : ", ",
                          planner_.topology()->nodes[n].executor());
    }
  }
  return list.empty() ? "an instance" : list;
}

}  // namespace flow::gateway
