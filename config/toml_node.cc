#include "config/toml_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "graph/codes.h"

namespace flow::config {

const TomlNode* TomlNode::find(std::string_view name) const {
  const auto at = std::ranges::find(children, name, &TomlNode::key);
  return is_table() && at != children.end() ? &*at : nullptr;
}

TomlNode* TomlNode::find(std::string_view name) {
  const auto at = std::ranges::find(children, name, &TomlNode::key);
  return is_table() && at != children.end() ? &*at : nullptr;
}

std::string_view describe(TomlNode::Kind kind) {
  constexpr std::array<std::string_view, 7> kNames = {
      "a boolean", "an integer", "a number with a fraction", "a string", "a date or time",
      "a list",    "a table"};
  return kNames[static_cast<std::size_t>(kind)];
}

Value to_value(const TomlNode& node, graph::Diagnostics& diagnostics) {
  switch (node.kind) {
    case TomlNode::Kind::kBool: return Value(node.boolean);
    case TomlNode::Kind::kInt: return Value(node.integer);
    case TomlNode::Kind::kDouble: return Value(node.number);
    case TomlNode::Kind::kString: return Value(node.text);
    case TomlNode::Kind::kTable: return Value(to_value_map(node, diagnostics));
    case TomlNode::Kind::kDatetime:
      diagnostics.error(
          graph::codes::kWrongType, node.place,
          fmt::format("{} is a date or time, which documents and settings do not have", node.text),
          fmt::format("write it as a string: \"{}\"", node.text));
      return Value();
    case TomlNode::Kind::kList: break;
  }
  ValueList list;
  for (const TomlNode& child : node.children)
    list.push_back(to_value(child, diagnostics));
  return Value(std::move(list));
}

ValueMap to_value_map(const TomlNode& table, graph::Diagnostics& diagnostics) {
  ValueMap map;
  for (const TomlNode& child : table.children)
    map.append(child.key, to_value(child, diagnostics));
  return map;
}

}  // namespace flow::config
