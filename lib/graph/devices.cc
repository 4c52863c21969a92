#include "graph/devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"

namespace flow::graph {
namespace {

constexpr std::int64_t kFar = std::int64_t{1} << 40;  // stands for every number beyond it

// Digits with an optional minus. What is too large for anything is kFar.
std::optional<std::int64_t> parse_number(std::string_view text) {
  text = trim(text);
  const bool negative = text.starts_with('-');
  const std::string_view digits = text.substr(negative ? 1 : 0);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (digits.empty() || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (code != std::errc{} || value > kFar) value = kFar;
  return negative ? -value : value;
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// GPU-8932f937-d72c-4106-c12f-20bd9faed9f6, MIG-GPU-8932f937-.../1/0
bool is_id(std::string_view text) {
  const auto fits = [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') ||
           std::string_view("-_./").find(c) != std::string_view::npos;
  };
  return !text.empty() && is_letter(text.front()) && std::ranges::all_of(text, fits);
}

bool exists(std::int64_t number, std::int64_t count) {
  return number >= -count && number < count;
}

Error bad(std::string message) {
  return Error{Errc::kInvalidArgument, std::move(message)};
}

std::string numbered(std::uint32_t count) {
  if (count == 0) return "no devices";
  return count == 1 ? "1 device (0)" : fmt::format("{} devices (0 to {})", count, count - 1);
}

}  // namespace

std::string_view DeviceSelector::examples() {
  return "RR (all), RR2, RR-1 (the last), RR0:2, RR::2, RR1,3 or RRGPU-8932f937,GPU-a1b2c3d4";
}

Result<DeviceSelector> DeviceSelector::parse(std::string_view value) {
  if (value.size() > kMaxSelectorBytes) {
    return bad(fmt::format("'{}...' has {} bytes, at most {} are possible", value.substr(0, 40),
                           value.size(), kMaxSelectorBytes));
  }
  Result<Selected> selected = parse_selected(trim(value.substr(2)));
  if (!selected) {
    return bad(fmt::format("'{}' selects no devices: {}", value, selected.error().message));
  }
  return DeviceSelector(value, *std::move(selected));
}

Result<DeviceSelector::Selected> DeviceSelector::parse_selected(std::string_view text) {
  const bool bracketed = text.size() > 1 && text.front() == '[' && text.back() == ']';
  if (bracketed) text = trim(text.substr(1, text.size() - 2));
  const bool slice = text.find(':') != std::string_view::npos || (text.empty() && !bracketed);
  const bool others = text.find_first_of("[]") != std::string_view::npos;
  if (others || (bracketed && !slice && !parse_number(text))) {
    return bad("brackets stand around one number or one slice");
  }
  return slice ? parse_slice(text) : parse_list(text);
}

Result<DeviceSelector::Selected> DeviceSelector::parse_slice(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, ':');
  if (parts.size() > 3) return bad("a slice has at most two colons");
  std::vector<std::optional<std::int64_t>> numbers(3);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (trim(parts[i]).empty()) continue;
    numbers[i] = parse_number(parts[i]);
    if (!numbers[i]) return bad(fmt::format("'{}' in a slice is no number", trim(parts[i])));
  }
  if (numbers[2] == 0) return bad("the step of a slice cannot be 0");
  const Slice slice{numbers[0], numbers[1], numbers[2].value_or(1)};
  for (std::uint32_t count = 1; count <= kMaxDevices; ++count) {
    if (!select(slice, count).empty()) return Selected(slice);
  }
  return bad("the slice is empty, however many devices there are");
}

Result<DeviceSelector::Selected> DeviceSelector::parse_list(std::string_view text) {
  Numbers numbers;
  Ids ids;
  for (const std::string_view entry : split(text, ',')) {
    const std::string_view item = trim(entry);
    const std::optional<std::int64_t> number = parse_number(item);
    if (item.empty()) return bad("an entry of the list is empty");
    if (!ids.empty() || (numbers.empty() && !number)) {
      if (!number && !is_id(item)) return bad(fmt::format("'{}' is no number and no UUID", item));
      ids.emplace_back(item);
      continue;
    }
    if (!number) return bad(fmt::format("'{}' is no number, the entry before it is", item));
    if (!exists(*number, kMaxDevices)) {
      return bad(fmt::format("a host has at most {} devices, not {}", kMaxDevices, item));
    }
    numbers.push_back(*number);
  }
  return ids.empty() ? Selected(std::move(numbers)) : Selected(std::move(ids));
}

// What Python's range(count)[start:stop:step] holds.
DeviceSelector::Numbers DeviceSelector::select(const Slice& slice, std::int64_t count) {
  const bool up = slice.step > 0;
  const std::int64_t least = up ? 0 : -1;
  const std::int64_t most = up ? count : count - 1;
  const auto clipped = [&](const std::optional<std::int64_t>& bound, std::int64_t open) {
    if (!bound) return open;
    return std::clamp(*bound < 0 ? *bound + count : *bound, least, most);
  };
  const std::int64_t start = clipped(slice.start, up ? least : most);
  const std::int64_t stop = clipped(slice.stop, up ? most : least);
  Numbers found;
  for (std::int64_t at = start; up ? at < stop : at > stop; at += slice.step)
    found.push_back(at);
  return found;
}

Result<std::vector<std::string>> DeviceSelector::devices(std::uint32_t count) const {
  if (const Ids* ids = std::get_if<Ids>(&selected_)) return *ids;
  const std::int64_t most = std::min(count, kMaxDevices);
  Numbers numbers;
  if (const Slice* slice = std::get_if<Slice>(&selected_)) {
    numbers = select(*slice, most);
    if (numbers.empty()) return bad(fmt::format("'{}' selects none of {}", text_, numbered(count)));
  } else {
    numbers = std::get<Numbers>(selected_);
  }
  std::vector<std::string> found;
  for (const std::int64_t number : numbers) {
    if (!exists(number, most)) {
      return bad(fmt::format("'{}' names device {}, but there {} {}", text_, number,
                             count == 1 ? "is" : "are", numbered(count)));
    }
    found.push_back(fmt::format("{}", number < 0 ? number + most : number));
  }
  return found;
}

Result<std::string> DeviceSelector::device(std::uint32_t replica, std::uint32_t count) const {
  Result<std::vector<std::string>> selected = devices(count);
  if (!selected) return std::move(selected).error();
  return (*selected)[replica % selected->size()];
}

}  // namespace flow::graph
