#include "config/toml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>
#include <toml.hpp>
#include <utility>

#include "graph/codes.h"

namespace flow::config {
namespace {

using TomlValue = toml::basic_value<toml::discard_comments, std::map, std::vector>;

// What toml11 says about a mistake, taken apart.
struct SyntaxMistake {
  std::string what;        // "invalid line format"
  std::string remark;      // what it says at the last place it points at
  std::size_t line = 1;    // from 1
  std::size_t column = 1;  // in bytes, from 1
};

// Reads " 12 | text" and returns the number; 0 for any other line.
std::size_t quoted_line_number(std::string_view line) {
  const std::size_t digit = line.find_first_not_of(' ');
  if (digit == std::string_view::npos) return 0;
  std::size_t number = 0;
  const char* end = line.data() + line.size();
  const auto [rest, error] = std::from_chars(line.data() + digit, end, number);
  const std::string_view tail(rest, static_cast<std::size_t>(end - rest));
  return error == std::errc() && tail.starts_with(" |") ? number : 0;
}

// toml11 explains itself in several lines: the function and the mistake, then each place as the
// quoted line and under it a marker with a remark. The last place is where reading stopped.
SyntaxMistake take_apart(std::string_view message, std::size_t line, std::size_t column) {
  SyntaxMistake mistake{"", "", line, column};
  std::istringstream lines{std::string(message)};
  std::string text;
  std::getline(lines, text);
  const std::size_t colon = text.find(": ");
  mistake.what = colon == std::string::npos ? text : text.substr(colon + 2);
  while (mistake.what.ends_with('.') || mistake.what.ends_with(' '))
    mistake.what.pop_back();
  while (std::getline(lines, text)) {
    const std::size_t number = quoted_line_number(text);
    if (number == 0 || !std::getline(lines, text)) continue;
    const std::size_t bar = text.find("| ");
    const std::size_t marker = text.find_first_of("^~");
    if (bar == std::string::npos || marker == std::string::npos || marker < bar + 2) continue;
    mistake.line = number;
    mistake.column = marker - bar - 1;
    const std::size_t remark = text.find_first_not_of("^~- ", marker);
    mistake.remark = remark == std::string::npos ? "" : text.substr(remark);
  }
  return mistake;
}

void report(const SyntaxMistake& mistake, const LineIndex& lines, graph::Diagnostics& diagnostics) {
  const std::string& what = mistake.what.empty() ? mistake.remark : mistake.what;
  const std::string hint = mistake.what.empty() || mistake.remark == "here" ? "" : mistake.remark;
  diagnostics.error(graph::codes::kSyntax, lines.place(mistake.line, mistake.column),
                    fmt::format("not valid TOML: {}", what), hint);
}

// Copies toml11's tree into ours.
class Copier {
 public:
  Copier(std::string_view text, const LineIndex& lines, graph::Diagnostics& diagnostics)
      : text_(text), lines_(lines), diagnostics_(diagnostics) {}

  TomlNode copy(const TomlValue& value) {
    TomlNode node;
    const auto* region = dynamic_cast<const toml::detail::region*>(toml::detail::get_region(value));
    const std::size_t offset =
        region == nullptr ? 0 : static_cast<std::size_t>(region->first() - region->begin());
    node.place = place(offset);
    const std::size_t key = offset_of_key(offset);
    node.key_place = key == offset ? node.place : lines_.place(key);
    fill(node, value, region == nullptr ? std::string() : region->str());
    return node;
  }

 private:
  void fill(TomlNode& node, const TomlValue& value, const std::string& source) {
    using Kind = TomlNode::Kind;
    switch (value.type()) {
      case toml::value_t::boolean:
        node.kind = Kind::kBool;
        node.boolean = value.as_boolean();
        return;
      case toml::value_t::integer:
        node.kind = Kind::kInt;
        node.integer = value.as_integer();
        return check_integer(node, source);
      case toml::value_t::floating:
        node.kind = Kind::kDouble;
        node.number = value.as_floating();
        return;
      case toml::value_t::string:
        node.kind = Kind::kString;
        node.text = value.as_string().str;
        return;
      case toml::value_t::array:
        node.kind = Kind::kList;
        for (const TomlValue& each : value.as_array())
          node.children.push_back(copy(each));
        return;
      case toml::value_t::table: return fill_table(node, value);
      default: node.kind = Kind::kDatetime; node.text = source;
    }
  }

