#include "client/gate.h"

namespace flow::client {

void Gate::set_limit(std::uint32_t limit) {
  limit_.store(limit, std::memory_order_relaxed);
  const std::scoped_lock lock(mutex_);
  room_.notify_all();
}

bool Gate::try_enter() {
  std::uint32_t inside = inside_.load();
  while (inside < limit()) {
    if (inside_.compare_exchange_weak(inside, inside + 1)) return true;
  }
  return false;
}

bool Gate::enter(Duration patience) {
  if (try_enter()) return true;
  std::unique_lock lock(mutex_);
  ++waiting_;
  const auto entered = [this] { return try_enter(); };
  bool in = true;
  if (patience == Duration::max()) {
    room_.wait(lock, entered);
  } else {
    in = room_.wait_for(lock, patience, entered);
  }
  --waiting_;
  return in;
}

void Gate::leave() {
  --inside_;
  if (waiting_.load() == 0) return;
  const std::scoped_lock lock(mutex_);
  room_.notify_one();
}

}  // namespace flow::client
