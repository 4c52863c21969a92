// JSON text to Value and back. Strict: one value, nothing behind it, valid UTF-8.
//
// Numbers without fraction or exponent are ints (outside of 64 bits: doubles), all others doubles.
// Duplicate keys are an error. Bounds: kJsonMaxDepth nested lists and maps.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/value.h"

namespace flow {

inline constexpr int kJsonMaxDepth = 64;

// kInvalidArgument with what is wrong and the column (1-based) in `text`.
Result<Value> parse_json(std::string_view text);

// On one line, no spaces. Doubles print shortest and keep a fraction or exponent (5.0), bytes print
// as base64, NaN and infinities as null. Invalid UTF-8 is replaced by U+FFFD.
std::string to_json(const Value& value);
void append_json(std::string& out, const Value& value);

// A JSON string literal with its quotes.
void append_json_string(std::string& out, std::string_view text);

// A number as JSON, shortest text that reads back the same.
void append_json_number(std::string& out, double value);
void append_json_number(std::string& out, float value);

// Standard base64 with padding. Decoding is strict; nothing for bad input.
std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

}  // namespace flow
