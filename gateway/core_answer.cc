#include <algorithm>

#include "gateway/core.h"
#include "route/merge.h"

namespace flow::gateway {
namespace {

constexpr Duration kTailKept = std::chrono::seconds(30);  // for work that goes on behind an answer

}  // namespace

// Whether a part is the outcome of a request that waits for one: the sink's, or the failure of a
// node that the answer waits for. A hanging node's failure is nobody's business.
bool Core::ends(const Pending& entry, const wire::PartHeader& header) const {
  using enum Pending::State;
  if (header.request.gateway != self_) return false;
  if (entry.state != kInFlight && entry.state != kLosing && entry.state != kRetry) return false;
  const std::size_t node = header.source.value;
  if (header.source == planner_.topology()->sink) return true;
  if (header.failure == nullptr || node >= planner_.shape().answers.size()) return false;
  return planner_.shape().answers[node] && !others_may_answer(entry, header.source);
}

// Where one shard's failure is not the request's: the first success goes on, or shards may miss.
// The instance ends; if the request did not get past it, it is sent again.
bool Core::others_may_answer(const Pending& entry, NodeIndex node) const {
  if (node.value >= entry.flight->plan.size()) return false;
  const wire::Polling polling = entry.flight->plan[node.value].polling;
  return polling == wire::Polling::kAllAsync ||
         (polling == wire::Polling::kAll && planner_.topology()->nodes[node.value].allow_partial);
}

// May take the part over.
inline void Core::take_outcome(Pending& entry, route::PartPointer& held, Instant now) {
  wire::Part& part = *held;
  const NodeIndex sink = planner_.topology()->sink;
  std::vector<wire::PlanEntry>& plan = part.header.plan;
  if (plan.empty() && part.header.attempt == entry.attempt) {
    plan = entry.flight->plan;  // an execution that ran out of time says only whose it is
  }
  const bool shard = part.header.source == sink && sink.value < plan.size() &&
                     polls_lane(plan[sink.value].polling);
  if (shard) {
    on_shard(entry, std::move(held), now);
  } else {
    conclude(entry, part, now);
  }
}

void Core::on_part(route::PartPointer&& part, Instant now) {
  const std::uint32_t slot = table_.find(part->header.request.sequence);
  if (slot == kNoSlot || !ends(table_[slot], part->header)) {
    counters_.add(Counter::kLateParts);
  } else {
    take_outcome(table_[slot], part, now);
  }
  if (part != nullptr) route::let_go(*part);
}

// One of the sink's parts, where all of its shards send one.
void Core::on_shard(Pending& entry, route::PartPointer&& held, Instant now) {
  const wire::Part& part = *held;
  const wire::Topology& topology = *planner_.topology();
  if (part.header.attempt == entry.attempt && entry.sent()) {
    const bool split = entry.flight->plan[topology.sink.value].polling == wire::Polling::kHash;
    for (route::Choice& choice : entry.flight->choices.of(topology.sink)) {
      const bool sent_it = choice.shard == part.header.source_shard &&
                           (!split || choice.replica == part.header.source_replica);
      choice.here = choice.here || sent_it;
    }
  }
  const auto outcome = gather_.add(std::move(held), {&topology.sink, 1}, entry.deadline, joined_);
  using enum route::GatherTable::Outcome;
  if (outcome == kRefused) {
    leave_queue(entry);
    answer_failure(entry, {Errc::kOverloaded, "too many answers wait for their shards", {}, {}},
                   now);
  } else if (outcome == kComplete) {
    conclude(entry, join_shards(), now);
    for (route::PartPointer& joined : joined_.parts)
      pool_.give(std::move(joined));
    joined_.parts.clear();
  } else if (outcome != kWaiting) {
    counters_.add(Counter::kLateParts);
  }
}

// Makes the answer's part of those of all shards.
wire::Part& Core::join_shards() {
  const wire::Topology& topology = *planner_.topology();
  const Status merged = route::merge_headers(joined_.parts, topology);
  wire::Part& first = *joined_.parts.front();
  if (first.header.failure != nullptr) return first;
  Result<Bytes> payload = merged.ok()
                              ? route::merge_payload(joined_.parts, topology, route::Form::kReduced,
                                                     settings_.max_request)
                              : Result<Bytes>(merged.error());
  if (payload) {
    first.payload = *std::move(payload);
  } else {
    const std::string_view executor = topology.nodes[topology.sink.value].executor();
    first.header.failure = std::make_unique<wire::Failure>(
        wire::Failure{payload.error().code, payload.error().message, std::string(executor), {}});
    first.payload = Bytes();
  }
  return first;
}

// The part is the outcome.
void Core::conclude(Pending& entry, wire::Part& part, Instant now) {
  if (part.header.failure != nullptr && goes_elsewhere(entry, part.header, now)) return;
  const wire::Topology& topology = *planner_.topology();
  if (entry.state == Pending::State::kRetry) leave_queue(entry);
  response_.missing.clear();
  if (!part.header.missing.empty() || !part.header.missing_elsewhere.empty())
    name_missing(topology, part.header, response_.missing);
  response_.failure = std::move(part.header.failure);
  if (!part.header.results.empty()) response_.results = std::move(part.header.results);
  response_.payload = std::move(part.payload);
  if (topology.sorts && response_.failure == nullptr) sort_like(entry.payload, response_.payload);
  take_hops(entry, part.header.hops, now);
  answer(entry, response_, now);
  response_.payload.clear();
  if (!response_.results.empty()) response_.results.clear();
  end(entry, now);
}

// `response` holds the outcome; fills in what every answer has.
void Core::answer(Pending& entry, wire::Response& response, Instant now) {
  counters_.add(response.failure == nullptr ? Counter::kAnswered : Counter::kFailed);
  response.id = entry.client_request;
  response.request = {self_, entry.sequence};
  response.attempts = entry.attempt;
  response.total_us = static_cast<std::uint64_t>(to_us(now - entry.accepted));
  effects_.answer(entry.client, response);
}

void Core::answer_failure(Pending& entry, wire::Failure failure, Instant now) {
  wire::Response response;
  response.failure = std::make_unique<wire::Failure>(std::move(failure));
  answer(entry, response, now);
  end(entry, now);
}

// The request has its outcome. What still runs of it keeps its charges until it is reported.
void Core::end(Pending& entry, Instant now) {
  if (entry.state != Pending::State::kQueued) --in_flight_;
  bytes_ -= entry.bytes;
  if (gather_.open() > 0) gather_.drop_request({self_, entry.sequence});
  entry.payload.clear();
  entry.parameters.clear();
  entry.state = Pending::State::kAnswered;
  room_ = true;
  if (!settle(entry)) deadlines_.add(RequestTable::slot(entry), now + kTailKept);
}

// Whether nothing of it runs any more: then it is forgotten.
bool Core::settle(Pending& entry) {
  if (entry.flight != nullptr && entry.flight->choices.charged()) return false;
  deadlines_.cancel(RequestTable::slot(entry));
  table_.free(entry);
  return true;
}

// It waits no longer, if it did.
void Core::leave_queue(Pending& entry) {
  if (entry.state == Pending::State::kQueued) {
    queues_[entry.endpoint].remove(table_, RequestTable::slot(entry));
    --queued_;
  } else if (entry.state == Pending::State::kRetry) {
    retries_.remove(table_, RequestTable::slot(entry));
  }
}

// Nobody wants the answer any more.
void Core::drop(Pending& entry, Instant now) {
  if (entry.state == Pending::State::kFree || entry.state == Pending::State::kAnswered) return;
  leave_queue(entry);
  counters_.add(Counter::kFailed);
  end(entry, now);
}

}  // namespace flow::gateway
