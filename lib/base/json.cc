#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>
#include <vector>

namespace flow {
namespace {

using Json = nlohmann::json;

// A map that grows past this many keys finds duplicates by hashing.
constexpr std::size_t kSmallMap = 16;

// Characters with a shared count of how many were read: the parser's callbacks do not say where
// they are.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, std::size_t* count) : at_(at), count_(count) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    ++*count_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) {
    return a.at_ == b.at_;
  }

 private:
  const char* at_;
  std::size_t* count_;
};

// Builds a Value from the parser's events. Returning false stops the parser.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(const std::size_t& column) : column_(column) {}

  bool null() override { return add(Value()); }
  bool boolean(bool value) override { return add(Value(value)); }
  bool number_integer(number_integer_t value) override { return add(Value(std::int64_t{value})); }
  bool number_unsigned(number_unsigned_t value) override {
    constexpr auto kMax = static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max());
    return value <= kMax ? add(Value(static_cast<std::int64_t>(value)))
                         : add(Value(static_cast<double>(value)));
  }
  bool number_float(number_float_t value, const string_t&) override { return add(Value(value)); }
  bool string(string_t& value) override { return add(Value(std::move(value))); }
  bool binary(binary_t&) override { return fail("binary data"); }

  bool start_object(std::size_t) override { return open(Value(ValueMap())); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Value(ValueList())); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    Level& level = levels_.back();
    if (!is_new_key(level, name)) return fail(fmt::format("duplicate key \"{}\"", name));
    level.key = std::move(name);
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 3: WHAT"
    const std::string_view what = error.what();
    const std::size_t id = what.find("] ");
    std::string_view reason = id == std::string_view::npos ? what : what.substr(id + 2);
    if (reason.starts_with("parse error")) {
      const std::size_t colon = reason.find(": ");
      if (colon != std::string_view::npos) reason.remove_prefix(colon + 2);
    }
    return fail(std::string(reason));
  }

  Value take() { return std::move(root_); }
  const std::string& reason() const { return reason_; }

 private:
  struct Level {
    Value value;
    std::string key;                       // of the value that comes next
    std::unordered_set<std::string> keys;  // of large maps
  };

  bool fail(std::string reason) {
    if (reason_.empty())
      reason_ = fmt::format("column {}: {}", std::max<std::size_t>(column_, 1), reason);
    return false;
  }

  static bool is_new_key(Level& level, const std::string& name) {
    const ValueMap& map = *std::as_const(level.value).if_map();
    if (map.size() < kSmallMap) return map.find(name) == nullptr;
    if (level.keys.empty()) {
      for (const ValueMap::Entry& entry : map)
        level.keys.insert(entry.first);
    }
    return level.keys.insert(name).second;
  }

  bool add(Value value) {
    if (levels_.empty()) {
      root_ = std::move(value);
      return true;
    }
    Level& level = levels_.back();
    if (ValueMap* map = level.value.if_map()) {
      map->append(std::move(level.key), std::move(value));
    } else {
      level.value.if_list()->push_back(std::move(value));
    }
    return true;
  }

  bool open(Value container) {
    if (levels_.size() == kJsonMaxDepth) {
      return fail(fmt::format("more than {} nested lists and maps", kJsonMaxDepth));
    }
    levels_.push_back(Level{std::move(container), {}, {}});
    return true;
  }

  bool close() {
    Value done = std::move(levels_.back().value);
    levels_.pop_back();
    return add(std::move(done));
  }

  const std::size_t& column_;
  std::vector<Level> levels_;
  Value root_;
  std::string reason_;
};

