// What people see: data on stdout, narration on stderr, colour only on a terminal.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace flow::flowctl {

// Whether to colour what goes to the descriptor: a terminal, TERM not "dumb", NO_COLOR not set.
bool use_color(int fd);
bool is_terminal(int fd);
int terminal_width(int fd);  // 80 when it is none

// Writes all of `text` to stdout. Otherwise the caller ends: the reader is gone (broken pipe), or
// writing failed (the disk is full), which is said on stderr.
enum class Written { kAll, kReaderGone, kFailed };
Written write_output(std::string_view text);
bool write_out(std::string_view text);  // whether it was all

// One line of narration: "flowctl: " in front, a line break behind.
void say_line(std::string_view line);

template <typename... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  say_line(fmt::format(format, std::forward<Args>(args)...));
}

// `text` with control characters shown as '?', so that data cannot steer a terminal.
std::string harmless(std::string_view text);

}  // namespace flow::flowctl
