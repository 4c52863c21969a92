#include "flowctl/restart_policy.h"

#include <algorithm>
#include <utility>

namespace flow::flowctl {

std::optional<Duration> RestartPolicy::died(Instant started, Instant now) {
  ++total_;
  recent_.push_back(now);
  while (now - recent_.front() >= kWindow)
    recent_.pop_front();
  if (recent_.size() >= kMostDeaths) return std::nullopt;
  if (now - started >= kHealthyLife) delay_ = kFirstDelay;
  return std::exchange(delay_, std::min(delay_ * 2, kLongestDelay));
}

}  // namespace flow::flowctl
