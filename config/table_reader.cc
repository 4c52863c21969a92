#include "config/table_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "base/units.h"
#include "config/flow_value.h"
#include "graph/codes.h"

namespace flow::config {
namespace {

using Kind = TomlNode::Kind;

}  // namespace

const TomlNode* TableReader::take(std::string_view key) {
  known_.push_back(key);
  return table_.find(key);
}

void TableReader::error(std::string_view code, const TomlNode& node, std::string message,
                        std::string hint) {
  if (diagnostics_.has_error_at(node.place)) return;
  if (!node.origin.empty()) message += fmt::format(" ({})", node.origin);
  diagnostics_.error(code, node.place, std::move(message), std::move(hint));
}

void TableReader::wrong_type(const TomlNode& node, Key key, std::string_view expected) {
  error(graph::codes::kWrongType, node,
        fmt::format("'{}' of {} is {}, but must be {}", key.name, what_, describe(node.kind),
                    expected),
        std::string(key.example));
}

const TomlNode* TableReader::boolean(Key key, bool& out) {
  const TomlNode* node = take(key.name);
  if (node == nullptr) return nullptr;
  if (node->kind == Kind::kBool) {
    out = node->boolean;
    return node;
  }
  if (node->expanded && (node->text == "true" || node->text == "false")) {
    out = node->text == "true";
    return node;
  }
  wrong_type(*node, key, "true or false");
  return nullptr;
}

const TomlNode* TableReader::string(Key key, std::string& out) {
  const TomlNode* node = take(key.name);
  if (node == nullptr) return nullptr;
  if (!node->is_string()) {
    wrong_type(*node, key, "a string");
    return nullptr;
  }
  out = node->text;
  return node;
}

const TomlNode* TableReader::integer(Key key, std::int64_t least, std::int64_t most,
                                     std::int64_t& out) {
  const TomlNode* node = take(key.name);
  if (node == nullptr) return nullptr;
  std::int64_t number = node->integer;
  bool whole = node->kind == Kind::kInt;
  if (node->expanded) {
    const char* end = node->text.data() + node->text.size();
    const auto read = std::from_chars(node->text.data(), end, number);
    whole = read.ec == std::errc() && read.ptr == end;
  }
  if (!whole) {
    wrong_type(*node, key, "an integer");
    return nullptr;
  }
  if (number < least || number > most) {
    error(graph::codes::kOutOfRange, *node,
          fmt::format("'{}' of {} is {}, but must be from {} to {}", key.name, what_, number, least,
                      most),
          std::string(key.example));
    return nullptr;
  }
  out = number;
  return node;
}

const TomlNode* TableReader::integer(Key key, std::int64_t least, std::int64_t most,
                                     std::uint32_t& out) {
  std::int64_t number = 0;
  const TomlNode* node = integer(key, least, most, number);
  if (node != nullptr) out = static_cast<std::uint32_t>(number);
  return node;
}

const TomlNode* TableReader::size(Key key, std::uint64_t least, std::uint64_t most,
                                  std::uint64_t& out) {
  const TomlNode* node = take(key.name);
  if (node == nullptr) return nullptr;
  if (!node->is_string()) {
    wrong_type(*node, key, "a size in a string");
    return nullptr;
  }
  const Result<std::uint64_t> size = parse_size(node->text);
  if (!size) {
    error(graph::codes::kBadQuantity, *node,
          fmt::format("'{}' of {}: {}", key.name, what_, size.error().message),
          std::string(key.example));
    return nullptr;
  }
  if (*size < least || *size > most) {
    error(graph::codes::kOutOfRange, *node,
          fmt::format("'{}' of {} is {}, but must be from {} to {}", key.name, what_, node->text,
                      size_text(least), size_text(most)),
          std::string(key.example));
    return nullptr;
  }
  out = *size;
  return node;
}

const TomlNode* TableReader::duration(Key key, Duration least, Duration most, Duration& out) {
  const TomlNode* node = take(key.name);
  if (node == nullptr) return nullptr;
  if (!node->is_string()) {
    wrong_type(*node, key, "a time in a string");
    return nullptr;
  }
  const Result<Duration> duration = parse_duration(node->text);
  if (!duration) {
    error(graph::codes::kBadQuantity, *node,
          fmt::format("'{}' of {}: {}", key.name, what_, duration.error().message),
          std::string(key.example));
    return nullptr;
  }
  if (*duration < least || *duration > most) {
    error(graph::codes::kOutOfRange, *node,
          fmt::format("'{}' of {} is {}, but must be from {} to {}", key.name, what_, node->text,
                      duration_text(least), duration_text(most)),
          std::string(key.example));
    return nullptr;
  }
  out = *duration;
  return node;
}

const TomlNode* TableReader::table(Key key) {
  const TomlNode* node = take(key.name);
  if (node == nullptr || node->is_table()) return node;
  wrong_type(*node, key, "a table");
  return nullptr;
}

const TomlNode* TableReader::strings(Key key, std::vector<graph::Placed<std::string>>& out) {
  const TomlNode* node = take(key.name);
  if (node == nullptr) return nullptr;
  if (node->is_string()) {
    out.push_back({node->text, node->place});
    return node;
  }
  if (!node->is_list()) {
    wrong_type(*node, key, "a string or a list of strings");
    return nullptr;
  }
  bool right = true;
  for (const TomlNode& child : node->children) {
    if (child.is_string()) {
      out.push_back({child.text, child.place});
      continue;
    }
    right = false;
    error(graph::codes::kWrongType, child,
          fmt::format("'{}' of {} holds {}, but must hold strings only", key.name, what_,
                      describe(child.kind)),
          std::string(key.example));
  }
  return right ? node : nullptr;
}

const TomlNode* TableReader::string_map(Key key, std::map<std::string, std::string>& out) {
  const TomlNode* node = table(key);
  if (node == nullptr) return nullptr;
  bool right = true;
  for (const TomlNode& child : node->children) {
    if (child.is_string()) {
      out[child.key] = child.text;
      continue;
    }
    right = false;
    error(graph::codes::kWrongType, child,
          fmt::format("'{}' in '{}' of {} is {}, but must be a string", child.key, key.name, what_,
                      describe(child.kind)),
          std::string(key.example));
  }
  return right ? node : nullptr;
}

void TableReader::finish() {
  for (const TomlNode& child : table_.children) {
    if (std::ranges::find(known_, child.key) != known_.end()) continue;
    if (child.key.starts_with("x-")) continue;
    if (diagnostics_.full()) {
      diagnostics_.error(graph::codes::kUnknownKey, child.key_place, {});
      continue;
    }
    const auto meant = did_you_mean(child.key, known_);
    std::vector<std::string_view> keys = known_;
    std::ranges::sort(keys);
    std::string message = fmt::format("unknown key '{}' in {}", child.key, what_);
    if (!child.origin.empty()) message += fmt::format(" ({})", child.origin);
    diagnostics_.error(graph::codes::kUnknownKey, child.key_place, std::move(message),
                       meant ? fmt::format("did you mean '{}'?", *meant)
                             : fmt::format("keys here: {}", fmt::join(keys, ", ")));
  }
}

}  // namespace flow::config
