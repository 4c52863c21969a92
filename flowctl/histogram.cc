#include "flowctl/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace flow::flowctl {
namespace {

constexpr int kExactBits = 11;
constexpr std::uint64_t kExact = 1ULL << kExactBits;  // values with a bucket of their own
constexpr std::uint64_t kHalf = kExact / 2;
constexpr int kMaxBits = 42;
constexpr std::uint64_t kLargest = (1ULL << kMaxBits) - 1;

}  // namespace

Histogram::Histogram() : buckets_(kExact + (kMaxBits - kExactBits) * kHalf) {}

std::size_t Histogram::index_of(std::uint64_t value) {
  if (value < kExact) return value;
  const int shift = static_cast<int>(std::bit_width(value)) - kExactBits;
  return kExact + static_cast<std::size_t>(shift - 1) * kHalf + ((value >> shift) - kHalf);
}

std::uint64_t Histogram::end_of(std::size_t index) {
  if (index < kExact) return index;
  const std::size_t above = index - kExact;
  const auto shift = static_cast<int>(above / kHalf) + 1;
  const std::uint64_t step = kHalf + above % kHalf;
  return ((step + 1) << shift) - 1;
}

void Histogram::record(std::uint64_t value) {
  value = std::min(value, kLargest);
  ++buckets_[index_of(value)];
  ++count_;
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value);
}

double Histogram::mean() const {
  return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

std::uint64_t Histogram::quantile(double part) const {
  const double wanted = std::ceil(std::clamp(part, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::max<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(end_of(i), max_);
  }
  return max_;
}

}  // namespace flow::flowctl
