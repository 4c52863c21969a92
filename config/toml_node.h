// A TOML file as a tree of plain values, each with its place: what the rest of config works on, so
// that toml11 stays in one source file. A value; one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/value.h"
#include "graph/diagnostic.h"
#include "graph/flow.h"

namespace flow::config {

struct TomlNode {
  enum class Kind : std::uint8_t { kBool, kInt, kDouble, kString, kDatetime, kList, kTable };

  Kind kind = Kind::kTable;
  bool boolean = false;
  std::int64_t integer = 0;
  double number = 0;
  std::string text;                // of a string; a date or time as written
  std::vector<TomlNode> children;  // of a list; of a table with keys, in the order of the file
  std::string key;                 // inside a table
  graph::Place place;              // of the value
  graph::Place key_place;          // of the key; the value's place where there is no key
  bool expanded = false;           // the text came out of ${...}
  std::string origin;              // "--set KEY=VALUE" where it did not come from the file

  bool is_table() const { return kind == Kind::kTable; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_string() const { return kind == Kind::kString; }

  const TomlNode* find(std::string_view name) const;
  TomlNode* find(std::string_view name);
};

// "a string", "an integer", ...
std::string_view describe(TomlNode::Kind kind);

// Integers stay integers. A date or time is an error: Values have none.
Value to_value(const TomlNode& node, graph::Diagnostics& diagnostics);
ValueMap to_value_map(const TomlNode& table, graph::Diagnostics& diagnostics);

}  // namespace flow::config
