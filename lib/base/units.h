// Sizes and times with a unit, as flow files and options write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace flow {

// "16MiB" -> bytes. Units B KiB MiB GiB; a whole or decimal number before them, no space needed.
// kInvalidArgument says what was read and what is expected.
Result<std::uint64_t> parse_size(std::string_view text);

// "250us", "1.5s" -> Duration. Units us ms s m h.
Result<Duration> parse_duration(std::string_view text);

// For people: "1.5 s", "230 us", "12 MiB".
std::string format_duration(Duration duration);
std::string format_size(std::uint64_t bytes);

}  // namespace flow
