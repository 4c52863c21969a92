#include "route/value_order.h"

#include <algorithm>
#include <cmath>
#include <compare>
#include <unordered_map>

namespace flow::route {
namespace {

using wire::ValueView;
using Kind = ValueView::Kind;

constexpr std::size_t kFewKeys = 32;

bool is_integer(Kind kind) {
  return kind == Kind::kBool || kind == Kind::kInt;
}

bool is_number(Kind kind) {
  return is_integer(kind) || kind == Kind::kDouble;
}

ValueOrder order_from(std::partial_ordering order) {
  if (order == std::partial_ordering::unordered) return ValueOrder::kUnordered;
  if (order == std::partial_ordering::equivalent) return ValueOrder::kEqual;
  return order == std::partial_ordering::less ? ValueOrder::kLess : ValueOrder::kGreater;
}

// Exact, also where an integer has no double of its own.
std::partial_ordering order_mixed(std::int64_t a, double b) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (std::isnan(b)) return std::partial_ordering::unordered;
  if (b >= kTwoTo63) return std::partial_ordering::less;
  if (b < -kTwoTo63) return std::partial_ordering::greater;
  const double whole = std::trunc(b);
  const auto integer = static_cast<std::int64_t>(whole);
  if (a != integer) return a <=> integer;
  return whole <=> b;
}

std::partial_ordering order_numbers(const ValueView& a, const ValueView& b) {
  if (is_integer(a.kind()) && is_integer(b.kind())) return a.integer() <=> b.integer();
  if (is_integer(a.kind())) return order_mixed(a.integer(), b.number());
  if (is_integer(b.kind())) return 0 <=> order_mixed(b.integer(), a.number());
  return a.number() <=> b.number();
}

bool same(const ValueView& a, const ValueView& b, int depth);

bool same_maps(const ValueView& a, const ValueView& b, int depth) {
  if (a.size() != b.size()) return false;
  std::unordered_map<std::string_view, std::size_t> places;
  if (b.size() > kFewKeys) {
    for (std::size_t i = 0; i < b.size(); ++i)
      places.emplace(b.key(i), i);
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t at = i;
    if (b.key(i) != a.key(i) && b.size() > kFewKeys) {
      const auto found = places.find(a.key(i));
      at = found == places.end() ? b.size() : found->second;
    } else if (b.key(i) != a.key(i)) {
      for (at = 0; at < b.size() && b.key(at) != a.key(i);)
        ++at;
    }
    if (at == b.size() || !same(a.item(i), b.item(at), depth)) return false;
  }
  return true;
}

bool same_lists(const ValueView& a, const ValueView& b, int depth) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same(a.item(i), b.item(i), depth)) return false;
  }
  return true;
}

bool same(const ValueView& a, const ValueView& b, int depth) {
  if (is_number(a.kind()) && is_number(b.kind())) {
    return order_numbers(a, b) == std::partial_ordering::equivalent;
  }
  if (a.kind() != b.kind() || depth == 0) return false;
  switch (a.kind()) {
    case Kind::kNull: return true;
    case Kind::kString:
    case Kind::kBytes: return a.text() == b.text();
    case Kind::kList: return same_lists(a, b, depth - 1);
    case Kind::kMap: return same_maps(a, b, depth - 1);
    default: return a.same_place(b);
  }
}

ValueOrder order(const ValueView& a, const ValueView& b, int depth) {
  if (is_number(a.kind()) && is_number(b.kind())) return order_from(order_numbers(a, b));
  if (a.kind() != b.kind() || depth == 0) return ValueOrder::kClash;
  if (a.kind() == Kind::kString || a.kind() == Kind::kBytes) {
    return order_from(a.text() <=> b.text());
  }
  if (a.kind() != Kind::kList) return ValueOrder::kClash;
  const std::size_t both = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < both; ++i) {
    const ValueView left = a.item(i);
    const ValueView right = b.item(i);
    if (!same(left, right, depth - 1)) return order(left, right, depth - 1);
  }
  return order_from(a.size() <=> b.size());
}

}  // namespace

bool same_value(const ValueView& a, const ValueView& b) {
  return same(a, b, kMaxCompareDepth);
}

ValueOrder order_of(const ValueView& a, const ValueView& b) {
  return order(a, b, kMaxCompareDepth);
}

}  // namespace flow::route
