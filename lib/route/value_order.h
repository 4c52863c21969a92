// How a filter compares values: numbers by value whatever their kind (true is 1), strings by code
// point, lists item by item, maps only for being equal.
#pragma once

#include <cstdint>

#include "wire/value_view.h"

namespace flow::route {

// Never fails: values of different kinds are different. What is nested deeper than kMaxCompareDepth
// is different too.
bool same_value(const wire::ValueView& a, const wire::ValueView& b);

// kUnordered: a number that is none (NaN). kClash: no order is defined between these two.
enum class ValueOrder : std::uint8_t { kLess, kEqual, kGreater, kUnordered, kClash };

inline constexpr int kMaxCompareDepth = 100;

ValueOrder order_of(const wire::ValueView& a, const wire::ValueView& b);

}  // namespace flow::route
