#include "flowctl/option_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/text.h"
#include "base/units.h"

namespace flow::flowctl {

Result<Duration> parse_duration_option(std::string_view text) {
  Result<Duration> parsed = parse_duration(text);
  if (!parsed || *parsed <= kLongestOption) return parsed;
  return Error{Errc::kInvalidArgument,
               fmt::format("time \"{}\": too long; expected at most 8760h", text)};
}

Result<std::uint64_t> parse_size_option(std::string_view text) {
  const std::string_view trimmed = trim(text);
  const bool plain =
      !trimmed.empty() && std::ranges::all_of(trimmed, [](char c) { return c >= '0' && c <= '9'; });
  Result<std::uint64_t> parsed = parse_size(plain ? std::string(trimmed) + "B" : std::string(text));
  if (!parsed || *parsed <= kLargestOption) return parsed;
  return Error{Errc::kInvalidArgument,
               fmt::format("size \"{}\": too large; expected at most 512MiB", text)};
}

}  // namespace flow::flowctl
