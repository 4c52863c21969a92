#include "core.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "inputs.h"

namespace flow::worker {
namespace {

// Longer than any deadline; keeps sums of instants and durations in range.
constexpr Duration kLongest = std::chrono::hours(24 * 365);

std::uint32_t micros(Duration duration) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(to_us(duration), 0, UINT32_MAX));
}

wire::PartHeader copy_of(const wire::PartHeader& header) {
  wire::PartHeader copy;
  copy.target = header.target;
  copy.request = header.request;
  copy.attempt = header.attempt;
  copy.topology_version = header.topology_version;
  copy.remaining = header.remaining;
  copy.sent_at = header.sent_at;
  copy.sent_on_host = header.sent_on_host;
  copy.source = header.source;
  copy.source_shard = header.source_shard;
  copy.endpoint = header.endpoint;
  copy.plan = header.plan;
  copy.hops = header.hops;
  copy.parameters = header.parameters;
  copy.results = header.results;
  if (header.failure != nullptr) copy.failure = std::make_unique<wire::Failure>(*header.failure);
  copy.trace = header.trace;
  return copy;
}

}  // namespace

Core::Core(Self self, Execution& execution, WorkerPort& port)
    : self_(std::move(self)),
      execution_(execution),
      port_(port),
      contents_(self_.seed ^ (std::uint64_t{self_.instance.value} << 32U)),
      ring_(kMaxJobs) {}

void Core::set_topology(std::shared_ptr<const wire::Topology> topology, Instant now) {
  topology_ = std::move(topology);
  FLOW_CHECK(self_.node.value < topology_->nodes.size(), "own node is not in the topology");
  read_graph();
  std::vector<InstanceId> gateways;
  peers_.clear();
  for (const wire::TopologyInstance& instance : topology_->instances)
    peers_.push_back(instance.id);
  for (const wire::TopologyGateway& gateway : topology_->gateways) {
    peers_.push_back(gateway.id);
    gateways.push_back(gateway.id);
  }
  std::ranges::sort(peers_);
  gather_.keep_gateways(gateways);
  send_parked();
  tick(now);
}

void Core::read_graph() {
  needs_ = topology_->nodes[self_.node.value].needs;
  successors_.clear();
  for (std::size_t i = 0; i < topology_->nodes.size(); ++i) {
    if (std::ranges::count(topology_->nodes[i].needs, self_.node) > 0)
      successors_.push_back(NodeIndex{static_cast<std::uint16_t>(i)});
  }
  sink_ = topology_->sink == self_.node;
  contents_.set_first_need(need_name(*topology_, needs_.empty() ? kGatewayNode : needs_.front()));
}

Core::Job& Core::push_job() {
  FLOW_CHECK(count_ < kMaxJobs, "receive() without room");
  return ring_[(head_ + count_++) % kMaxJobs];
}

Core::Job Core::pop_job() {
  Job job = std::move(ring_[head_]);
  head_ = (head_ + 1) % kMaxJobs;
  --count_;
  return job;
}

// On one host the sender's clock is ours. A clock that claims to be ahead gains nothing.
Instant Core::deadline_of(const wire::PartHeader& header, Instant now) const {
  const Duration remaining = std::clamp(header.remaining, -kLongest, kLongest);
  const bool same_clock = header.sent_on_host == self_.host && header.sent_at >= Instant{};
  return (same_clock ? std::min(header.sent_at, now) : now) + remaining;
}

// What passed while an earlier job was running is queueing, the rest of the way is wire.
void Core::measure(Job& job, const wire::PartHeader& header, Instant now) const {
  job.arrived = now;
  job.waited = job.wire = Duration{};
  if (header.sent_on_host != self_.host || header.sent_at < Instant{} || header.sent_at > now)
    return;
  const Duration way = now - header.sent_at;
  job.waited = std::clamp(busy_until_ - header.sent_at, Duration{}, way);
  job.wire = way - job.waited;
}

void Core::receive(PartPointer part, Instant now) {
  const wire::PartHeader& header = part->header;
  if (header.target != self_.instance.value || self_.node.value >= header.plan.size()) {
    ++counters_.wrong_target;
    pool_.give(std::move(part));
    return;
  }
  const RequestId request = header.request;
  const std::uint16_t attempt = header.attempt;
  const Instant deadline = deadline_of(header, now);
  Job timing;
  measure(timing, header, now);
  route::Joined joined{.parts = {}, .deadline = deadline};
  const bool alone = needs_.size() == 1 && header.source == needs_.front() &&
                     route::expected_from(needs_.front(), header.plan) == 1;
  if (!alone) {
    const auto outcome = gather_.add(std::move(part), needs_, deadline, joined);
    if (outcome != route::GatherTable::Outcome::kComplete) return;
  }
  Job& job = push_job();
  job.part = std::move(part);
  job.joined = std::move(joined.parts);
  job.arrived = timing.arrived;
  job.waited = timing.waited;
  job.wire = timing.wire;
  job.deadline = joined.deadline;
  ++counters_.received;
  port_.progress(request, {.sequence = request.sequence, .attempt = attempt});
}

