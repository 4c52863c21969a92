// Time as the project uses it: monotonic nanoseconds, handed in by the caller.
//
// Logic never reads a clock; services read `SystemClock` and pass `now` on. Wall-clock time exists
// for printing (`wall_clock_ms`), and to order writes between gateways (base/write_version.h).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace flow {

using Duration = std::chrono::nanoseconds;

// A clock tag: Instants are CLOCK_MONOTONIC of one host and mean nothing on another.
struct Monotonic {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Monotonic>;
  static constexpr bool is_steady = true;
};

using Instant = Monotonic::time_point;

inline constexpr Instant kNever = Instant::max();

// The seam between services and time. Two implementations: SystemClock and the simulator's.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
};

// CLOCK_MONOTONIC. Any thread.
class SystemClock final : public Clock {
 public:
  Instant now() const override;
};

// Milliseconds since 1970, for people to read in status and logs only.
std::int64_t wall_clock_ms();

// The time since 1970. May jump either way.
Duration wall_clock();

constexpr std::int64_t to_us(Duration duration) {
  return duration.count() / 1000;
}
// For hops: at most an hour and eleven minutes.
constexpr std::uint32_t to_us32(Duration duration) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(to_us(duration), 0, UINT32_MAX));
}
constexpr double to_seconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1e9;
}

// The span from a to b; never overflows when b is kNever.
constexpr Duration span_between(Instant a, Instant b) {
  return b == kNever ? Duration::max() : b - a;
}

}  // namespace flow
