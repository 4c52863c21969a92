// Which requests of an open loop are sent when: at a fixed rate, whatever comes back. Pure.
//
// Request k is due k / rate after the beginning: the first at once, the last before the duration is
// over. Times are absolute, so a late step delays nothing behind it: all that is due by then is
// sent at once. At most `limit` requests are in flight. What is due when there is no room waits in
// order, and is given up when its patience, counted from due, is over. Waiting requests are
// numbers, not a queue: however far the flow falls behind, memory stays the same.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace flow::flowctl {

struct Pace {
  double rate = 1;  // requests a second, kSlowestRate to kFastestRate
  Duration duration{};
  Duration patience{};
  std::size_t limit = 1;
};

class Pacer {
 public:
  Pacer(const Pace& pace, Instant began);

  struct Step {
    std::uint64_t first = 0;     // send requests first to first + count - 1 now;
    std::uint64_t count = 0;     // they are in flight from now on,
    std::uint64_t waited = 0;    // and the first so many of them were due when there was no room
    std::uint64_t given_up = 0;  // so many before them are never sent
    Instant next = kNever;       // nothing is to be done before, unless one in flight ends
  };
  Step step(Instant now);

  // One in flight has ended. Whether to call step() now: others wait for its room, or all is over.
  bool ended(Instant now);

  // Every request was sent and has ended, or was given up.
  bool over() const { return next_ == total_ && in_flight_ == 0; }

  Instant due_at(std::uint64_t number) const;
  std::uint64_t total() const { return total_; }

 private:
  std::uint64_t due_by(Instant now) const;  // how many
  bool full() const { return in_flight_ >= pace_.limit; }

  const Pace pace_;
  const Instant began_;
  const double interval_ns_;
  std::uint64_t total_ = 1;
  std::uint64_t next_ = 0;          // neither sent nor given up
  std::uint64_t waited_until_ = 0;  // requests below were due when there was no room
  std::size_t in_flight_ = 0;
};

}  // namespace flow::flowctl