  void fill_table(TomlNode& node, const TomlValue& value) {
    node.kind = TomlNode::Kind::kTable;
    for (const auto& entry : value.as_table()) {
      TomlNode child = copy(entry.second);
      child.key = entry.first;
      node.children.push_back(std::move(child));
    }
    std::ranges::stable_sort(node.children, [](const TomlNode& a, const TomlNode& b) {
      return std::pair(a.key_place.line, a.key_place.column) <
             std::pair(b.key_place.line, b.key_place.column);
    });
  }

  // toml11 clips what does not fit into 64 bits without a word.
  void check_integer(const TomlNode& node, std::string source) {
    std::erase(source, '_');
    if (source.starts_with('+')) source.erase(0, 1);
    const int base = source.starts_with("0x")   ? 16
                     : source.starts_with("0o") ? 8
                     : source.starts_with("0b") ? 2
                                                : 10;
    if (base != 10) source.erase(0, 2);
    std::int64_t number = 0;
    const auto read = std::from_chars(source.data(), source.data() + source.size(), number, base);
    if (read.ec != std::errc::result_out_of_range) return;
    diagnostics_.error(graph::codes::kOutOfRange, node.place,
                       "this number does not fit into 64 bits", "write it as a string");
  }

  // Counts on from the last place where it can: a long line of numbers is not counted anew for
  // each.
  graph::Place place(std::size_t offset) {
    const bool onward = last_place_.line != 0 && offset >= last_offset_ && offset <= text_.size();
    const std::string_view between =
        onward ? text_.substr(last_offset_, offset - last_offset_) : std::string_view();
    if (!onward || between.find('\n') != std::string_view::npos) {
      last_place_ = lines_.place(offset);
    } else {
      last_place_.column += static_cast<std::uint32_t>(std::ranges::count_if(
          between, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
    }
    last_offset_ = offset;
    return last_place_;
  }

  // A value stands behind its key and "="; a table of a header, or of a dotted key, begins with the
  // key itself.
  std::size_t offset_of_key(std::size_t value) const {
    const auto skip_blanks = [this](std::size_t at) {
      while (at > 0 && (text_[at - 1] == ' ' || text_[at - 1] == '\t'))
        --at;
      return at;
    };
    std::size_t at = skip_blanks(std::min(value, text_.size()));
    if (at == 0 || text_[at - 1] != '=') return value;
    const std::size_t end = at = skip_blanks(at - 1);
    if (at == 0) return value;
    const char last = text_[at - 1];
    if (last == '"' || last == '\'') {
      const std::size_t quote = at < 2 ? std::string_view::npos : text_.rfind(last, at - 2);
      return quote == std::string_view::npos ? value : quote;
    }
    const auto in_key = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-';
    };
    while (at > 0 && in_key(text_[at - 1]))
      --at;
    return at == end ? value : at;
  }

  std::string_view text_;
  const LineIndex& lines_;
  graph::Diagnostics& diagnostics_;
  std::size_t last_offset_ = 0;
  graph::Place last_place_;
};

void forget_places(TomlNode& node) {
  node.place = {};
  node.key_place = {};
  for (TomlNode& child : node.children)
    forget_places(child);
}

}  // namespace

std::optional<TomlNode> read_toml(std::string_view text, graph::Diagnostics& diagnostics) {
  if (!check_text(text, diagnostics)) return std::nullopt;
  const LineIndex lines(text);
  try {
    std::istringstream stream{std::string(text)};
    const auto value = toml::parse<toml::discard_comments, std::map, std::vector>(stream, "file");
    return Copier(text, lines, diagnostics).copy(value);
  } catch (const toml::exception& mistake) {
    report(take_apart(mistake.what(), mistake.location().line(), mistake.location().column()),
           lines, diagnostics);
  } catch (const std::exception& mistake) {
    diagnostics.error(graph::codes::kSyntax, {}, fmt::format("not valid TOML: {}", mistake.what()));
  }
  return std::nullopt;
}

std::optional<TomlNode> read_toml_value(std::string_view text) {
  if (text.find('\n') != std::string_view::npos) return std::nullopt;
  graph::Diagnostics ignored;
  std::optional<TomlNode> table = read_toml(fmt::format("value = {}\n", text), ignored);
  if (!table || ignored.has_errors() || table->children.size() != 1) return std::nullopt;
  TomlNode value = std::move(table->children.front());
  forget_places(value);
  return value;
}

}  // namespace flow::config
