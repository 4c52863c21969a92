// Many deadlines, cheap to set and to cancel.
//
// A hashed wheel: 512 buckets of 10 ms; a deadline further away than one turn stays in its bucket
// and is looked at once a turn. Keys are small integers chosen by the owner (slots of its table),
// each with at most one deadline. Most deadlines are cancelled or moved further away long before
// they come: then nothing but the deadline is written, and the key stays where it is until its
// bucket is looked at. add, cancel: constant time, no allocation once `keys` have been seen. One
// thread. (Scheme 6 of Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987.)
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
    if (key >= timers_.size()) timers_.resize(key + 1U);
    Timer& timer = timers_[key];
    if (timer.due == kNever) ++size_;
    timer.due = due;
    const std::int64_t tick = tick_of(due);
    if (timer.tick > done_ && timer.tick <= tick) return;  // looked at before then
    if (timer.tick != kUnlinked) unlink(timer);
    link(key, tick);
  }

  void cancel(Key key) {
    if (key >= timers_.size() || timers_[key].due == kNever) return;
    timers_[key].due = kNever;
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
      passed_.clear();
      for (Key key = heads_[bucket_of(done_)]; key != kNone; key = timers_[key].next) {
        if (timers_[key].tick <= done_) passed_.push_back(key);
      }
      for (const Key key : passed_) {
        if (settle(key, now)) expired(key);
      }
    }
  }

  // When expire() should be called next; kNever when nothing is set.
  Instant next(Instant now) const { return size_ == 0 ? kNever : now + kResolution; }

  std::size_t size() const { return size_; }

 private:
  static constexpr std::int64_t kBuckets = 512;
  static constexpr Key kNone = 0xFFFFFFFF;
  static constexpr std::int64_t kUnlinked = -1;
  struct Timer {
    Instant due = kNever;           // kNever: none is set
    std::int64_t tick = kUnlinked;  // in whose bucket it is
    Key next = kNone;
    Key previous = kNone;
  };

  void link(Key key, std::int64_t tick) {
    Timer& timer = timers_[key];
    timer.tick = tick;
    timer.previous = kNone;
    Key& head = heads_[bucket_of(tick)];
    timer.next = head;
    if (head != kNone) timers_[head].previous = key;
    head = key;
  }

  void unlink(Timer& timer) {
    (timer.previous != kNone ? timers_[timer.previous].next : heads_[bucket_of(timer.tick)]) =
        timer.next;
    if (timer.next != kNone) timers_[timer.next].previous = timer.previous;
    timer.tick = kUnlinked;
  }

  // The tick of a key has passed: whether its deadline has come. If it is later the key moves on.
  bool settle(Key key, Instant now) {
    Timer& timer = timers_[key];
    if (timer.tick > done_) return false;  // set anew by what another one caused
    unlink(timer);
    if (timer.due == kNever) return false;
    if (timer.due > now) {
      link(key, tick_of(timer.due));
      return false;
    }
    cancel(key);
    return true;
  }

  // The tick at whose end a deadline is due: rounded up, so that nothing expires early.
  static std::int64_t tick_of(Instant instant) {
    return (instant.time_since_epoch().count() + kResolution.count() - 1) / kResolution.count();
  }
  static std::uint16_t bucket_of(std::int64_t tick) {
    return static_cast<std::uint16_t>(tick % kBuckets);
  }

  std::array<Key, kBuckets> heads_{};
  std::vector<Timer> timers_;
  std::vector<Key> passed_;
  std::int64_t done_ = 0;
  std::size_t size_ = 0;
};

}  // namespace flow
