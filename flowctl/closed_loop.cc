#include "flowctl/closed_loop.h"

#include <thread>
#include <utility>

namespace flow::flowctl {
namespace {

// A failing gateway must not be asked as fast as possible.
constexpr Duration kRest = std::chrono::milliseconds(1);

}  // namespace

ClosedLoop::ClosedLoop(Client& client, LoopOptions options)
    : client_(client), options_(std::move(options)), sent_at_(options_.concurrency) {}

LoopResult ClosedLoop::run() {
  began_ = clock_.now();
  until_ = began_ + options_.duration;
  result_.rated = options_.duration;
  for (std::size_t place = 0; place < options_.concurrency; ++place)
    send(place, clock_.now());
  for (auto rested = wait_for_rested(); !rested.empty(); rested = wait_for_rested()) {
    std::this_thread::sleep_for(kRest);
    for (const std::size_t place : rested)
      send(place, clock_.now());
  }
  result_.took = clock_.now() - began_;
  return std::move(result_);
}

// Places to start again; none when all have ended.
std::vector<std::size_t> ClosedLoop::wait_for_rested() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !resting_.empty() || ended_ == options_.concurrency; });
  return std::exchange(resting_, {});
}

void ClosedLoop::send(std::size_t place, Instant now) {
  sent_at_[place] = now;
  client_.submit_raw(options_.endpoint, options_.payload, Bytes(), options_.timeout,
                     [this, place](const Reply& reply) { answered(place, reply); });
}

// One look at the clock a request: when it is answered, and its place sends the next.
void ClosedLoop::answered(std::size_t place, const Reply& reply) {
  const Instant now = clock_.now();
  const bool over = now >= until_;
  if (!over && reply.ok()) {
    result_.count(reply, now - sent_at_[place], now - began_);
    send(place, now);
    return;
  }
  const std::scoped_lock lock(mutex_);
  result_.count(reply, now - sent_at_[place], now - began_);
  if (over) {
    ++ended_;
  } else {
    resting_.push_back(place);
  }
  changed_.notify_one();
}

}  // namespace flow::flowctl
