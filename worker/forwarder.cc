#include "forwarder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace flow::worker {
namespace {

// Whether a failure counts as an execution of ours. Not what was never sent, or refused at the far
// end's door; nor what the far end does not know itself how it ended: that is not tried again.
bool counts(const wire::Response& response) {
  const Errc code = response.failure->code;
  if (response.attempts > 0) return code != Errc::kUnknownOutcome;
  return code == Errc::kUnknownOutcome || code == Errc::kDeadlineExceeded ||
         code == Errc::kCancelled;
}

}  // namespace

Forwarder::Forwarder(ForwarderOptions options, client::Core& far, const Clock& clock)
    : options_(std::move(options)),
      far_(far),
      clock_(clock),
      ids_(options_.seed),
      lost_at_(clock.now()),
      gives_up_at_(lost_at_ + kPatience) {}

bool Forwarder::has_room() const {
  const std::uint32_t allowed = far_.welcome().max_in_flight;
  return far_.outstanding() < (allowed == 0 ? kLimit : std::min(kLimit, allowed));
}

std::string Forwarder::nobody_there() const {
  return trouble_.empty() ? fmt::format("nobody answers at {}", options_.address)
                          : fmt::format("nobody answers at {}: {}", options_.address, trouble_);
}

bool Forwarder::run(Ticket ticket, const wire::PartHeader& header, Contents& contents,
                    Instant begun, Duration remaining, Executed& executed) {
  const auto refuse = [begun, &executed](Error error) {
    executed.ended = begun;
    executed.error = std::move(error);
    executed.began = false;
    return true;
  };
  if (!far_.ready() && begun >= gives_up_at_) return refuse({Errc::kUnavailable, nobody_there()});
  Result<Bytes> payload = contents.finish(options_.max_part_bytes, ids_);
  if (!payload) return refuse(std::move(payload).error());
  const std::uint64_t most = far_.welcome().max_request_bytes;
  if (most > 0 && payload->size() > most) {
    return refuse({Errc::kTooLarge, fmt::format("the documents have {} bytes, {} takes {}",
                                                payload->size(), options_.address, most)});
  }
  client::Submission submission;
  submission.request.endpoint = header.endpoint;
  submission.request.parameters = header.parameters;
  submission.request.payload = *std::move(payload);
  const bool limited = options_.timeout > Duration{} && options_.timeout < remaining;
  submission.deadline = begun + (limited ? options_.timeout : remaining);
  submission.open_documents = false;
  submission.on_reply = [this, ticket](Reply&& reply) { replied(ticket, reply); };
  if (open_.size() <= ticket.slot) open_.resize(ticket.slot + std::size_t{1});
  open_[ticket.slot].contents = &contents;
  open_[ticket.slot].request = far_.submit(std::move(submission), begun);
  return false;
}

void Forwarder::abandon(Ticket ticket) {
  Open& open = open_[ticket.slot];
  far_.cancel(open.request);
  open = {};
}

void Forwarder::replied(Ticket ticket, Reply& reply) {
  const Open open = std::exchange(open_[ticket.slot], {});
  wire::Response& response = reply.response;
  Executed executed;
  executed.ended = clock_.now();
  const Result<bool> verified = Documents::verify(response.payload);
  if (response.failure != nullptr) {
    executed.began = counts(response);
    executed.error = error_of(*response.failure);
  } else if (!verified) {
    executed.error =
        Error{Errc::kInternal, fmt::format("the documents of {} are not valid: {}",
                                           options_.address, verified.error().message)};
  } else {
    open.contents->reset(std::move(response.payload));
    executed.named_results = std::move(response.results);
    executed.missing = std::move(response.missing);
  }
  finish_(ticket, std::move(executed));
}

// The far end's words, and where they come from.
Error Forwarder::error_of(const wire::Failure& failure) const {
  std::string message = failure.message;
  const std::string& who = failure.instance.empty() ? failure.executor : failure.instance;
  if (!who.empty()) {
    message += fmt::format(" ({} at {})", who, options_.address);
  } else if (message.find(options_.address) == std::string::npos) {
    message += fmt::format(" (at {})", options_.address);
  }
  return {failure.code, std::move(message)};
}

Instant Forwarder::tick(Instant now, const std::string& trouble) {
  trouble_ = trouble;
  if (far_.ready()) {
    lost_at_ = gives_up_at_ = kNever;
    gave_up_ = false;
    return kNever;
  }
  if (lost_at_ == kNever) {
    lost_at_ = now;
    gives_up_at_ = now + options_.patience;
  }
  gave_up_ = now >= gives_up_at_;
  if (!gave_up_) return gives_up_at_;
  far_.fail_waiting(nobody_there());
  return kNever;
}

}  // namespace flow::worker
