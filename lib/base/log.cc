#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

namespace flow::log {
namespace {

constexpr std::size_t kMaxLine = 8192;

spdlog::level::level_enum native(Level level) {
  constexpr std::array kLevels = {spdlog::level::trace, spdlog::level::debug, spdlog::level::info,
                                  spdlog::level::warn,  spdlog::level::err,   spdlog::level::off};
  return kLevels[static_cast<std::size_t>(level)];
}

std::optional<Level> parse_level(std::string_view name) {
  constexpr std::array<std::string_view, 6> kNames = {"trace", "debug", "info",
                                                      "warn",  "error", "off"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Level>(i);
  }
  return std::nullopt;
}

void set_role(spdlog::logger& logger, std::string_view role) {
  std::string pattern = "%Y-%m-%dT%H:%M:%S.%eZ %l ";
  for (const char c : role)
    pattern.append(c == '%' ? 2 : 1, c);
  logger.set_pattern(pattern + " %v", spdlog::pattern_time_type::utc);
}

// The process has one stderr, so there is one logger; it exists from its first use on.
spdlog::logger& logger() {
  static const std::unique_ptr<spdlog::logger> instance = [] {
    auto made =
        std::make_unique<spdlog::logger>("flow", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_level(spdlog::level::warn);
    set_role(*made, "flow");
    return made;
  }();
  return *instance;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20;
}

// Whatever a message quotes, it stays one line.
std::string one_line(std::string_view line) {
  std::string safe(line.substr(0, kMaxLine));
  for (char& c : safe) {
    if (is_control(c)) c = ' ';
  }
  if (line.size() > kMaxLine) safe += " ...";
  return safe;
}

}  // namespace

void init(std::string_view role) {
  set_role(logger(), role);
  const char* wanted = std::getenv("FLOW_LOG");
  if (wanted == nullptr || *wanted == '\0') return;
  if (const std::optional<Level> level = parse_level(wanted)) {
    logger().set_level(native(*level));
  } else {
    warn("FLOW_LOG={} is no level; expected trace, debug, info, warn, error or off", wanted);
  }
}

bool enabled(Level level) {
  return level != Level::kOff && logger().should_log(native(level));
}

void write(Level level, std::string_view line) {
  if (line.size() <= kMaxLine && line.find_first_of("\n\r") == std::string_view::npos) {
    logger().log(native(level), spdlog::string_view_t(line.data(), line.size()));
  } else {
    const std::string safe = one_line(line);
    logger().log(native(level), spdlog::string_view_t(safe.data(), safe.size()));
  }
}

}  // namespace flow::log
