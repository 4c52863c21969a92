// The best k of many scored slots.
//
// Higher scores are better; of equal scores the lower slot (the older document) is. Bounded by k,
// which is at least 1. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "executors/index_store/document_store.h"

namespace flow::executors {

struct Hit {
  double score = 0;
  Slot slot = 0;
};

inline bool better(const Hit& a, const Hit& b) {
  return a.score != b.score ? a.score > b.score : a.slot < b.slot;
}

class TopK {
 public:
  explicit TopK(std::size_t k) : k_(k) {}

  // Whether a hit with this score might be kept.
  bool wants(double score) const { return hits_.size() < k_ || score >= hits_.front().score; }

  void offer(Hit hit) {
    if (hits_.size() < k_) {
      hits_.push_back(hit);
    } else if (better(hit, hits_.front())) {
      std::pop_heap(hits_.begin(), hits_.end(), better);
      hits_.back() = hit;
    } else {
      return;
    }
    std::push_heap(hits_.begin(), hits_.end(), better);
  }

  // The score that a hit must reach once k are known; minus infinity before.
  double bar() const {
    return hits_.size() < k_ ? -std::numeric_limits<double>::infinity() : hits_.front().score;
  }

  // All kept hits, best first.
  std::vector<Hit> take() {
    std::sort_heap(hits_.begin(), hits_.end(), better);
    return std::move(hits_);
  }

 private:
  std::size_t k_;
  std::vector<Hit> hits_;  // a heap with the worst in front
};

}  // namespace flow::executors
