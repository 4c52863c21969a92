#include "config/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace flow::config {
namespace {

using graph::Diagnostic;
using graph::Severity;

constexpr std::size_t kMaxShown = 120;  // bytes of a line

struct Paint {
  std::string_view bold, red, yellow, cyan, off;
};
constexpr Paint kPlain = {"", "", "", "", ""};
constexpr Paint kColored = {"\x1b[1m", "\x1b[1;31m", "\x1b[1;33m", "\x1b[36m", "\x1b[0m"};

std::string_view line_of(std::string_view text, std::uint32_t number) {
  for (std::uint32_t line = 1; line < number; ++line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// The byte where character `column` (from 1) begins.
std::size_t offset_of(std::string_view line, std::uint32_t column) {
  std::size_t at = 0;
  for (std::uint32_t i = 1; i < column && at < line.size(); ++i) {
    ++at;
    while (at < line.size() && continues(line[at]))
      ++at;
  }
  return at;
}

// A terminal must not be steered by a file: control characters are shown as '?'.
std::string harmless(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(
      out, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; },
      '?');
  return out;
}

// The line (a window of it, if it is long) and a mark under the place.
std::string marked_line(std::string_view text, const Diagnostic& found, const Paint& paint) {
  std::string_view line = line_of(text, found.place.line);
  std::size_t at = offset_of(line, found.place.column);
  std::string_view before_cut;
  if (line.size() > kMaxShown) {
    std::size_t from = at > kMaxShown / 2 ? at - kMaxShown / 2 : 0;
    while (from > 0 && continues(line[from]))
      --from;
    std::size_t count = std::min(kMaxShown, line.size() - from);
    while (from + count < line.size() && continues(line[from + count]))
      ++count;
    before_cut = from > 0 ? "..." : "";
    line = line.substr(from, count);
    at -= from;
  }
  std::string indent(before_cut.size(), ' ');
  for (const char c : line.substr(0, at)) {
    if (c == '\t') indent += '\t';
    if (c != '\t' && !continues(c)) indent += ' ';
  }
  return fmt::format("{0:>5} | {1}{2}\n      | {3}{4}^{5}\n", found.place.line, before_cut,
                     harmless(line), indent, paint.cyan, paint.off);
}

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += c == '\n' ? std::string("  ") : std::string(1, c);
  return harmless(out);
}

void append(std::string& out, const LoadResult& result, const Diagnostic& found,
            const Paint& paint) {
  const bool error = found.severity == Severity::kError;
  const std::string place =
      found.place.line == 0
          ? harmless(result.file)
          : fmt::format("{}:{}:{}", harmless(result.file), found.place.line, found.place.column);
  out += fmt::format("{}{}:{} {}{}[{}]{}: {}\n", paint.bold, place, paint.off,
                     error ? paint.red : paint.yellow, error ? "error" : "warning", found.code,
                     paint.off, one_line(found.message));
  if (found.place.line != 0 && !result.text.empty()) {
    out += marked_line(result.text, found, paint);
  }
  if (!found.hint.empty()) {
    out += fmt::format("{}hint:{} {}\n", paint.cyan, paint.off, one_line(found.hint));
  }
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

std::string report_text(const LoadResult& result, bool color) {
  const Paint& paint = color ? kColored : kPlain;
  std::string out;
  std::size_t errors = 0;
  std::size_t warnings = 0;
  for (const Diagnostic& found : result.diagnostics.all()) {
    append(out, result, found, paint);
    ++(found.severity == Severity::kError ? errors : warnings);
  }
  if (out.empty()) return out;
  std::string summary = errors > 0 ? counted(errors, "error") : "";
  if (warnings > 0) summary += (errors > 0 ? ", " : "") + counted(warnings, "warning");
  if (result.diagnostics.dropped() > 0) {
    summary += fmt::format(", and {} more not shown", result.diagnostics.dropped());
  }
  return out + fmt::format("{}: {}\n", harmless(result.file), summary);
}

ValueMap report_value(const LoadResult& result) {
  ValueList errors;
  ValueList warnings;
  for (const Diagnostic& found : result.diagnostics.all()) {
    ValueMap map;
    map.append("code", found.code);
    map.append("file", result.file);
    map.append("line", std::int64_t{found.place.line});
    map.append("column", std::int64_t{found.place.column});
    map.append("message", found.message);
    map.append("hint", found.hint);
    (found.severity == Severity::kError ? errors : warnings).emplace_back(std::move(map));
  }
  ValueMap map;
  map.append("ok", result.ok());
  map.append("errors", std::move(errors));
  map.append("warnings", std::move(warnings));
  map.append("flow", result.flow ? Value(result.flow->value) : Value());
  return map;
}

}  // namespace flow::config
