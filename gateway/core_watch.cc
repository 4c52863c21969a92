#include <fmt/format.h>

#include <algorithm>

#include "gateway/core.h"
#include "route/left_out.h"

namespace flow::gateway {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Duration kDeafEvery = milliseconds(100);
constexpr Duration kDeafAfter = milliseconds(500);
constexpr std::uint64_t kSlowestBytesPerMs = 50'000;  // 50 MB/s

}  // namespace

void Core::note_received(route::Choice& choice) {
  if (!choice.received) choice.receipt = ++receipts_;
  choice.received = true;
}

inline void Core::note_finished(Pending& entry, NodeIndex node, route::Choice& choice,
                                Duration service, Instant now) {
  if (choice.finished) return;
  choice.finished = true;
  choice.finished_at = now;
  note_received(choice);
  const bool executed =
      service > Duration{} && entry.flight->plan[node.value].mode == wire::PlanMode::kRun;
  if (choice.charged && executed) {
    planner_.complete(choice, node, entry.endpoint, service, entry.bytes, now);
  } else {
    planner_.release(choice, entry.bytes);
  }
  room_ = true;
}

// When all who send to a node had finished; kNever while somebody has not.
Instant Core::ready_at(const Flight& flight, NodeIndex node) const {
  const wire::Topology& topology = *planner_.topology();
  Instant ready = flight.sent_at;
  for (const NodeIndex need : topology.nodes[node.value].needs) {
    const NodeIndex sender = route::sender_for(need, topology, flight.plan);
    if (sender != kGatewayNode) ready = std::max(ready, flight.finished_at(sender));
  }
  return ready;
}

// What an answer says of the way it took, which stands for the finish of all it waited for. Of
// ALL_ASYNC it did not wait for all. How far the request got matters no longer.
void Core::take_hops(Pending& entry, const std::vector<wire::Hop>& hops, Instant now) {
  const std::vector<wire::TopologyNode>& nodes = planner_.topology()->nodes;
  const std::size_t count = nodes.size();
  Flight& flight = *entry.flight;
  hop_names_.begin();
  for (const wire::Hop& hop : hops) {
    if (hop.node >= count) continue;
    const NodeIndex node{hop.node};
    route::Choice* choice = flight.choices.find(node, InstanceId{hop.instance});
    hop_names_.add(hop, nodes[hop.node], choice == nullptr ? nullptr : planner_.find(*choice));
    if (choice == nullptr || !choice->charged) continue;
    const Duration service = microseconds(std::max(1U, hop.execute_us));
    if (flight.plan[hop.node].mode == wire::PlanMode::kRun) {
      planner_.complete(*choice, node, entry.endpoint, service, entry.bytes, now);
    } else {
      planner_.release(*choice, entry.bytes);
    }
  }
  hop_names_.end();
  if (!flight.choices.charged()) return;
  for (std::uint16_t n = 0; n < flight.plan.size(); ++n) {
    if (!planner_.shape().answers[n]) continue;
    if (flight.plan[n].polling == wire::Polling::kAllAsync) continue;
    for (route::Choice& choice : flight.choices.of(NodeIndex{n}))
      planner_.release(choice, entry.bytes);
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
    if (progress.attempt != entry.attempt || !entry.sent()) continue;
    route::Choice* choice = entry.flight->choices.find(node, report.instance);
    if (choice == nullptr) continue;
    if (progress.finished == 0) {
      note_received(*choice);
      continue;
    }
    note_finished(entry, node, *choice, microseconds(progress.service_us), now);
    if (entry.state == Pending::State::kAnswered) settle(entry);
  }
}

// An instance is deaf when a request was due there long ago, it never reported it received, and its
// reports show no other work: the connection between the two does not work. Where the first of a
// lane wins, nobody minds while another has received it.
bool Core::deaf(const Pending& entry, NodeIndex node, const route::Choice& choice,
                Instant now) const {
  const Flight& flight = *entry.flight;
  const Duration limit =
      std::max(kDeafAfter, Duration(milliseconds(entry.bytes / kSlowestBytesPerMs)));
  if (choice.finished) {  // the sink's answer was lost on its way
    const Instant finished = flight.finished_at(node);
    return finished != kNever && !choice.here && now - finished >= limit &&
           route::sends_answer(node, planner_.shape(), flight.plan);
  }
  const bool first_wins = flight.plan[node.value].polling == wire::Polling::kAllAsync;
  const bool received = first_wins
                            ? std::ranges::any_of(flight.choices.of(node), &route::Choice::received)
                            : choice.received;
  const route::Planner::Target* target = planner_.find(choice);
  if (received || target == nullptr) return false;
  const Instant ready = ready_at(flight, node);
  return ready != kNever && now - std::max(ready, target->busy_at) >= limit;
}

// nullptr when there is none.
const route::Choice* Core::deaf_member(const Pending& entry, Instant now) const {
  for (std::uint16_t n = 0; n < entry.flight->plan.size(); ++n) {
    if (!planner_.shape().answers[n]) continue;
    for (const route::Choice& choice : entry.flight->choices.of(NodeIndex{n})) {
      if (deaf(entry, NodeIndex{n}, choice, now)) return &choice;
    }
  }
  return nullptr;
}

void Core::find_deaf(Instant now) {
  if (now - deaf_at_ < kDeafEvery) return;
  deaf_at_ = now;
  for (std::uint32_t slot = 0; slot < table_.slots(); ++slot) {
    Pending& entry = table_[slot];
    if (entry.state != Pending::State::kInFlight || now - entry.accepted < kDeafAfter) continue;
    const route::Choice* member = deaf_member(entry, now);
    if (member == nullptr || !take_token(now)) continue;
    const InstanceId instance = member->instance;
    planner_.avoid(instance, now);
    effects_.suspect(instance);
    try_again(entry, now);
  }
}

void Core::expire(Pending& entry, Instant now) {
  if (entry.state == Pending::State::kAnswered) {
    release_all(entry);
    settle(entry);
    room_ = true;
    return;
  }
  leave_queue(entry);
  const auto allowed = std::chrono::duration_cast<milliseconds>(entry.deadline - entry.accepted);
  answer_failure(
      entry,
      {Errc::kDeadlineExceeded,
       fmt::format("no answer within {} ms; waiting for {}", allowed.count(), waiting_for(entry)),
       {},
       {}},
      now);
}

std::string Core::waiting_for(const Pending& entry) const {
  if (!entry.sent()) return "room at the front door";
  std::string list;
  const Flight& flight = *entry.flight;
  for (std::uint16_t n = 0; n < flight.plan.size(); ++n) {
    if (!planner_.shape().answers[n]) continue;
    const bool ready = ready_at(flight, NodeIndex{n}) != kNever;
    for (const route::Choice& choice : flight.choices.of(NodeIndex{n})) {
      if (choice.finished || (!ready && !choice.received)) continue;
      const route::Planner::Target* target = planner_.find(choice);
      const std::string& name =
          target != nullptr ? target->name : planner_.topology()->nodes[n].name;
      list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", name,
                          choice.received ? "received, not finished" : "not received yet");
    }
  }
  return list.empty() ? "the answer's way back" : list;
}

Instant Core::tick(Instant now) {
  deadlines_.expire(now, [this, now](std::uint32_t slot) { expire(table_[slot], now); });
  gather_.expire(now);
  if (!losing_.empty()) retry_lost(now);
  if (in_flight_ > 0) find_deaf(now);
  if (room_ || queued_ > 0 || !retries_.empty()) pump(now);
  return deadlines_.next(now);
}

}  // namespace flow::gateway
