// A table for people: columns as wide as their widest cell, two spaces between.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace flow::flowctl {

class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}

  // As many cells as the header has; missing ones are empty, control characters become '?'.
  void add(std::vector<std::string> cells);

  // Columns (by position) whose cells stand at the right: numbers.
  void align_right(std::vector<std::size_t> columns) { right_ = std::move(columns); }

  // Lines with line breaks. With a width, each line is cut to it (0: never).
  std::string render(std::size_t width = 0) const;

  bool empty() const { return rows_.empty(); }

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> right_;
};

// How many characters UTF-8 text shows (every code point counts as one).
std::size_t shown_length(std::string_view text);

// The first `length` characters; with "..." at the end when something was cut.
std::string cut_to(std::string_view text, std::size_t length);

}  // namespace flow::flowctl
