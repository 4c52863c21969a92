// Reads TOML text into a TomlNode. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/toml_node.h"

namespace flow::config {

inline constexpr std::size_t kMaxFileSize = 1 << 20;
inline constexpr std::size_t kMaxLineLength = 64 << 10;
inline constexpr std::size_t kMaxNesting = 32;

// The tree of `text`, or nothing and one error: TOML stops making sense at its first mistake.
// Sizes and nesting are checked before the parser sees anything.
std::optional<TomlNode> read_toml(std::string_view text, graph::Diagnostics& diagnostics);

// One TOML value ("2", "\"a\"", "{ a = 1 }"); nothing if it is none. Its places are all 0.
std::optional<TomlNode> read_toml_value(std::string_view text);

// Checks what the parser must not be given: too much, too deep, or no text at all. Adds an error
// and returns false.
bool check_text(std::string_view text, graph::Diagnostics& diagnostics);

// Turns offsets into lines and columns. Columns count characters, not bytes.
class LineIndex {
 public:
  // `text` outlives it.
  explicit LineIndex(std::string_view text);

  graph::Place place(std::size_t offset) const;
  // Line and byte column from 1, as toml11 counts.
  graph::Place place(std::size_t line, std::size_t byte_column) const;
  // Where a line (from 1) begins; the end of the text past the last.
  std::size_t begin_of(std::size_t line) const;

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_;
};

}  // namespace flow::config
