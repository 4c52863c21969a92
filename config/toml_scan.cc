#include <fmt/format.h>

#include <algorithm>

#include "config/toml_reader.h"
#include "graph/codes.h"

namespace flow::config {
namespace {

// The length of the UTF-8 sequence at the front of `text`; 0 if there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return first == 0 ? 0 : 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool no_character = (first == 0xED && byte(1) > 0x9F) || (first == 0xF4 && byte(1) > 0x8F);
  return overlong || no_character ? 0 : length;
}

// Walks over TOML just closely enough to know how deep it is nested: strings and comments are
// skipped, brackets and the dots of keys counted.
class DepthScan {
 public:
  explicit DepthScan(std::string_view text) : text_(text) {}

  // The offset where the nesting passes the limit; npos if nowhere.
  std::size_t too_deep() {
    while (at_ < text_.size()) {
      step();
      if (depth_ + dots_ > kMaxNesting) return at_;
    }
    return std::string_view::npos;
  }

 private:
  void step() {
    const char c = text_[at_];
    if (c == '"' || c == '\'') return skip_string(c);
    ++at_;
    if (c == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == '[' || c == '{') {
      ++depth_;
      dots_ = 0;
    } else if (c == ']' || c == '}') {
      depth_ -= depth_ > 0 ? 1 : 0;
      dots_ = 0;
    } else if (c == '.') {
      ++dots_;
    } else if (c == '=' || c == ',' || c == '\n') {
      dots_ = 0;
    }
  }

  void skip_string(char quote) {
    const std::string triple(3, quote);
    const bool multiline = text_.substr(at_).starts_with(triple);
    const std::string_view end = multiline ? std::string_view(triple) : text_.substr(at_, 1);
    at_ += end.size();
    while (at_ < text_.size()) {
      if (text_.substr(at_).starts_with(end)) {
        at_ += end.size();
        return;
      }
      if (!multiline && text_[at_] == '\n') return;
      at_ += quote == '"' && text_[at_] == '\\' ? 2 : 1;
    }
    at_ = text_.size();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::size_t dots_ = 0;
};

}  // namespace

bool check_text(std::string_view text, graph::Diagnostics& diagnostics) {
  if (text.size() > kMaxFileSize) {
    diagnostics.error(
        graph::codes::kFileTooLarge, {},
        fmt::format("the file has {} bytes, at most {} are read", text.size(), kMaxFileSize),
        "keep test documents in a file of their own (input_file)");
    return false;
  }
  const LineIndex lines(text);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequence_length(text.substr(at));
    if (length == 0) {
      diagnostics.error(
          graph::codes::kNotText, lines.place(at),
          fmt::format("the byte 0x{:02X} is not UTF-8 text", static_cast<unsigned char>(text[at])),
          "save the file as UTF-8");
      return false;
    }
    at += length;
  }
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end - at > kMaxLineLength) {
      diagnostics.error(
          graph::codes::kFileTooLarge, lines.place(at),
          fmt::format("the line has {} bytes, at most {} are read", end - at, kMaxLineLength),
          "break it into several lines");
      return false;
    }
    at = end + 1;
  }
  const std::size_t deep = DepthScan(text).too_deep();
  if (deep == std::string_view::npos) return true;
  diagnostics.error(graph::codes::kTooDeep, lines.place(deep == 0 ? 0 : deep - 1),
                    fmt::format("lists and tables are nested more than {} deep here", kMaxNesting),
                    "flatten them");
  return false;
}

LineIndex::LineIndex(std::string_view text) : text_(text), starts_{0} {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') starts_.push_back(i + 1);
  }
}

graph::Place LineIndex::place(std::size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto next = std::ranges::upper_bound(starts_, offset);
  const auto line = static_cast<std::size_t>(next - starts_.begin());
  return place(line, offset - starts_[line - 1] + 1);
}

graph::Place LineIndex::place(std::size_t line, std::size_t byte_column) const {
  const std::size_t begin = begin_of(line);
  const std::string_view before = text_.substr(begin).substr(0, byte_column - 1);
  const auto characters = std::ranges::count_if(
      before, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  return {static_cast<std::uint32_t>(line), static_cast<std::uint32_t>(characters) + 1};
}

std::size_t LineIndex::begin_of(std::size_t line) const {
  return line >= 1 && line <= starts_.size() ? starts_[line - 1] : text_.size();
}

}  // namespace flow::config
