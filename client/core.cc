#include "client/core.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace flow::client {
namespace {

constexpr unsigned kSlotBits = 16;
constexpr std::uint64_t kSlotMask = (1U << kSlotBits) - 1;
static_assert(kMostInFlight == kSlotMask + 1);

std::uint32_t slot_of(std::uint64_t id) {
  return static_cast<std::uint32_t>(id & kSlotMask);
}

Reply closed_reply() {
  return failed_reply(Errc::kCancelled, "the client was closed before the answer came");
}

}  // namespace

Reply failed_reply(Errc code, std::string message) {
  Reply reply;
  reply.response.failure = std::make_unique<wire::Failure>();
  reply.response.failure->code = code;
  reply.response.failure->message = std::move(message);
  return reply;
}

void open_reply(Reply& reply) {
  Result<wire::DocumentList> documents =
      wire::DocumentList::open(std::move(reply.response.payload));
  reply.response.payload = Bytes();
  if (documents) {
    reply.documents = std::move(*documents);
    return;
  }
  if (!reply.ok()) return;
  const std::uint64_t id = reply.response.id;
  reply = failed_reply(Errc::kInternal, fmt::format("the answer's documents are not valid: {}",
                                                    documents.error().message));
  reply.response.id = id;
}

Core::Core(std::string address, std::uint32_t limit, Link& link)
    : address_(std::move(address)), limit_(std::clamp(limit, 1U, kMostInFlight)), link_(link) {}

void Core::start(Instant now) {
  hello_at_ = now;
  link_.send_hello();
}

Instant Core::expiry(const Pending& pending) {
  if (pending.deadline == kNever) return kNever;
  return pending.sent ? pending.deadline + kGrace : pending.deadline;
}

std::uint64_t Core::submit(Submission&& submission, Instant now) {
  if (closed_) {
    link_.deliver(submission.on_reply, false, closed_reply());
    return 0;
  }
  if (outstanding_ >= limit_) {
    link_.deliver(submission.on_reply, false,
                  failed_reply(Errc::kOverloaded,
                               fmt::format("{} requests are in flight, the client's limit; wait "
                                           "for replies",
                                           limit_)));
    return 0;
  }
  const std::uint32_t slot = take_slot();
  Pending& pending = slots_[slot];
  pending.id = (++counter_ << kSlotBits) | slot;
  pending.sent = false;
  pending.open_documents = submission.open_documents;
  pending.deadline = submission.deadline;
  pending.on_reply = std::move(submission.on_reply);
  submission.request.id = pending.id;
  if (outstanding_++ == 0) {
    quiet_since_ = now;
    pinged_at_ = kNever;
  }
  if (ready_) {
    send(pending, submission.request, now);
  } else {
    pending.request = std::make_unique<wire::Request>(std::move(submission.request));
    waiting_.push_back(pending.id);
  }
  earliest_ = std::min(earliest_, expiry(pending));
  return pending.id;
}

std::uint32_t Core::take_slot() {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  return slot;
}

void Core::cancel(std::uint64_t id) {
  const std::uint32_t slot = slot_of(id);
  if (id == 0 || slot >= slots_.size() || slots_[slot].id != id) return;
  if (slots_[slot].sent) link_.send_cancel(id);
  end(slot);
}

std::size_t Core::fail_waiting(const std::string& message) {
  waiting_.clear();
  return end_where([&message](const Pending& pending) {
    return pending.sent ? Reply{} : failed_reply(Errc::kUnavailable, message);
  });
}

void Core::send(Pending& pending, wire::Request& request, Instant now) {
  const Duration left = span_between(now, pending.deadline);
  if (left != Duration::max()) {
    request.timeout = std::max<Duration>(left, std::chrono::microseconds(1));
  }
  link_.send_request(request);
  pending.sent = true;
}

void Core::send_waiting(Instant now) {
  while (!waiting_.empty()) {
    const std::uint64_t id = waiting_.front();
    waiting_.pop_front();
    Pending& pending = slots_[slot_of(id)];
    if (pending.id != id) continue;
    send(pending, *pending.request, now);
    pending.request.reset();
  }
}

void Core::welcomed(const wire::ClientWelcome& welcome, Instant now) {
  heard(now);
  pinged_at_ = kNever;
  const InstanceId before = std::exchange(welcome_, welcome).gateway;
  ready_ = true;
  reopen_at_ = kNever;
  if (before && before != welcome.gateway) {
    end_where([this](const Pending& pending) {
      if (!pending.sent) return Reply{};
      return failed_reply(Errc::kUnknownOutcome,
                          fmt::format("the gateway at {} was restarted; the request may or may "
                                      "not have been executed",
                                      address_));
    });
  }
  send_waiting(now);
}

