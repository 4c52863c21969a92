#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core.h"
#include "route/merge.h"
#include "route/missing.h"
#include "wire/value_codec.h"

namespace flow::worker {

// What still waits may belong to a batch that is due by its time: it joins first.
bool Core::execute_next(Instant now, Instant& ended) {
  if (batched_ > 0 && (batcher_.any_full() || !next_joins()) && batcher_.take(now, batch_pieces_)) {
    ended = busy_until_ = run_batch(batch_pieces_, now);
    return true;
  }
  if (!has_work()) return false;
  Open& open = open_job();
  begin(open, now);
  ended = busy_until_ = open.ended;
  return true;
}

bool Core::next_joins() const {
  return has_work() &&
         batcher_.rule_for(first_part(open_[ring_[head_]]->job).header.endpoint) != nullptr;
}

Core::Open& Core::open_job() {
  Open& open = *open_[ring_[head_]];
  head_ = (head_ + 1) % kMaxJobs;
  --count_;
  ++open.round;
  open.in_use = true;
  return open;
}

// What cannot run, and what runs at once, is complete when this returns.
void Core::begin(Open& open, Instant now) {
  Job& job = open.job;
  open.taken = open.begun = open.ended = now;
  open.service_us = 0;
  if (needs_merging(job)) {
    const Status merged = merge_headers(job);
    if (!merged && first_part(job).header.failure == nullptr)
      return end_failed(open, merged.error());
  }
  wire::Part& part = first_part(job);
  const wire::PartHeader& header = part.header;
  if (header.failure != nullptr) return leave(open);
  if (now >= job.deadline) {
    return end_failed(open, {Errc::kDeadlineExceeded,
                             fmt::format("the time was up before {} began", self_.executor)});
  }
  const bool runs = header.plan[self_.node.value].mode == wire::PlanMode::kRun;
  open.contents.set_first_need(first_need_);
  if (job.joined.empty()) {
    open.contents.borrow(part.payload);
  } else {
    if (Status merged = merge_documents(open, header, runs); !merged)
      return end_failed(open, std::move(merged).error());
    open.begun = open.ended = execution_.now();
  }
  if (!runs) return end_well(open);
  if (const BatchRule* rule = batcher_.rule_for(header.endpoint))
    return join_batch(open, *rule, now);
  executed_.clear();
  if (execution_.run({open.slot, open.round}, header, open.contents, open.begun,
                     job.deadline - open.begun, executed_))
    return take_outcome(open, executed_);
  elsewhere_.push_back(open.slot);
  next_timeout_ = std::min(next_timeout_, job.deadline);
}

void Core::finish(Ticket ticket, Executed executed) {
  if (ticket.slot >= open_.size()) return;
  Open& open = *open_[ticket.slot];
  if (!open.in_use || open.round != ticket.round) return;
  std::erase(elsewhere_, ticket.slot);
  take_outcome(open, executed);
}

// Those whose time is up while they go on elsewhere end here.
void Core::end_late(Instant now) {
  if (now < next_timeout_) return;
  next_timeout_ = kNever;
  std::vector<std::uint32_t> late;
  for (const std::uint32_t slot : elsewhere_) {
    const Instant deadline = open_[slot]->job.deadline;
    if (deadline <= now) {
      late.push_back(slot);
    } else {
      next_timeout_ = std::min(next_timeout_, deadline);
    }
  }
  for (const std::uint32_t slot : late) {
    const Ticket ticket{slot, open_[slot]->round};
    execution_.abandon(ticket);
    finish(ticket, {now, Error{Errc::kDeadlineExceeded,
                               fmt::format("the time was up before {} was done", self_.executor)}});
  }
}

void Core::take_outcome(Open& open, Executed& executed) {
  wire::PartHeader& header = first_part(open.job).header;
  open.ended = executed.ended;
  if (!executed.began) return end_failed(open, *std::move(executed.error));
  note_execution(open, header);
  if (executed.results && !executed.error) executed.error = add_results(header, *executed.results);
  if (!executed.named_results.empty() && !executed.error) {
    if (Status united = route::unite_results(header.results, executed.named_results); !united)
      executed.error = std::move(united).error();
  }
  if (executed.error) return end_failed(open, *std::move(executed.error));
  if (!executed.missing.empty())
    route::add_missing_at(self_.executor, executed.missing, header.missing_elsewhere);
  end_well(open);
}

void Core::end_well(Open& open) {
  Status finished = open.contents.finish(self_.max_part_bytes, ids_, first_part(open.job).payload);
  if (!finished) return end_failed(open, std::move(finished).error());
  leave(open);
}

void Core::end_failed(Open& open, Error error) {
  Job& job = open.job;
  fail(job, first_part(job), std::move(error));
  leave(open);
}

// Sends on what became of it, and forgets it.
void Core::leave(Open& open) {
  wire::Part& part = first_part(open.job);
  dispatch(part, open.job.deadline, open.ended);
  ++counters_.finished;
  port_.progress(part.header.request, {.sequence = part.header.request.sequence,
                                       .attempt = part.header.attempt,
                                       .finished = 1,
                                       .service_us = open.service_us});
  if (open.job.part != nullptr) give_back(std::move(open.job.part));
  for (PartPointer& each : open.job.joined)
    give_back(std::move(each));
  open.job.joined.clear();
  open.contents.clear();
  if (!open.answer.empty()) open.answer = {};
  open.in_use = false;
  free_.push_back(open.slot);
}

// A single part does where it may stand for shards that are missing.
bool Core::needs_merging(const Job& job) const {
  if (!job.joined.empty()) return true;
  return may_miss_ && route::may_miss_shards(job.part->header, *topology_);
}

Status Core::merge_headers(Job& job) {
  if (job.joined.empty()) job.joined.push_back(std::move(job.part));
  return route::merge_headers(job.joined, *topology_);
}

// Makes the contents of a job of several parts ready for a handler. The payloads stay with their
// parts: they go on where the job fails.
Status Core::merge_documents(Open& open, const wire::PartHeader& header, bool runs) {
  const Job& job = open.job;
  Contents& contents = open.contents;
  const bool wants_matrix = runs && execution_.wants_matrix(header.endpoint);
  if (own_filter_ && !*own_filter_) return own_filter_->error();
  const route::Form form = route::form_for(own_node(), runs, wants_matrix);
  if (!runs) {
    Result<Bytes> payload =
        route::merge_payload(job.joined, *topology_, form, self_.max_part_bytes, own_filter());
    if (!payload) return std::move(payload).error();
    contents.reset(*std::move(payload));
    return {};
  }
  Result<route::MergedDocuments> merged =
      route::merge_documents(job.joined, *topology_, form, own_filter());
  if (!merged) return std::move(merged).error();
  if (auto* payload = std::get_if<Bytes>(&*merged)) {
    contents.reset(std::move(*payload));
  } else if (auto* list = std::get_if<Documents>(&*merged)) {
    contents.reset(std::move(*list));
  } else {
    DocumentsMatrix matrix;
    for (route::Piece& piece : std::get<std::vector<route::Piece>>(*merged))
      matrix.push_back({std::string(piece.source), std::move(piece.documents)});
    contents.reset(std::move(matrix));
  }
  return {};
}

// What it took, for the gateway and for people.
void Core::note_execution(Open& open, wire::PartHeader& header) {
  const std::uint32_t execute_us = to_us32(open.ended - open.begun);
  ++counters_.executed;
  open.service_us = std::max(1U, execute_us);
  if (header.hops.size() >= route::kMaxHops) return;
  const Job& job = open.job;
  wire::Hop& hop = header.hops.emplace_back();
  hop.instance = self_.instance.value;
  hop.node = self_.node.value;
  hop.queue_us = to_us32(job.arrived.waited + (open.taken - job.arrived.at));
  hop.wire_us = to_us32(job.arrived.wire);
  hop.reduce_us = job.joined.empty() ? 0 : to_us32(open.begun - open.taken);
  hop.execute_us = execute_us;
}

// A dictionary result is kept under the name of the instance that gave it.
std::optional<Error> Core::add_results(wire::PartHeader& header, const ValueMap& results) const {
  ValueMap named;
  named.set(self_.name, results);
  Status united = route::unite_results(header.results, wire::encode_value(named));
  if (united) return std::nullopt;
  return std::move(united).error();
}

// The documents of a failure are what the failing executor got; nobody waits for them when the time
// was up.
void Core::fail(const Job& job, wire::Part& part, Error error) {
  ++counters_.failed;
  last_failure_ = error.message;
  if (error.code == Errc::kDeadlineExceeded) {
    part.payload = Bytes();
  } else if (job.joined.empty()) {
    if (!Documents::verify(part.payload)) part.payload = Bytes();
  } else {
    const route::Form form = route::form_for(own_node(), false, false);
    Result<Bytes> input =
        route::merge_payload(job.joined, *topology_, form, self_.max_part_bytes, own_filter());
    part.payload = input ? *std::move(input) : Bytes();
  }
  part.header.failure = std::make_unique<wire::Failure>(
      wire::Failure{error.code, std::move(error.message), self_.executor, self_.name});
}

}  // namespace flow::worker
