#include "executors/vector-index/kernels.h"

#include <cstring>

#define FLOW_INLINE __attribute__((always_inline)) inline

namespace flow::executors {
namespace {

constexpr std::size_t kLane = 8;
constexpr std::size_t kUnroll = 4;
using Lane = float __attribute__((vector_size(kLane * sizeof(float))));

struct Product {
  static FLOW_INLINE void add(Lane& sum, const Lane& a, const Lane& b) { sum += a * b; }
  static FLOW_INLINE float one(float a, float b) { return a * b; }
};

struct SquaredDistance {
  static FLOW_INLINE void add(Lane& sum, const Lane& a, const Lane& b) {
    const Lane difference = a - b;
    sum += difference * difference;
  }
  static FLOW_INLINE float one(float a, float b) { return (a - b) * (a - b); }
};

FLOW_INLINE void load(Lane& lane, const float* from) {
  std::memcpy(&lane, from, sizeof lane);
}

template <typename Op>
FLOW_INLINE float row_score(const float* query, const float* row, std::size_t dim) {
  Lane sums[kUnroll] = {};
  Lane a;
  Lane b;
  std::size_t i = 0;
  for (; i + kUnroll * kLane <= dim; i += kUnroll * kLane) {
    for (std::size_t lane = 0; lane < kUnroll; ++lane) {
      load(a, query + i + lane * kLane);
      load(b, row + i + lane * kLane);
      Op::add(sums[lane], a, b);
    }
  }
  for (; i + kLane <= dim; i += kLane) {
    load(a, query + i);
    load(b, row + i);
    Op::add(sums[0], a, b);
  }
  const Lane total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  float sum = 0;
  for (std::size_t lane = 0; lane < kLane; ++lane)
    sum += total[lane];
  for (; i < dim; ++i)
    sum += Op::one(query[i], row[i]);
  return sum;
}

template <typename Op>
FLOW_INLINE void all_rows(const float* query, const float* rows, std::size_t count, std::size_t dim,
                          float* out) {
  for (std::size_t row = 0; row < count; ++row) {
    out[row] = row_score<Op>(query, rows + row * dim, dim);
  }
}

template <typename Op>
void plain(const float* query, const float* rows, std::size_t count, std::size_t dim, float* out) {
  all_rows<Op>(query, rows, count, dim, out);
}

#if defined(__x86_64__)
template <typename Op>
__attribute__((target("avx2,fma"))) void with_avx2(const float* query, const float* rows,
                                                   std::size_t count, std::size_t dim, float* out) {
  all_rows<Op>(query, rows, count, dim, out);
}

bool has_avx2() {
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
}
#endif

template <typename Op>
RowKernel best() {
#if defined(__x86_64__)
  if (has_avx2()) return &with_avx2<Op>;
#endif
  return &plain<Op>;
}

}  // namespace

RowKernel dot_kernel() {
  return best<Product>();
}
RowKernel squared_distance_kernel() {
  return best<SquaredDistance>();
}

}  // namespace flow::executors
