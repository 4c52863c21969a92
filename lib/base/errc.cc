#include "base/errc.h"

#include <array>

namespace flow {
namespace {

constexpr std::array<std::string_view, kErrcCount> kNames = {
    "OK",          "INVALID_ARGUMENT",  "NOT_FOUND",  "EXECUTOR_ERROR",
    "UNAVAILABLE", "DEADLINE_EXCEEDED", "OVERLOADED", "UNKNOWN_OUTCOME",
    "TOO_LARGE",   "CANCELLED",         "POISONED",   "INTERNAL"};

}  // namespace

std::string_view to_string(Errc code) {
  const auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? kNames[index] : "INTERNAL";
}

std::optional<Errc> parse_errc(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Errc>(i);
  }
  return std::nullopt;
}

}  // namespace flow
