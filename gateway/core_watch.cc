#include <fmt/format.h>

#include <algorithm>

#include "gateway/core.h"

namespace flow::gateway {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Duration kReceiptWait = milliseconds(20);  // two report intervals
constexpr std::uint16_t kMaxAttempts = 3;
constexpr double kMinTokens = 64;
constexpr Duration kDeafEvery = milliseconds(100);
constexpr Duration kDeafAfter = milliseconds(500);
constexpr std::uint64_t kSlowestBytesPerMs = 50'000;  // 50 MB/s

}  // namespace

void Core::note_received(Pending& entry, NodeIndex node) {
  entry.runs[node.value].received = true;
}

void Core::note_finished(Pending& entry, NodeIndex node, Duration service, Instant now) {
  NodeRun& run = entry.runs[node.value];
  if (run.finished) return;
  run.received = true;
  run.finished = true;
  run.finished_at = now;
  route::Choice& choice = entry.choices[node.value];
  if (choice.instance && entry.header.plan[node.value].mode == wire::PlanMode::kRun) {
    planner_.sample(choice, node, entry.endpoint, std::max(service, Duration(microseconds(1))),
                    now);
  }
  planner_.release(choice, entry.bytes);
  room_ = true;
  const wire::Topology& topology = *planner_.topology();
  for (const NodeIndex next : planner_.shape().successors[node.value]) {
    const std::vector<NodeIndex>& needs = topology.nodes[next.value].needs;
    const bool ready = std::ranges::all_of(needs, [&](NodeIndex need) {
      return need == kGatewayNode || entry.runs[need.value].finished;
    });
    if (ready) entry.runs[next.value].ready_at = now;
  }
}

// An answer stands for the finish of every node it waited for.
void Core::finish_answering(Pending& entry, const std::vector<wire::Hop>& hops, Instant now) {
  for (const wire::Hop& hop : hops) {
    if (hop.node >= entry.choices.size()) continue;
    if (entry.choices[hop.node].instance.value != hop.instance) continue;
    note_finished(entry, NodeIndex{hop.node}, microseconds(hop.execute_us), now);
  }
  for (std::size_t n = 0; n < entry.choices.size(); ++n) {
    if (planner_.shape().answers[n]) planner_.release(entry.choices[n], entry.bytes);
  }
}

void Core::on_report(const wire::Report& report, Instant now) {
  planner_.observe(report, now);
  const route::Planner::Target* target = planner_.find(report.instance);
  if (target == nullptr) return;
  const NodeIndex node = target->node;
  for (const wire::Progress& progress : report.progress) {
    const std::uint32_t slot = table_.find(progress.sequence);
    if (slot == kNoSlot) continue;  // answered long ago: the usual case under load
    Pending& entry = table_[slot];
    if (progress.attempt != entry.header.attempt || entry.runs.empty()) continue;
    if (entry.header.plan[node.value].target != report.instance.value) continue;
    if (progress.finished == 0) {
      note_received(entry, node);
      continue;
    }
    note_finished(entry, node, microseconds(progress.service_us), now);
    if (entry.state == Pending::State::kAnswered) settle(slot);
  }
}

// A request got past an instance when every successor has reported it received; what the instance
// sent may have died with it, so its own word proves nothing. The sink: when the answer is here.
bool Core::got_past(const Pending& entry, NodeIndex node) const {
  if (node == planner_.topology()->sink) return false;
  return std::ranges::all_of(planner_.shape().successors[node.value], [&](NodeIndex next) {
    return !planner_.shape().answers[next.value] || entry.runs[next.value].received;
  });
}

// Whether an answer can no longer come: an instance is gone that the request did not get past.
bool Core::lost(const Pending& entry) const {
  for (std::uint16_t n = 0; n < entry.runs.size(); ++n) {
    const std::uint32_t target = entry.header.plan[n].target;
    if (!planner_.shape().answers[n] || target == 0) continue;
    if (planner_.find(InstanceId{target}) == nullptr && !got_past(entry, NodeIndex{n})) return true;
  }
  return false;
}

