#include "flowctl/option_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>

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

Result<double> parse_rate_option(std::string_view text) {
  std::string_view number = trim(text);
  const bool thousands = number.ends_with('k');
  if (thousands) number.remove_suffix(1);
  double rate = 0;
  const char* end = number.data() + number.size();
  const auto [stopped, error] = std::from_chars(number.data(), end, rate, std::chars_format::fixed);
  if (error == std::errc() && stopped == end) {
    if (thousands) rate *= 1000;
    if (rate >= kSlowestRate && rate <= kFastestRate) return rate;
  }
  return Error{Errc::kInvalidArgument,
               fmt::format("rate \"{}\": expected requests a second, {} to {}k, like \"500\" or "
                           "\"2.5k\"",
                           text, kSlowestRate, kFastestRate / 1000)};
}

}  // namespace flow::flowctl
