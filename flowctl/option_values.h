// What options accept as a time, a size or a rate. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace flow::flowctl {

// The longest time an option takes: a year. Clock arithmetic stays far from its end.
inline constexpr Duration kLongestOption = std::chrono::hours(8760);

// The largest size an option takes: what `max_request` of a flow may be at most.
inline constexpr std::uint64_t kLargestOption = 512ULL << 20;

// Requests a second: one in a thousand seconds to a million.
inline constexpr double kSlowestRate = 0.001;
inline constexpr double kFastestRate = 1e6;

// "1.5s"; from 0 to kLongestOption. kInvalidArgument says what is expected.
Result<Duration> parse_duration_option(std::string_view text);

// "4KiB", or plain bytes, "128"; from 0 to kLargestOption. kInvalidArgument says what is expected.
Result<std::uint64_t> parse_size_option(std::string_view text);

// "500", "0.5", "2.5k" (thousands); from kSlowestRate to kFastestRate. kInvalidArgument says what
// is expected.
Result<double> parse_rate_option(std::string_view text);

}  // namespace flow::flowctl