void Core::lose(const std::vector<InstanceId>& gone, Instant now) {
  for (std::uint32_t slot = 0; slot < table_.slots(); ++slot) {
    Pending& entry = table_[slot];
    const bool sent = entry.state == Pending::State::kInFlight ||
                      entry.state == Pending::State::kLosing ||
                      entry.state == Pending::State::kAnswered;
    if (!sent || entry.runs.empty()) continue;
    bool hit = false;
    for (std::size_t n = 0; n < entry.choices.size(); ++n) {
      const InstanceId target{entry.header.plan[n].target};
      if (!std::ranges::binary_search(gone, target)) continue;
      hit = true;
      if (entry.choices[n].instance && !planner_.shape().answers[n])
        counters_.add(Counter::kLostHanging);
      planner_.release(entry.choices[n], entry.bytes);
    }
    if (!hit) continue;
    if (entry.state == Pending::State::kAnswered) {
      settle(slot);
    } else if (entry.state == Pending::State::kInFlight && lost(entry)) {
      entry.state = Pending::State::kLosing;
      entry.retry_at = now + kReceiptWait;
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
    if (entry.retry_at > now) {
      losing_.push_back(slot);
    } else if (!lost(entry)) {
      entry.state = Pending::State::kInFlight;
    } else if (take_token(now)) {
      try_again(slot, now);
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

// Whether starting again runs nothing twice that may run only once.
bool Core::may_repeat(const Pending& entry) const {
  for (std::uint16_t n = 0; n < entry.runs.size(); ++n) {
    const NodeIndex node{n};
    if (entry.header.plan[n].mode != wire::PlanMode::kRun || !is_once(node, entry.header.endpoint))
      continue;
    const auto reached = [&](NodeIndex need) {
      return need == kGatewayNode || entry.runs[need.value].received ||
             planner_.find(InstanceId{entry.header.plan[need.value].target}) == nullptr;
    };
    if (entry.runs[n].received ||
        std::ranges::all_of(planner_.topology()->nodes[n].needs, reached)) {
      return false;
    }
  }
  return true;
}

void Core::try_again(std::uint32_t slot, Instant now) {
  Pending& entry = table_[slot];
  for (route::Choice& choice : entry.choices)
    planner_.release(choice, entry.bytes);
  if (!may_repeat(entry)) {
    answer_failure(
        slot,
        {Errc::kUnknownOutcome,
         fmt::format("{} ended while the request may have been executed; it is declared to be "
                     "executed at most once, so it is not repeated",
                     lost_instances(entry)),
         {},
         {}},
        now);
    return;
  }
  if (entry.header.attempt >= kMaxAttempts) {
    answer_failure(slot,
                   {Errc::kUnavailable,
                    fmt::format("{} attempts were lost, the last with {}", kMaxAttempts,
                                lost_instances(entry)),
                    lost_executor(entry),
                    {}},
                   now);
    return;
  }
  counters_.add(Counter::kRedispatched);
  ++entry.header.attempt;
  entry.retry_at = now;
  entry.state = Pending::State::kRetry;
  entry.runs.clear();
  retries_.push(table_, slot);
  room_ = true;
}

// An instance is deaf when a request was due there long ago, it never reported it received, and its
// reports show no other work: the connection between the two does not work.
bool Core::deaf(const Pending& entry, NodeIndex node, Instant now) const {
  const NodeRun& run = entry.runs[node.value];
  const Duration limit =
      std::max(kDeafAfter, Duration(milliseconds(entry.bytes / kSlowestBytesPerMs)));
  if (run.finished) {  // the sink's answer was lost on its way
    return node == planner_.topology()->sink && now - run.finished_at >= limit;
  }
  const route::Planner::Target* target =
      planner_.find(InstanceId{entry.header.plan[node.value].target});
  if (run.received || run.ready_at == kNever || target == nullptr) return false;
  return now - std::max(run.ready_at, target->busy_at) >= limit;
}

void Core::find_deaf(Instant now) {
  if (now - deaf_at_ < kDeafEvery) return;
  deaf_at_ = now;
  for (std::uint32_t slot = 0; slot < table_.slots(); ++slot) {
    Pending& entry = table_[slot];
    if (entry.state != Pending::State::kInFlight) continue;
    for (std::uint16_t n = 0; n < entry.runs.size(); ++n) {
      if (!planner_.shape().answers[n] || !deaf(entry, NodeIndex{n}, now) || !take_token(now))
        continue;
      const InstanceId target{entry.header.plan[n].target};
      planner_.avoid(target, now);
      effects_.suspect(target);
      try_again(slot, now);
      break;
    }
  }
}

void Core::expire(std::uint32_t slot, Instant now) {
  Pending& entry = table_[slot];
  if (entry.state == Pending::State::kAnswered) {
    for (route::Choice& choice : entry.choices)
      planner_.release(choice, entry.bytes);
    settle(slot);
    room_ = true;
    return;
  }
  if (entry.state == Pending::State::kQueued) {
    queues_[entry.endpoint].remove(table_, slot);
    --queued_;
    ++in_flight_;  // end() counts it down
  }
  if (entry.state == Pending::State::kRetry) retries_.remove(table_, slot);
  const auto allowed = std::chrono::duration_cast<milliseconds>(entry.deadline - entry.accepted);
  answer_failure(
      slot,
      {Errc::kDeadlineExceeded,
       fmt::format("no answer within {} ms; waiting for {}", allowed.count(), waiting_for(entry)),
       {},
       {}},
      now);
}

std::string Core::waiting_for(const Pending& entry) const {
  if (entry.runs.empty()) return "room at the front door";
  std::string list;
  for (std::uint16_t n = 0; n < entry.runs.size(); ++n) {
    const NodeRun& run = entry.runs[n];
    if (!planner_.shape().answers[n] || run.finished || (run.ready_at == kNever && !run.received))
      continue;
    const route::Planner::Target* target = planner_.find(InstanceId{entry.header.plan[n].target});
    const std::string& name = target != nullptr ? target->name : planner_.topology()->nodes[n].name;
    list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", name,
                        run.received ? "received, not finished" : "not received yet");
  }
  return list.empty() ? "the answer's way back" : list;
}

// The first executor, in declared order, whose instance died; empty when none did.
std::string Core::lost_executor(const Pending& entry) const {
  for (std::size_t n = 0; n < entry.header.plan.size(); ++n) {
    const std::uint32_t target = entry.header.plan[n].target;
    if (target != 0 && planner_.find(InstanceId{target}) == nullptr) {
      return planner_.topology()->nodes[n].name;
    }
  }
  return {};
}

std::string Core::lost_instances(const Pending& entry) const {
  std::string list;
  for (std::size_t n = 0; n < entry.header.plan.size(); ++n) {
    const std::uint32_t target = entry.header.plan[n].target;
    if (target == 0 || planner_.find(InstanceId{target}) != nullptr) continue;
    list += fmt::format("{}an instance of '{}'", list.empty() ? "" : ", ",
                        planner_.topology()->nodes[n].name);
  }
  return list.empty() ? "an instance" : list;
}

Instant Core::tick(Instant now) {
  deadlines_.expire(now, [this, now](std::uint32_t slot) { expire(slot, now); });
  if (!losing_.empty()) retry_lost(now);
  if (in_flight_ > 0) find_deaf(now);
  if (room_ || queued_ > 0 || !retries_.empty()) pump(now);
  return deadlines_.next(now);
}

}  // namespace flow::gateway
