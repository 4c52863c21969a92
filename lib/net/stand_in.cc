#include "net/stand_in.h"

#include <poll.h>

#include <utility>

namespace flow::net {
namespace {

void wait_for(Waker& waker, int milliseconds) {
  pollfd item{waker.fd(), POLLIN, 0};
  if (poll(&item, 1, milliseconds) > 0) waker.drain();
}

}  // namespace

StandIn::StandIn(Loop& loop, Loop::BeforeWait serve, const Clock& clock)
    : loop_(loop), serve_(std::move(serve)), clock_(clock) {
  loop_.watch_fd(back_.fd(), [this] { back_.drain(); });
  with_loop_.lock();
  thread_ = std::thread([this] { run(); });
}

StandIn::~StandIn() {
  ending_.store(true);
  wake_.signal();
  with_loop_.unlock();
  thread_.join();
  loop_.unwatch_fd(back_.fd());
}

// The second thread says that it sleeps before it looks for the last time; so one of the two sees
// the other.
void StandIn::lend() {
  busy_since_.store(clock_.now().time_since_epoch());
  with_loop_.unlock();
  if (asleep_.exchange(false)) wake_.signal();
}

void StandIn::take_back() {
  busy_since_.store(kNot);
  if (with_loop_.try_lock()) return;
  back_.signal();
  with_loop_.lock();
}

void StandIn::run() {
  Duration last_busy = clock_.now().time_since_epoch();
  while (!ending_.load()) {
    const Duration now = clock_.now().time_since_epoch();
    const Duration since = busy_since_.load();
    if (since != kNot) last_busy = now;
    if (since != kNot && now - since >= kAfter) {
      serve_since(since);
    } else if (now - last_busy >= kAwake) {
      sleep();
      last_busy = clock_.now().time_since_epoch();
    } else {
      nap();
    }
  }
}

void StandIn::serve_since(Duration since) {
  const std::unique_lock lock(with_loop_, std::try_to_lock);
  if (!lock) return;
  loop_.run([this, since](Instant now) {
    const Instant next = serve_(now);
    if (busy_since_.load() != since) loop_.stop();
    return next;
  });
}

void StandIn::nap() {
  wait_for(wake_, static_cast<int>(kAfter / std::chrono::milliseconds(1)));
}

void StandIn::sleep() {
  asleep_.store(true);
  if (busy_since_.load() == kNot && !ending_.load()) wait_for(wake_, -1);
  asleep_.store(false);
}

}  // namespace flow::net
