// Many deadlines, cheap to set and to cancel.
//
// A hashed wheel: 512 buckets of 10 ms; a deadline further away than one turn stays in its bucket
// and is looked at once a turn. Keys are small integers chosen by the owner (slots of its table),
// each with at most one deadline. add, cancel: constant time, no allocation once `keys` have been
// seen. One thread. (Scheme 6 of Varghese and Lauck, "Hashed and Hierarchical Timing Wheels",
// 1987.)
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "base/time.h"

namespace flow {

class TimerWheel {
 public:
  using Key = std::uint32_t;
  static constexpr Duration kResolution = std::chrono::milliseconds(10);

  TimerWheel() { heads_.fill(kNone); }

  // Sets or moves the deadline of `key`.
  void add(Key key, Instant due) {
    cancel(key);
    if (key >= timers_.size()) timers_.resize(key + 1U);
    Timer& timer = timers_[key];
    timer.due = due;
    timer.set = true;
    timer.previous = kNone;
    timer.bucket = bucket_of(tick_of(due));
    Key& head = heads_[timer.bucket];
    timer.next = head;
    if (head != kNone) timers_[head].previous = key;
    head = key;
    ++size_;
  }

  void cancel(Key key) {
    if (key >= timers_.size() || !timers_[key].set) return;
    Timer& timer = timers_[key];
    if (timer.previous != kNone) {
      timers_[timer.previous].next = timer.next;
    } else {
      heads_[timer.bucket] = timer.next;
    }
    if (timer.next != kNone) timers_[timer.next].previous = timer.previous;
    timer.set = false;
    --size_;
  }

  // Calls `expired(key)` for every deadline that has come, at most one resolution late. `expired`
  // may add and cancel.
  template <typename Expired>
  void expire(Instant now, Expired&& expired) {
    const std::int64_t until = now.time_since_epoch() / kResolution;
    if (size_ == 0 || until - done_ > kBuckets) done_ = until - (size_ == 0 ? 0 : kBuckets);
    while (done_ < until) {
      ++done_;
      due_.clear();
      for (Key key = heads_[bucket_of(done_)]; key != kNone; key = timers_[key].next) {
        if (timers_[key].due <= now) due_.push_back(key);
      }
      for (const Key key : due_) {
        if (!timers_[key].set || timers_[key].due > now) continue;
        cancel(key);
        expired(key);
      }
    }
  }

  // When expire() should be called next; kNever when nothing is set.
  Instant next(Instant now) const { return size_ == 0 ? kNever : now + kResolution; }

  std::size_t size() const { return size_; }

 private:
  static constexpr std::int64_t kBuckets = 512;
  static constexpr Key kNone = 0xFFFFFFFF;
  struct Timer {
    Instant due{};
    Key next = kNone;
    Key previous = kNone;
    std::uint16_t bucket = 0;
    bool set = false;
  };

  // The tick at whose end a deadline is due: rounded up, so that nothing expires early.
  static std::int64_t tick_of(Instant instant) {
    return (instant.time_since_epoch().count() + kResolution.count() - 1) / kResolution.count();
  }
  static std::uint16_t bucket_of(std::int64_t tick) {
    return static_cast<std::uint16_t>(tick % kBuckets);
  }

  std::array<Key, kBuckets> heads_{};
  std::vector<Timer> timers_;
  std::vector<Key> due_;
  std::int64_t done_ = 0;
  std::size_t size_ = 0;
};

}  // namespace flow
