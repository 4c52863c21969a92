// The inner loops of the vector index: one query against many rows of numbers.
//
// Written once over groups of eight numbers, compiled for plain x86-64 and for AVX2 with FMA; the
// fastest that the processor has is picked at run time. Results may differ in the last digits.
#pragma once

#include <cstddef>

namespace flow::executors {

// out[i] = the product, or the squared distance, of `query` and row i of `rows` (rows x dim).
using RowKernel = void (*)(const float* query, const float* rows, std::size_t count,
                           std::size_t dim, float* out);

RowKernel dot_kernel();
RowKernel squared_distance_kernel();

}  // namespace flow::executors
