#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "core.h"
#include "route/parameters.h"
#include "wire/value_codec.h"

namespace flow::worker {

// A job that is executed together with others waits here until its last piece was.
void Core::join_batch(Open& open, const BatchRule& rule, Instant now) {
  const wire::PartHeader& header = first_part(open.job).header;
  const Result<Documents*> documents = open.contents.documents();
  if (!documents) return end_failed(open, documents.error());
  Batcher::Request request;
  request.endpoint = header.endpoint;
  request.slot = open.slot;
  request.documents = static_cast<std::uint32_t>((*documents)->size());
  request.arrived = open.job.arrived.at - open.job.arrived.waited;
  request.deadline = open.job.deadline;
  if (!header.parameters.empty()) {
    const Result<ValueMap> sent = wire::decode_value(header.parameters.span());
    if (!sent) return end_failed(open, sent.error());
    request.parameters = route::parameters_for(*sent, self_.executor);
  }
  open.trouble.reset();
  open.answer = Documents(std::vector<Document>(request.documents));
  open.begun = kNever;
  open.pieces = batcher_.add(rule, std::move(request), now);
  ++batched_;
  if (topology_->draining) batcher_.flush();
}

// The documents of those pieces whose request may still be answered. Of a request that failed
// already nothing more is executed.
Documents Core::collect(std::vector<BatchPiece>& pieces, Instant now, Instant& deadline) {
  Documents all;
  for (const BatchPiece& piece : pieces) {
    Open& open = *open_[piece.slot];
    if (!open.trouble && open.job.deadline <= now) {
      open.trouble = {Errc::kDeadlineExceeded,
                      fmt::format("the time was up before {} began", self_.executor)};
    }
    if (open.trouble) continue;
    if (open.begun == kNever) open.taken = open.begun = now;
    deadline = std::min(deadline, open.job.deadline);
    Documents& own = **open.contents.documents();
    for (std::uint32_t i = 0; i < piece.count; ++i)
      all.push_back(std::move(own[piece.first + i]));
  }
  return all;
}

// Why what an execution answered cannot be given back to the requests it was for.
std::optional<Error> Core::indivisible(const Executed& executed, std::size_t sent,
                                       const Result<Documents*>& answer) const {
  if (executed.error) return executed.error;
  if (!answer) return answer.error();
  if (executed.results) {
    return Error{Errc::kExecutorError,
                 fmt::format("{} answered with a dictionary, which cannot be divided over the "
                             "requests of a batch; take its endpoint out of `batching`",
                             self_.executor)};
  }
  if ((*answer)->size() != sent) {
    return Error{Errc::kExecutorError,
                 fmt::format("{} got a batch of {} documents and answered with {}: in a batch each "
                             "document must stay in its place",
                             self_.executor, sent, (*answer)->size())};
  }
  return std::nullopt;
}

// What the executor is told of a batch: what is the same for all its requests, and whose is first.
const wire::PartHeader& Core::header_for_batch(const wire::PartHeader& first) {
  batch_header_.request = first.request;
  batch_header_.attempt = first.attempt;
  batch_header_.endpoint = first.endpoint;
  batch_header_.parameters = first.parameters;
  return batch_header_;
}

// Whose requests are in it, for who looks at the execution from outside.
void Core::name_batch(const std::vector<BatchPiece>& pieces) {
  batch_requests_.clear();
  for (const BatchPiece& piece : pieces) {
    const Open& open = *open_[piece.slot];
    if (open.trouble) continue;
    const wire::PartHeader& header = first_part(open.job).header;
    batch_requests_.push_back({header.request, header.attempt});
  }
  execution_.together(batch_requests_);
}

Instant Core::run_batch(std::vector<BatchPiece>& pieces, Instant now) {
  Instant deadline = kNever;
  Documents all = collect(pieces, now, deadline);
  const std::size_t sent = all.size();
  Instant ended = now;
  const auto live = std::ranges::find_if(
      pieces, [this](const BatchPiece& piece) { return !open_[piece.slot]->trouble; });
  if (live != pieces.end()) {
    batch_.reset(std::move(all));
    name_batch(pieces);
    const Ticket ticket{live->slot, open_[live->slot]->round};
    executed_.clear();
    const bool done =
        execution_.run(ticket, header_for_batch(first_part(open_[live->slot]->job).header), batch_,
                       now, deadline - now, executed_);
    FLOW_CHECK(done, "a batch went on elsewhere");
    ended = executed_.ended;
    batcher_.note_execution(ended - now);
    const Result<Documents*> answer = batch_.documents();
    const std::optional<Error> trouble = indivisible(executed_, sent, answer);
    std::size_t at = 0;
    for (const BatchPiece& piece : pieces) {
      Open& open = *open_[piece.slot];
      if (open.trouble) continue;
      open.ended = ended;
      open.trouble = trouble;
      for (std::uint32_t i = 0; i < piece.count && !trouble; ++i)
        open.answer[piece.first + i] = std::move((**answer)[at++]);
    }
  }
  for (const BatchPiece& piece : pieces) {
    Open& open = *open_[piece.slot];
    if (--open.pieces == 0) leave_batch(open);
  }
  return ended;
}

void Core::leave_batch(Open& open) {
  --batched_;
  if (open.begun != kNever) {
    note_execution(open, first_part(open.job).header);
  }
  if (open.trouble) return end_failed(open, *std::exchange(open.trouble, std::nullopt));
  open.contents.answer(std::exchange(open.answer, {}));
  end_well(open);
}

}  // namespace flow::worker
