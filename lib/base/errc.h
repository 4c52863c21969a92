// The status codes a request can end with, and the codes every Error carries.
//
// They travel on the wire and are printed by name; append only.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace flow {

enum class Errc : std::uint8_t {
  kOk = 0,
  kInvalidArgument = 1,   // the request or input is wrong; repeating it will not help
  kNotFound = 2,          // a named thing does not exist
  kExecutorError = 3,     // an executor's handler failed
  kUnavailable = 4,       // nobody alive can do it now
  kDeadlineExceeded = 5,  // the time allowed ran out
  kOverloaded = 6,        // refused at the front door; try again later
  kUnknownOutcome = 7,    // it may or may not have been executed
  kTooLarge = 8,          // above a size limit
  kCancelled = 9,         // the caller gave up
  kPoisoned = 10,         // refused after killing two instances
  kInternal = 11,         // a fault of ours
};

inline constexpr int kErrcCount = 12;

// The contract's spelling, "DEADLINE_EXCEEDED"; "INTERNAL" for a value out of range.
std::string_view to_string(Errc code);

// Inverse of to_string, exact spelling; nothing for any other text.
std::optional<Errc> parse_errc(std::string_view name);

}  // namespace flow
