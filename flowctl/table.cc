#include "flowctl/table.h"

#include <algorithm>

#include "flowctl/output.h"

namespace flow::flowctl {
namespace {

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

std::string trimmed_right(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

std::size_t shown_length(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return !continues(c); }));
}

std::string cut_to(std::string_view text, std::size_t length) {
  constexpr std::string_view kCut = "...";
  if (shown_length(text) <= length) return std::string(text);
  const std::size_t keep = length > kCut.size() ? length - kCut.size() : length;
  std::size_t at = 0;
  for (std::size_t i = 0; i < keep; ++i) {
    ++at;
    while (at < text.size() && continues(text[at]))
      ++at;
  }
  std::string out(text.substr(0, at));
  if (length > kCut.size()) out += kCut;
  return out;
}

void Table::add(std::vector<std::string> cells) {
  cells.resize(header_.size());
  for (std::string& cell : cells)
    cell = harmless(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::render(std::size_t width) const {
  std::vector<std::size_t> widths;
  for (const std::string& name : header_)
    widths.push_back(shown_length(name));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], shown_length(row[i]));
  }
  std::string out;
  const auto append_line = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string padding(widths[i] - shown_length(cells[i]), ' ');
      const bool right = std::ranges::find(right_, i) != right_.end();
      if (i > 0) line += "  ";
      line += right ? padding + cells[i] : cells[i] + padding;
    }
    line = trimmed_right(std::move(line));
    out += (width == 0 ? line : cut_to(line, width)) + "\n";
  };
  append_line(header_);
  for (const auto& row : rows_)
    append_line(row);
  return out;
}

}  // namespace flow::flowctl
