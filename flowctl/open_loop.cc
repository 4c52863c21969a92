#include "flowctl/open_loop.h"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/units.h"

namespace flow::flowctl {
namespace {

constexpr Duration kLate = std::chrono::milliseconds(1);
constexpr Duration kUsualDeadline = std::chrono::seconds(30);

// Of a request: as asked for, else the flow's deadline.
Duration patience_of(const LoopOptions& options, const Client& client) {
  if (options.timeout > Duration::zero()) return options.timeout;
  const Duration deadline = client.welcome().deadline;
  return deadline > Duration::zero() ? deadline : kUsualDeadline;
}

// The same instant for a condition variable.
std::chrono::steady_clock::time_point steady(Instant instant) {
  return std::chrono::steady_clock::time_point(instant.time_since_epoch());
}

}  // namespace

OpenLoop::OpenLoop(Client& client, LoopOptions options)
    : client_(client), options_(std::move(options)), patience_(patience_of(options_, client)) {}

LoopResult OpenLoop::run() {
  prctl(PR_SET_TIMERSLACK, 1UL);  // the kernel would add 50 us to each wait of this thread
  std::unique_lock lock(mutex_);
  began_ = clock_.now();
  result_.rated = options_.duration;
  pacer_.emplace(Pace{options_.rate, options_.duration, patience_,
                      std::max<std::size_t>(options_.concurrency, 1)},
                 began_);
  while (!pacer_->over()) {
    const Pacer::Step step = pacer_->step(clock_.now());
    give_up(step.given_up);
    if (step.count > 0) {
      lock.unlock();
      send(step);
      sending_.took = clock_.now() - began_;
      lock.lock();
    } else if (!pacer_->over()) {
      wait(lock, step.next);
    }
  }
  sending_.due = pacer_->total();
  sending_.took = std::max(sending_.took, options_.duration);
  result_.sending = std::move(sending_);
  result_.took = clock_.now() - began_;
  return std::move(result_);
}

void OpenLoop::wait(std::unique_lock<std::mutex>& lock, Instant until) {
  if (until == kNever) {
    changed_.wait(lock);
  } else {
    changed_.wait_until(lock, steady(until));
  }
}

void OpenLoop::send(const Pacer::Step& step) {
  for (std::uint64_t i = 0; i < step.count; ++i)
    send_one(pacer_->due_at(step.first + i), i < step.waited);
}

void OpenLoop::send_one(Instant due, bool waited) {
  const Duration delay = clock_.now() - due;
  ++sending_.sent;
  if (waited) ++sending_.waited;
  if (!waited && delay >= kLate) ++sending_.late;
  sending_.delay_ns.record(static_cast<std::uint64_t>(delay.count()));
  client_.submit_raw(options_.endpoint, options_.payload, Bytes(),
                     std::max<Duration>(patience_ - delay, std::chrono::microseconds(1)),
                     [this, due](Reply reply) { answered(due, reply); });
}

void OpenLoop::answered(Instant due, const Reply& reply) {
  const std::scoped_lock lock(mutex_);
  const Instant now = clock_.now();
  result_.count(reply, now - due, now - began_);
  if (pacer_->ended(now)) changed_.notify_one();
}

void OpenLoop::give_up(std::uint64_t requests) {
  if (requests == 0) return;
  sending_.given_up += requests;
  result_.count_failed(
      "DEADLINE_EXCEEDED", requests,
      fmt::format("DEADLINE_EXCEEDED: not sent: there was no room among the {} in flight within {}",
                  options_.concurrency, format_duration(patience_)));
}

}  // namespace flow::flowctl