bool Core::execute_next(Instant now, Instant& ended) {
  if (count_ == 0) return false;
  Job job = pop_job();
  wire::Part& first = job.joined.empty() ? *job.part : *job.joined.front();
  const std::uint64_t executed = counters_.executed;
  ended = run(job, first, now);
  busy_until_ = ended;
  wire::Progress progress{
      .sequence = first.header.request.sequence, .attempt = first.header.attempt, .finished = 1};
  if (counters_.executed != executed) progress.service_us = first.header.hops.back().execute_us;
  dispatch(first, job.deadline, ended);
  ++counters_.finished;
  port_.progress(first.header.request, progress);
  pool_.give(std::move(job.part));
  for (PartPointer& each : job.joined)
    pool_.give(std::move(each));
  return true;
}

// Makes the contents of the job ready for a handler.
Status Core::prepare(Job& job, wire::Part& part, bool runs) {
  if (job.joined.empty()) {
    contents_.reset(std::move(part.payload));
    return {};
  }
  const bool unreduced = topology_->nodes[self_.node.value].no_reduce ||
                         (runs && execution_.wants_matrix(part.header.endpoint));
  return merge_contents(job.joined, *topology_, unreduced, contents_);
}

Instant Core::run(Job& job, wire::Part& part, Instant now) {
  wire::PartHeader& header = part.header;
  Status merged = job.joined.empty() ? Status{} : merge_headers(job.joined);
  if (header.failure != nullptr) {
    part.payload = Bytes();
    return now;
  }
  if (!merged) {
    fail(part, std::move(merged).error());
    return now;
  }
  if (now >= job.deadline) {
    fail(part,
         {Errc::kDeadlineExceeded, fmt::format("the time was up before {} began", self_.executor)});
    return now;
  }
  const bool runs = header.plan[self_.node.value].mode == wire::PlanMode::kRun;
  if (Status prepared = prepare(job, part, runs); !prepared) {
    fail(part, std::move(prepared).error());
    return now;
  }
  const Instant begun = job.joined.empty() ? now : execution_.now();
  Instant ended = begun;
  if (runs) {
    Executed executed = execution_.run(header, contents_, begun, job.deadline - begun);
    ended = executed.ended;
    ++counters_.executed;
    add_hop(job, header, now, begun, ended);
    if (executed.error) {
      fail(part, *std::move(executed.error));
      return ended;
    }
  }
  Result<Bytes> payload = contents_.finish(self_.max_part_bytes);
  if (!payload) {
    fail(part, std::move(payload).error());
    return ended;
  }
  part.payload = *std::move(payload);
  return ended;
}

void Core::add_hop(const Job& job, wire::PartHeader& header, Instant now, Instant begun,
                   Instant ended) const {
  wire::Hop hop;
  hop.instance = self_.instance.value;
  hop.node = self_.node.value;
  hop.queue_us = micros(job.waited + (now - job.arrived));
  hop.wire_us = micros(job.wire);
  hop.reduce_us = micros(begun - now);
  hop.execute_us = micros(ended - begun);
  header.hops.push_back(hop);
}

void Core::fail(wire::Part& part, Error error) {
  ++counters_.failed;
  part.header.failure = std::make_unique<wire::Failure>(
      wire::Failure{error.code, std::move(error.message), self_.executor, self_.name});
  part.payload = Bytes();
}

void Core::dispatch(wire::Part& part, Instant deadline, Instant now) {
  wire::PartHeader& header = part.header;
  header.source = self_.node;
  header.source_shard = self_.shard;
  header.remaining = std::max(deadline - now, Duration{});
  header.sent_at = now;
  header.sent_on_host = self_.host;
  for (const NodeIndex successor : successors_) {
    if (successor.value >= header.plan.size()) continue;
    const InstanceId target{header.plan[successor.value].target};
    if (target) send(target, part, now);
  }
  if (sink_) send(header.request.gateway, part, now);
}

bool Core::known(InstanceId id) const {
  return std::ranges::binary_search(peers_, id);
}

void Core::send(InstanceId to, wire::Part& part, Instant now) {
  part.header.target = to.value;
  if (known(to)) {
    port_.send_part(to, part.header, part.payload);
  } else if (part.header.topology_version > topology_->version && parked_.size() < kMaxParked) {
    park(to, part, now);
  } else {
    ++counters_.no_peer;
  }
}

void Core::park(InstanceId to, const wire::Part& part, Instant now) {
  parked_.push_back({to, copy_of(part.header), part.payload, now + kParkedFor});
}

void Core::send_parked() {
  std::vector<Parked> waiting;
  for (Parked& parked : parked_) {
    if (known(parked.to)) {
      port_.send_part(parked.to, parked.header, parked.payload);
    } else if (parked.header.topology_version > topology_->version) {
      waiting.push_back(std::move(parked));
    } else {
      ++counters_.no_peer;
    }
  }
  parked_ = std::move(waiting);
}

Instant Core::tick(Instant now) {
  gather_.expire(now);
  Instant next = gather_.next_deadline();
  const std::size_t before = parked_.size();
  std::erase_if(parked_, [now](const Parked& parked) { return parked.until <= now; });
  counters_.no_peer += before - parked_.size();
  for (const Parked& parked : parked_)
    next = std::min(next, parked.until);
  return next;
}

}  // namespace flow::worker
