// Reads the keys of one TOML table into typed fields and says what is wrong with them.
//
// Lives for one table; one thread. Every key asked for is known; finish() reports all others. A
// field keeps its default when its key is missing or wrong.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "config/toml_node.h"

namespace flow::config {

// A key, and how a right line with it looks: shown when the value is wrong.
struct Key {
  std::string_view name;
  std::string_view example;
};

class TableReader {
 public:
  // `what` names the table in messages: "[gateway]", "executor 'encode'". All three outlive it.
  TableReader(const TomlNode& table, std::string what, graph::Diagnostics& diagnostics)
      : table_(table), what_(std::move(what)), diagnostics_(diagnostics) {}

  // The node of a key, which is known from now on; nullptr when it is missing.
  const TomlNode* take(std::string_view key);

  // Each returns the node if the key is there with a right value.
  const TomlNode* boolean(Key key, bool& out);
  const TomlNode* string(Key key, std::string& out);
  const TomlNode* integer(Key key, std::int64_t least, std::int64_t most, std::int64_t& out);
  const TomlNode* integer(Key key, std::int64_t least, std::int64_t most, std::uint32_t& out);
  const TomlNode* size(Key key, std::uint64_t least, std::uint64_t most, std::uint64_t& out);
  const TomlNode* duration(Key key, Duration least, Duration most, Duration& out);
  const TomlNode* table(Key key);
  // A string or a list of strings.
  const TomlNode* strings(Key key, std::vector<graph::Placed<std::string>>& out);
  // A table of strings.
  const TomlNode* string_map(Key key, std::map<std::string, std::string>& out);

  // "'replicas' of executor 'a' is a string, but must be an integer".
  void wrong_type(const TomlNode& node, Key key, std::string_view expected);
  // The first error about a value is enough: a second one at its place is left out.
  void error(std::string_view code, const TomlNode& node, std::string message, std::string hint);

  // Reports every key that nobody asked for, but x-...
  void finish();

  const std::string& what() const { return what_; }
  const TomlNode& node() const { return table_; }
  graph::Diagnostics& diagnostics() { return diagnostics_; }

 private:
  const TomlNode& table_;
  std::string what_;
  graph::Diagnostics& diagnostics_;
  std::vector<std::string_view> known_;
};

}  // namespace flow::config
