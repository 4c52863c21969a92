#include "core.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "route/merge.h"
#include "wire/value_codec.h"

namespace flow::worker {
namespace {

// Longer than any deadline; keeps sums of instants and durations in range.
constexpr Duration kLongest = std::chrono::hours(24 * 365);

// On one host the sender's clock is ours. A clock that claims to be ahead gains nothing.
Instant deadline_of(const wire::PartHeader& header, std::uint32_t host, Instant now) {
  const Duration remaining = std::clamp(header.remaining, -kLongest, kLongest);
  const bool same_clock = header.sent_on_host == host && header.sent_at >= Instant{};
  return (same_clock ? std::min(header.sent_at, now) : now) + remaining;
}

}  // namespace

Core::Core(Self self, Execution& execution, WorkerPort& port)
    : self_(std::move(self)),
      execution_(execution),
      port_(port),
      ids_(self_.seed ^ (std::uint64_t{self_.instance.value} << 32U)),
      ring_(kMaxJobs) {}

void Core::set_topology(std::shared_ptr<const wire::Topology> topology, Instant now) {
  topology_ = std::move(topology);
  FLOW_CHECK(self_.node.value < topology_->nodes.size(), "own node is not in the topology");
  read_graph();
  std::vector<InstanceId> gateways;
  peers_.clear();
  newest_peer_ = {};
  for (const wire::TopologyInstance& instance : topology_->instances) {
    peers_.push_back(instance.id);
    if (instance.id == self_.instance)
      execution_.set_catching_up(instance.state == wire::InstanceState::kBehind);
  }
  for (const wire::TopologyGateway& gateway : topology_->gateways) {
    peers_.push_back(gateway.id);
    gateways.push_back(gateway.id);
  }
  lanes_.clear();
  for (const wire::TopologyLane& lane : topology_->lanes) {
    peers_.push_back(lane.id);
    if (std::ranges::count(lane.members, self_.instance) > 0) lanes_.push_back(lane.id);
  }
  for (const wire::TopologyGroup& group : topology_->groups)
    peers_.push_back(group.id);
  std::ranges::sort(peers_);
  gather_.keep_gateways(gateways);
  if (topology_->draining) batcher_.flush();
  send_parked();
  tick(now);
}

void Core::read_graph() {
  shape_ = route::shape_of(*topology_);
  needs_ = topology_->nodes[self_.node.value].needs;
  may_miss_ = std::ranges::any_of(needs_, [this](NodeIndex need) {
    return need.value < topology_->nodes.size() && topology_->nodes[need.value].allow_partial;
  });
  successors_.clear();
  filtered_ = false;
  for (std::size_t i = 0; i < topology_->nodes.size(); ++i) {
    const wire::TopologyNode& node = topology_->nodes[i];
    if (std::ranges::count(node.needs, self_.node) == 0) continue;
    Successor& successor = successors_.emplace_back();
    successor.node = NodeIndex{static_cast<std::uint16_t>(i)};
    if (node.when.empty()) continue;
    successor.filter = route::Filter::compile(node.when);
    filtered_ = true;
  }
  own_filter_.reset();
  if (!own_node().when.empty()) own_filter_ = route::Filter::compile(own_node().when);
  sink_ = topology_->sink == self_.node;
  batcher_.set_rules(own_node().batching);
  const std::string_view need =
      route::need_name(*topology_, needs_.empty() ? kGatewayNode : needs_.front());
  if (need != first_need_) first_need_ = need;  // open jobs look at it
}

Core::Job& Core::push_job() {
  FLOW_CHECK(count_ < kMaxJobs, "receive() without room");
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(open_.size()));
    open_.push_back(std::make_unique<Open>(free_.back()));
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  ring_[(head_ + count_) % kMaxJobs] = slot;
  ++count_;
  return open_[slot]->job;
}

// What passed while an earlier job was running is queueing, the rest of the way is wire.
void Core::measure(const wire::PartHeader& header, Instant now, Arrival& arrival) const {
  arrival = {now};
  if (header.sent_on_host != self_.host || header.sent_at < Instant{} || header.sent_at > now)
    return;
  const Duration way = now - header.sent_at;
  arrival.waited = std::clamp(busy_until_ - header.sent_at, Duration{}, way);
  arrival.wire = way - arrival.waited;
}

bool Core::is_for_us(std::uint32_t target) const {
  return target == self_.instance.value ||
         std::ranges::find(lanes_, InstanceId{target}) != lanes_.end();
}

bool Core::is_alone(const wire::PartHeader& header) const {
  return needs_.size() == 1 && header.source == needs_.front() &&
         route::expected_from(needs_.front(), header.plan) == 1;
}

void Core::receive(PartPointer part, Instant now) {
  const wire::PartHeader& header = part->header;
  if (!is_for_us(header.target) || self_.node.value >= header.plan.size()) {
    ++counters_.wrong_target;
    give_back(std::move(part));
    return;
  }
  const Instant deadline = deadline_of(header, self_.host, now);
  if (!is_alone(header)) return add_to_others(std::move(part), deadline, now);
  Job& job = push_job();
  measure(header, now, job.arrived);
  job.deadline = deadline;
  job.part = std::move(part);
  note_received(header.request, header.attempt);
}

void Core::add_to_others(PartPointer part, Instant deadline, Instant now) {
  Arrival arrived;
  measure(part->header, now, arrived);
  const RequestId request = part->header.request;
  const std::uint16_t attempt = part->header.attempt;
  route::Joined joined{.parts = {}, .deadline = deadline};
  const auto outcome = gather_.add(std::move(part), needs_, deadline, joined);
  if (outcome == route::GatherTable::Outcome::kRefused) {
    port_.progress(request, {.sequence = request.sequence, .attempt = attempt, .finished = 1});
  }
  if (outcome != route::GatherTable::Outcome::kComplete) return;
  Job& job = push_job();
  job.arrived = arrived;
  job.deadline = joined.deadline;
  job.joined = std::move(joined.parts);
  note_received(request, attempt);
}

void Core::note_received(RequestId request, std::uint16_t attempt) {
  ++counters_.received;
  port_.progress(request, {.sequence = request.sequence, .attempt = attempt});
}

// What will not be complete any more is finished here all the same: the gateway waits for the word
// to give its room to others.
void Core::give_up_expired(Instant now) {
  expired_.clear();
  gather_.expire(now, &expired_);
  for (const route::GatheredRequest& past : expired_) {
    port_.progress(past.request,
                   {.sequence = past.request.sequence, .attempt = past.attempt, .finished = 1});
  }
}

Instant Core::tick(Instant now) {
  give_up_expired(now);
  end_late(now);
  Instant next = std::min({gather_.next_deadline(), next_timeout_, batcher_.next_due()});
  const std::size_t before = parked_.size();
  std::erase_if(parked_, [now](const Parked& parked) { return parked.until <= now; });
  counters_.no_peer += before - parked_.size();
  for (const Parked& parked : parked_)
    next = std::min(next, parked.until);
  return next;
}

}  // namespace flow::worker
