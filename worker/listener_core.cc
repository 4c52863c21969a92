#include "listener_core.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace flow::worker {
namespace {

constexpr Duration kLongestDeadline = std::chrono::seconds(600);
constexpr Duration kRetryAfter = std::chrono::milliseconds(50);
constexpr std::size_t kMaxEndpoint = 256;
constexpr std::uint32_t kCallerInFlight = 1024;

}  // namespace

ListenerCore::ListenerCore(std::string name, InstanceId incarnation, ListenerLimits limits,
                           ListenerPort& port)
    : name_(std::move(name)), incarnation_(incarnation), limits_(limits), port_(port) {
  self_.version = 1;
  self_.nodes.emplace_back().name = name_;
}

wire::ClientWelcome ListenerCore::welcome() const {
  wire::ClientWelcome welcome;
  welcome.gateway = incarnation_;
  welcome.flow = name_;
  welcome.max_request_bytes = limits_.request;
  welcome.max_in_flight = kCallerInFlight;
  welcome.deadline = limits_.deadline;
  return welcome;
}

void ListenerCore::refuse(CallerId caller, std::uint64_t request, Errc code, std::string message) {
  ++refused_;
  wire::Response response;
  response.id = request;
  response.failure =
      std::make_unique<wire::Failure>(wire::Failure{code, std::move(message), {}, {}});
  if (code == Errc::kOverloaded) response.retry_after = kRetryAfter;
  port_.answer(caller, response);
}

bool ListenerCore::acceptable(CallerId caller, const wire::Request& request) {
  const auto say = [&](Errc code, std::string message) {
    refuse(caller, request.id, code, std::move(message));
    return false;
  };
  const std::uint64_t bytes = request.payload.size();
  if (draining_) return say(Errc::kUnavailable, fmt::format("'{}' is shutting down", name_));
  if (request.endpoint.empty() || request.endpoint.size() > kMaxEndpoint) {
    return say(Errc::kInvalidArgument,
               fmt::format("the endpoint must have 1 to {} bytes, it has {}", kMaxEndpoint,
                           request.endpoint.size()));
  }
  if (bytes > limits_.request) {
    return say(Errc::kTooLarge, fmt::format("the documents have {} bytes, '{}' takes {}", bytes,
                                            name_, limits_.request));
  }
  if (open_.size() >= limits_.requests) {
    return say(Errc::kOverloaded,
               fmt::format("{} requests wait at '{}', the limit", open_.size(), name_));
  }
  if (!open_.empty() && bytes_ + bytes > limits_.bytes) {
    return say(Errc::kOverloaded, fmt::format("requests with {} bytes wait at '{}', at most {} may",
                                              bytes_, name_, limits_.bytes));
  }
  return true;
}

void ListenerCore::on_request(CallerId caller, wire::Request request, Instant now) {
  if (!acceptable(caller, request)) return;
  const Result<const std::vector<bool>*> skips = targets_.skips(request.target_executor, self_);
  if (!skips) return refuse(caller, request.id, skips.error().code, skips.error().message);
  const Duration allowed = request.timeout > Duration{} ? request.timeout : limits_.deadline;
  Open open;
  open.number = ++number_;
  open.caller = caller;
  open.request = request.id;
  open.arrived = now;
  open.deadline = now + std::min(allowed, kLongestDeadline);
  open.bytes = request.payload.size();
  bytes_ += open.bytes;
  earliest_ = std::min(earliest_, open.deadline);
  open_.push_back(open);
  Work work;
  work.number = open.number;
  work.endpoint = std::move(request.endpoint);
  work.parameters = std::move(request.parameters);
  work.payload = std::move(request.payload);
  work.deadline = open.deadline;
  work.passes = !(*skips)->empty() && (**skips)[0];
  waiting_.push_back(std::move(work));
  pump();
}

void ListenerCore::pump() {
  while (with_executor_ < kAhead && !waiting_.empty()) {
    Work work = std::move(waiting_.front());
    waiting_.pop_front();
    if (find(work.number) == open_.end()) continue;
    ++with_executor_;
    port_.execute(std::move(work));
  }
}

std::deque<ListenerCore::Open>::iterator ListenerCore::find(std::uint64_t number) {
  const auto at = std::ranges::lower_bound(open_, number, {}, &Open::number);
  return at != open_.end() && at->number == number ? at : open_.end();
}

void ListenerCore::on_done(WorkDone done, Instant now) {
  --with_executor_;
  if (done.executed) ++executed_;
  const auto at = find(done.number);
  if (at != open_.end()) {
    wire::Response response;
    response.failure = std::move(done.failure);
    response.payload = std::move(done.payload);
    response.results = std::move(done.results);
    if (done.executed) {
      wire::ResponseHop& hop = response.hops.emplace_back();
      hop.executor = hop.instance = name_;
      hop.queue_us = to_us32(done.begun - at->arrived);
      hop.execute_us = to_us32(done.ended - done.begun);
    }
    const Open open = *at;
    open_.erase(at);
    finish(open, response, now);
  }
  pump();
}

// It is no longer among the open ones.
void ListenerCore::finish(const Open& open, wire::Response& response, Instant now) {
  bytes_ -= open.bytes;
  response.id = open.request;
  response.request = {incarnation_, open.number};
  response.attempts = 1;
  response.total_us = static_cast<std::uint64_t>(to_us(now - open.arrived));
  port_.answer(open.caller, response);
}

void ListenerCore::on_cancel(CallerId caller, std::uint64_t request) {
  drop_where(caller, request);
}

void ListenerCore::on_gone(CallerId caller) {
  drop_where(caller, std::nullopt);
}

// Nobody wants these answers any more.
void ListenerCore::drop_where(CallerId caller, const std::optional<std::uint64_t>& request) {
  std::erase_if(open_, [&](const Open& open) {
    if (open.caller != caller || (request && open.request != *request)) return false;
    bytes_ -= open.bytes;
    return true;
  });
  std::erase_if(waiting_, [this](const Work& work) { return find(work.number) == open_.end(); });
}

Instant ListenerCore::tick(Instant now) {
  if (now < earliest_) return earliest_;
  earliest_ = kNever;
  std::vector<Open> late;
  std::erase_if(open_, [&](const Open& open) {
    if (open.deadline > now) {
      earliest_ = std::min(earliest_, open.deadline);
      return false;
    }
    late.push_back(open);
    return true;
  });
  for (const Open& open : late) {
    wire::Response response;
    response.failure = std::make_unique<wire::Failure>(wire::Failure{
        Errc::kDeadlineExceeded,
        fmt::format(
            "no answer of '{}' within {} ms", name_,
            std::chrono::duration_cast<std::chrono::milliseconds>(open.deadline - open.arrived)
                .count()),
        name_, name_});
    finish(open, response, now);
  }
  if (!late.empty()) {
    std::erase_if(waiting_, [this](const Work& work) { return find(work.number) == open_.end(); });
  }
  return earliest_;
}

}  // namespace flow::worker
