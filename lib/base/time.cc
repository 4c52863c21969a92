#include "base/time.h"

#include <ctime>

namespace flow {
namespace {

Duration read(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Instant SystemClock::now() const {
  return Instant(read(CLOCK_MONOTONIC));
}

std::int64_t wall_clock_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(wall_clock()).count();
}

Duration wall_clock() {
  return read(CLOCK_REALTIME);
}

}  // namespace flow