// How many bytes the UTF-8 character at the start of `text` has, 0 when it is invalid.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = first == 0xED && byte(1) > 0x9F;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && byte(1) < 0x90;
    const bool too_high = first == 0xF4 && byte(1) > 0x8F;
    return follows(1) && follows(2) && follows(3) && !overlong && !too_high ? 4 : 0;
  }
  return 0;
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"': out += "\\\""; break;
    case '\\': out += "\\\\"; break;
    case '\n': out += "\\n"; break;
    case '\r': out += "\\r"; break;
    case '\t': out += "\\t"; break;
    case '\b': out += "\\b"; break;
    case '\f': out += "\\f"; break;
    default: out += fmt::format("\\u{:04x}", static_cast<unsigned>(c)); break;
  }
}

template <typename Number>
std::string_view shortest(std::array<char, 32>& buffer, Number value) {
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
}

template <typename Number>
void append_number(std::string& out, Number value) {
  std::array<char, 32> buffer{};
  out += std::isfinite(value) ? shortest(buffer, value) : std::string_view("null");
}

void append_double_value(std::string& out, double value) {
  std::array<char, 32> buffer{};
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  const std::string_view text = shortest(buffer, value);
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> kBase64Values = [] {
  std::array<std::int8_t, 256> values{};
  for (std::int8_t& value : values)
    value = -1;
  for (std::size_t i = 0; i < kBase64.size(); ++i) {
    values[static_cast<unsigned char>(kBase64[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}();

void append_list(std::string& out, const ValueList& list) {
  out += '[';
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += ',';
    append_json(out, list[i]);
  }
  out += ']';
}

void append_map(std::string& out, const ValueMap& map) {
  out += '{';
  bool first = true;
  for (const auto& [key, item] : map) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, key);
    out += ':';
    append_json(out, item);
  }
  out += '}';
}

}  // namespace

Result<Value> parse_json(std::string_view text) {
  std::size_t column = 0;
  Builder builder(column);
  const CountingIterator begin(text.data(), &column);
  const CountingIterator end(text.data() + text.size(), &column);
  if (Json::sax_parse(begin, end, &builder)) return builder.take();
  return Error{Errc::kInvalidArgument, "bad JSON at " + builder.reason()};
}

std::string to_json(const Value& value) {
  std::string out;
  append_json(out, value);
  return out;
}

void append_json(std::string& out, const Value& value) {
  std::array<char, 32> buffer{};
  switch (value.kind()) {
    case Value::Kind::kNull: out += "null"; break;
    case Value::Kind::kBool: out += *value.if_bool() ? "true" : "false"; break;
    case Value::Kind::kInt: out += shortest(buffer, *value.if_int()); break;
    case Value::Kind::kDouble: append_double_value(out, *value.if_double()); break;
    case Value::Kind::kString: append_json_string(out, *value.if_string()); break;
    case Value::Kind::kBytes: append_json_string(out, to_base64(value.if_bytes()->bytes)); break;
    case Value::Kind::kList: append_list(out, *value.if_list()); break;
    case Value::Kind::kMap: append_map(out, *value.if_map()); break;
  }
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain = 0;  // where what was not written yet begins
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    const bool escape = c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    const std::size_t length = utf8_length(text.substr(at));
    if (!escape && length != 0) {
      at += length;
      continue;
    }
    out += text.substr(plain, at - plain);
    if (escape) {
      append_escaped(out, c);
    } else {
      out += "\xEF\xBF\xBD";
    }
    plain = ++at;
  }
  out += text.substr(plain);
  out += '"';
}

void append_json_number(std::string& out, double value) {
  append_number(out, value);
}
void append_json_number(std::string& out, float value) {
  append_number(out, value);
}

std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += j <= count ? kBase64[group >> (18 - 6 * j) & 63U] : '=';
    }
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=')
    ++padding;
  const std::size_t digits = text.size() - padding;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int held = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const std::int8_t value = kBase64Values[static_cast<unsigned char>(text[i])];
    if (value < 0) return std::nullopt;
    bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xFFFFU;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>(bits >> held & 0xFFU);
  }
  const std::uint32_t unused = bits & ((1U << held) - 1);
  if (unused != 0) return std::nullopt;  // another text would mean the same bytes
  return bytes;
}

}  // namespace flow
