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

void Core::note_received(Pending& entry, NodeIndex node, route::Choice& choice) {
  if (!choice.received) choice.receipt = ++receipts_;
  choice.received = true;
  entry.runs[node.value].received =
      std::ranges::all_of(entry.choices.of(node), &route::Choice::received);
}

void Core::note_finished(Pending& entry, NodeIndex node, route::Choice& choice, Duration service,
                         Instant now) {
  if (choice.finished) return;
  choice.finished = true;
  note_received(entry, node, choice);
  const bool executed =
      service > Duration{} && entry.header.plan[node.value].mode == wire::PlanMode::kRun;
  if (choice.charged && executed) planner_.sample(choice, node, entry.endpoint, service, now);
  planner_.release(choice, entry.bytes);
  room_ = true;
  if (!std::ranges::all_of(entry.choices.of(node), &route::Choice::finished)) return;
  entry.runs[node.value].finished = true;
  entry.runs[node.value].finished_at = now;
  note_ready(entry, node, now);
}

void Core::note_ready(Pending& entry, NodeIndex finished, Instant now) {
  route::for_each_receiver(finished, planner_.shape(), entry.header.plan,
                           [&](NodeIndex /*name*/, NodeIndex next) {
                             if (next != kGatewayNode && is_ready(entry, next))
                               entry.runs[next.value].ready_at = now;
                           });
}

// Whether all who send to a node have finished.
bool Core::is_ready(const Pending& entry, NodeIndex node) const {
  const wire::Topology& topology = *planner_.topology();
  return std::ranges::all_of(topology.nodes[node.value].needs, [&](NodeIndex need) {
    const NodeIndex sender = route::sender_for(need, topology, entry.header.plan);
    return sender == kGatewayNode || entry.runs[sender.value].finished;
  });
}

// What an answer says of the way it took, which stands for the finish of all it waited for. Of
// ALL_ASYNC it did not wait for all. How far the request got matters no longer.
void Core::take_hops(Pending& entry, const std::vector<wire::Hop>& hops, Instant now) {
  const std::vector<wire::TopologyNode>& nodes = planner_.topology()->nodes;
  const std::size_t count = nodes.size();
  hop_names_.begin();
  for (const wire::Hop& hop : hops) {
    if (hop.node >= count) continue;
    const NodeIndex node{hop.node};
    route::Choice* choice = entry.choices.find(node, InstanceId{hop.instance});
    hop_names_.add(hop, nodes[hop.node],
                   choice == nullptr ? nullptr : planner_.find_at(choice->slot, hop.instance));
    if (choice == nullptr || !choice->charged) continue;
    const Duration service = microseconds(std::max(1U, hop.execute_us));
    if (entry.header.plan[hop.node].mode == wire::PlanMode::kRun)
      planner_.sample(*choice, node, entry.endpoint, service, now);
    planner_.release(*choice, entry.bytes);
  }
  hop_names_.end();
  if (!entry.choices.charged()) return;
  for (std::uint16_t n = 0; n < entry.runs.size(); ++n) {
    if (!planner_.shape().answers[n]) continue;
    if (entry.header.plan[n].polling == wire::Polling::kAllAsync) continue;
    for (route::Choice& choice : entry.choices.of(NodeIndex{n}))
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
    if (progress.attempt != entry.header.attempt || entry.runs.empty()) continue;
    route::Choice* choice = entry.choices.find(node, report.instance);
    if (choice == nullptr) continue;
    if (progress.finished == 0) {
      note_received(entry, node, *choice);
      continue;
    }
    note_finished(entry, node, *choice, microseconds(progress.service_us), now);
    if (entry.state == Pending::State::kAnswered) settle(slot);
  }
}

// An instance is deaf when a request was due there long ago, it never reported it received, and its
// reports show no other work: the connection between the two does not work. Where the first of a
// lane wins, nobody minds while another has received it.
bool Core::deaf(const Pending& entry, NodeIndex node, const route::Choice& choice,
                Instant now) const {
  const NodeRun& run = entry.runs[node.value];
  const Duration limit =
      std::max(kDeafAfter, Duration(milliseconds(entry.bytes / kSlowestBytesPerMs)));
  if (choice.finished) {  // the sink's answer was lost on its way
    return run.finished && !choice.here && now - run.finished_at >= limit &&
           route::sends_answer(node, planner_.shape(), entry.header.plan);
  }
  const bool first_wins = entry.header.plan[node.value].polling == wire::Polling::kAllAsync;
  const bool received = first_wins
                            ? std::ranges::any_of(entry.choices.of(node), &route::Choice::received)
                            : choice.received;
  const route::Planner::Target* target = planner_.find_at(choice.slot, choice.instance.value);
  if (received || run.ready_at == kNever || target == nullptr) return false;
  return now - std::max(run.ready_at, target->busy_at) >= limit;
}

// nullptr when there is none.
const route::Choice* Core::deaf_member(const Pending& entry, Instant now) const {
  for (std::uint16_t n = 0; n < entry.runs.size(); ++n) {
    if (!planner_.shape().answers[n]) continue;
    for (const route::Choice& choice : entry.choices.of(NodeIndex{n})) {
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
    try_again(slot, now);
  }
}

void Core::expire(std::uint32_t slot, Instant now) {
  Pending& entry = table_[slot];
  if (entry.state == Pending::State::kAnswered) {
    release_all(entry);
    settle(slot);
    room_ = true;
    return;
  }
  leave_queue(slot);
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
    if (!planner_.shape().answers[n]) continue;
    for (const route::Choice& choice : entry.choices.of(NodeIndex{n})) {
      if (choice.finished || (run.ready_at == kNever && !choice.received)) continue;
      const route::Planner::Target* target = planner_.find_at(choice.slot, choice.instance.value);
      const std::string& name =
          target != nullptr ? target->name : planner_.topology()->nodes[n].name;
      list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", name,
                          choice.received ? "received, not finished" : "not received yet");
    }
  }
  return list.empty() ? "the answer's way back" : list;
}

Instant Core::tick(Instant now) {
  deadlines_.expire(now, [this, now](std::uint32_t slot) { expire(slot, now); });
  gather_.expire(now);
  if (!losing_.empty()) retry_lost(now);
  if (in_flight_ > 0) find_deaf(now);
  if (room_ || queued_ > 0 || !retries_.empty()) pump(now);
  return deadlines_.next(now);
}

}  // namespace flow::gateway
