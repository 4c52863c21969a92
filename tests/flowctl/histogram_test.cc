#include "flowctl/histogram.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace flow::flowctl {

TEST_CASE("an empty histogram has no quantiles") {
  const Histogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.quantile(0.5) == 0);
  CHECK(histogram.mean() == 0);
}

TEST_CASE("small values are exact") {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 1000; ++value)
    histogram.record(value);
  CHECK(histogram.quantile(0.0) == 1);
  CHECK(histogram.quantile(0.5) == 500);
  CHECK(histogram.quantile(0.99) == 990);
  CHECK(histogram.quantile(1.0) == 1000);
  CHECK(histogram.max() == 1000);
  CHECK(histogram.mean() == doctest::Approx(500.5));
}

TEST_CASE("quantiles of any size are right to three digits, as sorting tells") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> distribution(12.0, 3.0);
  Histogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(
        std::min<std::uint64_t>(static_cast<std::uint64_t>(distribution(random)), 1ULL << 40));
    histogram.record(values.back());
  }
  std::ranges::sort(values);
  for (const double part : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(part * 20'000)) - 1;
    const auto exact = static_cast<double>(values[rank]);
    const auto found = static_cast<double>(histogram.quantile(part));
    CHECK(found >= exact);
    CHECK(found <= exact * 1.001 + 1);
  }
}

TEST_CASE("a bucket is at most a thousandth of its values wide, at every size") {
  for (int bits = 1; bits < 42; ++bits) {
    const std::uint64_t power = 1ULL << bits;
    for (const std::uint64_t value : {power - 1, power, power + power / 3}) {
      CAPTURE(value);
      Histogram histogram;
      histogram.record(value);
      histogram.record((1ULL << 42) - 1);  // so that the maximum does not cut the bucket
      CHECK(histogram.quantile(0.5) >= value);
      CHECK(histogram.quantile(0.5) - value <= value / 1000);
    }
  }
}

TEST_CASE("values past the largest count as the largest") {
  Histogram histogram;
  histogram.record(~0ULL);
  CHECK(histogram.count() == 1);
  CHECK(histogram.quantile(1) == histogram.max());
  CHECK(histogram.max() == (1ULL << 42) - 1);
}

}  // namespace flow::flowctl
