#include "base/units.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <optional>
#include <span>

#include "base/text.h"

namespace flow {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 4> kSizes = {
    {{"B", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}}};
constexpr std::array<Unit, 5> kTimes = {{{"us", 1'000},
                                         {"ms", 1'000'000},
                                         {"s", 1'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"h", 3'600'000'000'000}}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

const Unit* find_unit(std::span<const Unit> units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

// "12.5" times `factor`, rounded down; nothing when it is no number or exceeds `limit`.
std::optional<std::uint64_t> scaled(std::string_view number, std::uint64_t factor,
                                    std::uint64_t limit) {
  const std::size_t dot = number.find('.');
  const std::string_view whole = number.substr(0, dot);
  const std::string_view fraction =
      dot == std::string_view::npos ? std::string_view() : number.substr(dot + 1);
  if (whole.empty() || (dot != std::string_view::npos && fraction.empty())) return std::nullopt;
  std::uint64_t result = 0;
  for (const char c : whole) {
    if (!is_digit(c) || result > (limit - 9) / 10) return std::nullopt;
    result = result * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (result > limit / factor) return std::nullopt;
  result *= factor;
  double part = 0;
  double place = 0.1;
  for (const char c : fraction) {
    if (!is_digit(c)) return std::nullopt;
    part += place * (c - '0');
    place /= 10;
  }
  const auto rest = static_cast<std::uint64_t>(part * static_cast<double>(factor) + 1e-6);
  if (rest > limit - result) return std::nullopt;
  return result + rest;
}

struct Kind {
  std::string_view name;      // "size"
  std::string_view expected;  // what a right one looks like
  std::span<const Unit> units;
  std::uint64_t limit;
};

Result<std::uint64_t> parse_with_unit(std::string_view text, const Kind& kind) {
  const auto bad = [&](std::string_view why) {
    return Error{Errc::kInvalidArgument,
                 fmt::format("{} \"{}\": {}; expected {}", kind.name, text, why, kind.expected)};
  };
  const std::string_view trimmed = trim(text);
  std::size_t end = 0;
  while (end < trimmed.size() && (is_digit(trimmed[end]) || trimmed[end] == '.'))
    ++end;
  if (end == 0) return bad("no number in front");
  const std::string_view name = trim(trimmed.substr(end));
  if (name.empty()) return bad("the unit is missing");
  const Unit* unit = find_unit(kind.units, name);
  if (unit == nullptr) return bad(fmt::format("unknown unit \"{}\"", name));
  const auto value = scaled(trimmed.substr(0, end), unit->factor, kind.limit);
  if (!value) return bad("no number, or too large");
  return *value;
}

// The largest unit the amount reaches, with at most one decimal.
std::string format_with_unit(double amount, std::span<const Unit> units) {
  const Unit* unit = &units.front();
  for (const Unit& candidate : units) {
    if (amount >= static_cast<double>(candidate.factor)) unit = &candidate;
  }
  std::string number = fmt::format("{:.1f}", amount / static_cast<double>(unit->factor));
  if (number.ends_with(".0")) number.resize(number.size() - 2);
  return fmt::format("{} {}", number, unit->name);
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  return parse_with_unit(text, {.name = "size",
                                .expected = "a number with B, KiB, MiB or GiB, like \"16MiB\"",
                                .units = kSizes,
                                .limit = std::numeric_limits<std::uint64_t>::max()});
}

Result<Duration> parse_duration(std::string_view text) {
  Result<std::uint64_t> nanoseconds = parse_with_unit(
      text, {.name = "time",
             .expected = "a number with us, ms, s, m or h, like \"1.5s\"",
             .units = kTimes,
             .limit = static_cast<std::uint64_t>(std::numeric_limits<Duration::rep>::max())});
  if (!nanoseconds) return std::move(nanoseconds).error();
  return Duration(static_cast<Duration::rep>(*nanoseconds));
}

std::string format_duration(Duration duration) {
  if (duration == Duration::max()) return "unlimited";
  const auto nanoseconds = static_cast<double>(duration.count());
  return nanoseconds < 0 ? "-" + format_with_unit(-nanoseconds, kTimes)
                         : format_with_unit(nanoseconds, kTimes);
}

std::string format_size(std::uint64_t bytes) {
  return format_with_unit(static_cast<double>(bytes), kSizes);
}

}  // namespace flow