void Core::responded(Reply&& reply, Instant now) {
  heard(now);
  pinged_at_ = kNever;
  const std::uint64_t id = reply.response.id;
  const std::uint32_t slot = slot_of(id);
  if (id == 0 || slot >= slots_.size() || slots_[slot].id != id) {
    ++ignored_;
    return;
  }
  const bool open_documents = slots_[slot].open_documents;
  const Client::OnReply on_reply = end(slot);
  link_.deliver(on_reply, open_documents, std::move(reply));
}

// Its place may be taken again as soon as this is back.
Client::OnReply Core::end(std::uint32_t slot) {
  Pending& pending = slots_[slot];
  pending.id = 0;
  pending.request.reset();
  free_.push_back(slot);
  --outstanding_;
  return std::exchange(pending.on_reply, nullptr);
}

// Ends every request for which `choose` makes a failed reply; a good one means that it goes on.
template <typename Choose>
std::size_t Core::end_where(Choose&& choose) {
  std::vector<Ended> ended;
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    const std::uint64_t id = slots_[slot].id;
    if (id == 0) continue;
    Reply reply = choose(slots_[slot]);
    if (reply.ok()) continue;
    reply.response.id = id;
    ended.push_back({end(slot), std::move(reply)});
  }
  for (Ended& one : ended) {
    link_.deliver(one.on_reply, false, std::move(one.reply));
  }
  return ended.size();
}

void Core::lost(const std::string& why, Instant now) {
  if (!ready_) {  // do not spin on a peer that takes connections and ends them
    if (reopen_at_ == kNever) reopen_at_ = now + kRetryAfter;
    return;
  }
  ready_ = false;
  connect_again(now);
  end_where([this, &why](const Pending& pending) {
    if (!pending.sent) return Reply{};
    return failed_reply(Errc::kUnknownOutcome,
                        fmt::format("lost the gateway at {}: {}; the request may or may not have "
                                    "been executed",
                                    address_, why));
  });
}

void Core::connect_again(Instant now) {
  reopen_at_ = kNever;
  pinged_at_ = kNever;
  hello_at_ = now;
  link_.reopen();
  link_.send_hello();
}

void Core::expire(Instant now) {
  while (!waiting_.empty() && slots_[slot_of(waiting_.front())].id != waiting_.front()) {
    waiting_.pop_front();  // ended before the gateway came back
  }
  earliest_ = kNever;
  end_where([this, now](const Pending& pending) {
    const Instant at = expiry(pending);
    if (at > now) {
      earliest_ = std::min(earliest_, at);
      return Reply{};
    }
    if (!pending.sent) {
      return failed_reply(Errc::kUnavailable,
                          fmt::format("no connection to the gateway at {} within the request's "
                                      "time; it was not sent",
                                      address_));
    }
    link_.send_cancel(pending.id);
    return failed_reply(Errc::kDeadlineExceeded,
                        fmt::format("the gateway at {} did not answer in time", address_));
  });
}

void Core::watch_connection(Instant now) {
  if (!ready_) {
    if (now >= reopen_at_ || now >= hello_at_ + kHelloWithin) connect_again(now);
    return;
  }
  if (outstanding_ == 0) return;
  if (quiet_since_ > pinged_at_) pinged_at_ = kNever;
  if (pinged_at_ != kNever) {
    if (now >= pinged_at_ + kPongWithin) {
      lost(fmt::format(
               "it has said nothing for {} ms",
               std::chrono::duration_cast<std::chrono::milliseconds>(now - quiet_since_).count()),
           now);
    }
  } else if (now >= quiet_since_ + kPingAfter) {
    pinged_at_ = now;
    link_.send_ping();
  }
}

Instant Core::tick(Instant now) {
  if (now >= earliest_) expire(now);
  watch_connection(now);
  Instant next = earliest_;
  if (!ready_) {
    next = std::min({next, reopen_at_, hello_at_ + kHelloWithin});
  } else if (outstanding_ > 0) {
    next = std::min(next, pinged_at_ != kNever && quiet_since_ <= pinged_at_
                              ? pinged_at_ + kPongWithin
                              : quiet_since_ + kPingAfter);
  }
  return next;
}

std::size_t Core::cancel_all() {
  closed_ = true;
  return end_where([this](const Pending& pending) {
    if (pending.sent) link_.send_cancel(pending.id);
    return closed_reply();
  });
}

}  // namespace flow::client
