// Between the sources that parse a query.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "graph/query.h"

namespace flow::graph::internal {

// A set of kinds a value may have. Bools count as numbers.
using Kinds = std::uint8_t;
inline constexpr Kinds kNullKind = 1;
inline constexpr Kinds kNumberKind = 2;
inline constexpr Kinds kTextKind = 4;
inline constexpr Kinds kBytesKind = 8;
inline constexpr Kinds kListKind = 16;
inline constexpr Kinds kMapKind = 32;
inline constexpr Kinds kOtherKind = 64;  // a whole chunk, match or score
inline constexpr Kinds kAnyKind = 127;

struct PathProblem {
  std::string message;
  std::string hint;
};

// A path and what may be there.
struct TypedPath {
  FieldPath path;
  Kinds kinds = kAnyKind;
};
std::variant<TypedPath, PathProblem> parse_path(std::string_view text);

Kinds kinds_of(const Value& value);

// "a string or a list", for messages.
std::string words(Kinds kinds);

// Why no value of the kinds `left` passes `op` with an operand of the kinds `right`; empty when one
// may.
std::string misfit(Operator op, Kinds left, Kinds right);

// A right use of `op`, of the field that holds `left` if there is one: "as in { text = ... }".
std::string example_of(Operator op, std::string_view field, Kinds left);

}  // namespace flow::graph::internal
