// The process's log: one line an event, `time level role message key=value …` on stderr.
//
// Any thread. Nothing per message above debug. The level comes from FLOW_LOG (trace, debug, info,
// warn, error, off), default warn. spdlog lives only behind this header.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace flow::log {

enum class Level { kTrace, kDebug, kInfo, kWarn, kError, kOff };

// Sets the name in front of each line and reads FLOW_LOG. Call once, in main, before threads start.
void init(std::string_view role);

bool enabled(Level level);
void write(Level level, std::string_view line);

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kDebug))
    write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kInfo)) write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kWarn)) write(Level::kWarn, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kError))
    write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace flow::log
