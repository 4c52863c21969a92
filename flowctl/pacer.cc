#include "flowctl/pacer.h"

#include <algorithm>

#include "base/check.h"

namespace flow::flowctl {

Pacer::Pacer(const Pace& pace, Instant began)
    : pace_(pace), began_(began), interval_ns_(1e9 / pace.rate) {
  FLOW_CHECK(pace.rate > 0 && pace.limit > 0, "a pace has a rate and room for a request");
  total_ = static_cast<std::uint64_t>(static_cast<double>(pace_.duration.count()) / interval_ns_);
  while (due_at(total_) < began_ + pace_.duration)
    ++total_;
  while (total_ > 1 && due_at(total_ - 1) >= began_ + pace_.duration)
    --total_;
  total_ = std::max<std::uint64_t>(total_, 1);
}

Instant Pacer::due_at(std::uint64_t number) const {
  return began_ + Duration(static_cast<std::int64_t>(static_cast<double>(number) * interval_ns_));
}

std::uint64_t Pacer::due_by(Instant now) const {
  if (now < began_) return 0;
  const double passed = static_cast<double>((now - began_).count()) / interval_ns_;
  std::uint64_t due = std::min(static_cast<std::uint64_t>(passed), total_);
  while (due > 0 && due_at(due - 1) > now)
    --due;
  while (due < total_ && due_at(due) <= now)
    ++due;
  return due;
}

Pacer::Step Pacer::step(Instant now) {
  Step step;
  const std::uint64_t due = due_by(now);
  const std::uint64_t hopeless = due_by(now - pace_.patience);
  if (hopeless > next_) {
    step.given_up = hopeless - next_;
    next_ = hopeless;
  }
  step.first = next_;
  step.count = std::min<std::uint64_t>(due - next_, pace_.limit - in_flight_);
  step.waited = std::min(std::max(waited_until_, next_) - next_, step.count);
  next_ += step.count;
  in_flight_ += step.count;
  if (next_ < due) waited_until_ = due;
  if (next_ < total_) step.next = full() ? due_at(next_) + pace_.patience : due_at(next_);
  return step;
}

bool Pacer::ended(Instant now) {
  FLOW_CHECK(in_flight_ > 0, "only what is in flight ends");
  const std::uint64_t due = due_by(now);
  if (full()) waited_until_ = std::max(waited_until_, due);
  --in_flight_;
  return next_ < due || over();
}

}  // namespace flow::flowctl
