// The best k of many scored slots.
//
// Higher scores are better; of equal scores the older document is: by the versions of the writes,
// which are the same on all replicas, then by slot. Bounded by k, which is at least 1. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "executors/index_store/index_view.h"
#include "executors/index_store/record_body.h"

namespace flow::executors {

struct Hit {
  double score = 0;
  Slot slot = 0;
};

class TopK {
 public:
  // `versions`: by slot, outlives it; none: by slot alone.
  explicit TopK(std::size_t k, Versions versions = {}) : k_(k), order_{versions} {}

  // Whether a hit with this score might be kept.
  bool wants(double score) const { return hits_.size() < k_ || score >= hits_.front().score; }

  void offer(Hit hit) {
    if (hits_.size() < k_) {
      hits_.push_back(hit);
    } else if (order_(hit, hits_.front())) {
      std::pop_heap(hits_.begin(), hits_.end(), order_);
      hits_.back() = hit;
    } else {
      return;
    }
    std::push_heap(hits_.begin(), hits_.end(), order_);
  }

  // The score that a hit must reach once k are known; minus infinity before.
  double bar() const {
    return hits_.size() < k_ ? -std::numeric_limits<double>::infinity() : hits_.front().score;
  }

  // All kept hits, best first.
  std::vector<Hit> take() {
    std::sort_heap(hits_.begin(), hits_.end(), order_);
    return std::move(hits_);
  }

 private:
  // Whether a is the better one.
  struct Order {
    Versions versions;
    bool operator()(const Hit& a, const Hit& b) const {
      if (a.score != b.score) return a.score > b.score;
      if (versions.empty() || versions[a.slot] == versions[b.slot]) return a.slot < b.slot;
      return versions[a.slot] < versions[b.slot];
    }
  };

  std::size_t k_;
  Order order_;
  std::vector<Hit> hits_;  // a heap with the worst in front
};

}  // namespace flow::executors
