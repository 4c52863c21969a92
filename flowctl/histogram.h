// A histogram of times with three significant digits at any size, in constant memory. A value; one
// thread.
//
// Values below 2,048 have a bucket each; above, every doubling is divided into 1,024 buckets, so a
// bucket is at most 0.1 % wide. Values past the largest (2^42 - 1: 73 minutes in nanoseconds) count
// as it. 270 KB, whatever is recorded.
#pragma once

#include <cstdint>
#include <vector>

namespace flow::flowctl {

class Histogram {
 public:
  Histogram();

  void record(std::uint64_t value);

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }
  double mean() const;

  // The smallest value that at least `part` (0..1) of all values do not exceed, rounded up to its
  // bucket's end, never above max(); 0 when there are none.
  std::uint64_t quantile(double part) const;

 private:
  static std::size_t index_of(std::uint64_t value);
  static std::uint64_t end_of(std::size_t index);

  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace flow::flowctl
