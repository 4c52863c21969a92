// Counts the requests in flight, and lets threads wait for room.
//
// Any thread. enter and leave are one atomic operation each while nobody waits.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "base/time.h"

namespace flow::client {

class Gate {
 public:
  explicit Gate(std::uint32_t limit) : limit_(limit) {}

  // Lowers or raises the limit; those inside stay.
  void set_limit(std::uint32_t limit);
  std::uint32_t limit() const { return limit_.load(std::memory_order_relaxed); }

  // Takes a place; false when there is none.
  bool try_enter();

  // Waits for a place, at most `patience`; false when none came.
  bool enter(Duration patience);

  void leave();

 private:
  std::atomic<std::uint32_t> limit_;
  std::atomic<std::uint32_t> inside_{0};
  std::atomic<std::uint32_t> waiting_{0};
  std::mutex mutex_;
  std::condition_variable room_;
};

}  // namespace flow::client
