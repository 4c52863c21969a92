// A bounded queue between exactly two threads: one pushes, one takes. No locks, no allocation after
// construction.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <utility>
#include <vector>

namespace flow {

template <typename T>
class SpscQueue {
 public:
  // Holds at least `capacity` items (rounded up to a power of two).
  explicit SpscQueue(std::size_t capacity)
      : slots_(std::bit_ceil(capacity < 2 ? 2 : capacity)), mask_(slots_.size() - 1) {}
  SpscQueue(const SpscQueue&) = delete;
  SpscQueue& operator=(const SpscQueue&) = delete;

  // Producer thread. False when full: the item is not taken.
  bool push(T item) {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - cached_head_ > mask_) {
      cached_head_ = head_.load(std::memory_order_acquire);
      if (tail - cached_head_ > mask_) return false;
    }
    slots_[tail & mask_] = std::move(item);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Consumer thread. Calls `each(T&)` for the items that are there now, in order; how many. Their
  // room is free when it returns.
  template <typename Each>
  std::size_t take_all(const Each& each) {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    const std::size_t tail = tail_.load(std::memory_order_acquire);
    for (std::size_t at = head; at != tail; ++at)
      each(slots_[at & mask_]);
    head_.store(tail, std::memory_order_release);
    return tail - head;
  }

 private:
  std::vector<T> slots_;  // a power of two of them
  const std::size_t mask_;
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
  std::size_t cached_head_ = 0;  // producer's
};

}  // namespace flow
