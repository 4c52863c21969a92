// When a process that died is started again. Pure.
#pragma once

#include <deque>
#include <optional>

#include "base/time.h"

namespace flow::flowctl {

// One process. The first death waits kFirstDelay, each further one twice as long, up to
// kLongestDelay; a life of kHealthyLife starts over. kMostDeaths within kWindow: no more.
class RestartPolicy {
 public:
  static constexpr Duration kFirstDelay = std::chrono::milliseconds(100);
  static constexpr Duration kLongestDelay = std::chrono::seconds(10);
  static constexpr Duration kWindow = std::chrono::seconds(60);
  static constexpr Duration kHealthyLife = std::chrono::seconds(60);
  static constexpr std::size_t kMostDeaths = 5;

  // It died at `now` after living since `started`. How long to wait; nothing: leave it down.
  std::optional<Duration> died(Instant started, Instant now);

  std::size_t deaths() const { return total_; }  // in all

 private:
  std::deque<Instant> recent_;
  Duration delay_ = kFirstDelay;
  std::size_t total_ = 0;
};

}  // namespace flow::flowctl
