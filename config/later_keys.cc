#include <fmt/format.h>

#include "base/json.h"
#include "config/check_values.h"
#include "config/executor_section.h"
#include "graph/codes.h"

namespace flow::config {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

void refuse(TableReader& reader, const TomlNode& node, std::string hint) {
  std::string message = fmt::format("'{}' is not supported by this version yet", node.key);
  if (!node.origin.empty()) message += fmt::format(" ({})", node.origin);
  reader.diagnostics().error(graph::codes::kUnsupported, node.key_place, std::move(message),
                             std::move(hint));
}

void read_counts(TableReader& reader) {
  std::uint32_t count = 1;
  const TomlNode* shards = reader.integer({"shards", "shards = 2"}, 1, 1024, count);
  if (shards != nullptr && count > 1) refuse(reader, *shards, "shards = 1, or leave it out");
  count = 1;
  const TomlNode* older = reader.integer({"parallel", "parallel = 2"}, 1, 1024, count);
  if (older != nullptr && count > 1) refuse(reader, *older, "parallel = 1, or leave it out");
  if (shards != nullptr && older != nullptr) {
    reader.error(graph::codes::kGivenTwice, *older,
                 fmt::format("{} has `shards` and `parallel`, which are the same", reader.what()),
                 "leave one of them out");
  }
  count = 1;
  const TomlNode* threads = reader.integer({"threads", "threads = 4"}, 1, 256, count);
  if (threads != nullptr && count > 1) refuse(reader, *threads, "threads = 1; use replicas");
}

void read_flags(TableReader& reader) {
  for (const Key key : {Key{"floating", "floating = true"}, Key{"external", "external = true"},
                        Key{"allow_partial", "allow_partial = true"}}) {
    bool flag = false;
    const TomlNode* node = reader.boolean(key, flag);
    if (node != nullptr && flag) refuse(reader, *node, "leave it out");
  }
}

void read_polling(TableReader& reader) {
  const Key key{"polling", "polling = { \"/search\" = \"ALL\", \"*\" = \"ANY\" }"};
  const TomlNode* node = reader.take(key.name);
  if (node == nullptr) return;
  if (!node->is_string() && !node->is_table()) {
    return reader.wrong_type(*node, key, "a string or a table of endpoints");
  }
  const auto check = [&reader, &key](const TomlNode& value) {
    if (value.is_string() && is_polling(value.text)) return;
    reader.error(value.is_string() ? graph::codes::kBadWord : graph::codes::kWrongType, value,
                 fmt::format("polling in {} must be ANY, ALL, ALL_ASYNC or HASH", reader.what()),
                 std::string(key.example));
  };
  if (node->is_string()) check(*node);
  if (node->is_table()) {
    for (const TomlNode& child : node->children)
      check(child);
  }
  refuse(reader, *node, "leave it out");
}

void read_when(TableReader& reader) {
  const Key key{"when", "when = { \"tags__lang\" = { \"$eq\" = \"en\" } }"};
  const TomlNode* node = reader.take(key.name);
  if (node == nullptr) return;
  if (!node->is_string() && !node->is_table()) {
    return reader.wrong_type(*node, key, "a table, or a string of JSON");
  }
  if (node->is_string()) {
    const Result<Value> query = parse_json(node->text);
    if (!query || query->if_map() == nullptr) {
      reader.error(graph::codes::kBadJson, *node,
                   fmt::format("'when' of {} is not a JSON object: {}", reader.what(),
                               query ? "it is something else" : query.error().message),
                   std::string(key.example));
    }
  } else {
    (void)to_value_map(*node, reader.diagnostics());
  }
  refuse(reader, *node, "leave it out");
}

// uses_before and uses_after: a program, or a table of a small executor.
void read_companion(TableReader& reader, Key key) {
  const TomlNode* node = reader.take(key.name);
  if (node == nullptr) return;
  if (!node->is_string() && !node->is_table()) {
    return reader.wrong_type(*node, key, "a string or a table");
  }
  if (node->is_table()) {
    TableReader inner(*node, fmt::format("'{}' of {}", key.name, reader.what()),
                      reader.diagnostics());
    std::string uses;
    if (inner.string({"uses", "uses = \"match-merger\""}, uses) == nullptr &&
        node->find("uses") == nullptr) {
      inner.error(graph::codes::kMissingKey, *node, fmt::format("{} has no 'uses'", inner.what()),
                  "uses = \"match-merger\"");
    }
    if (const TomlNode* with = inner.table({"with", "with = { top = 10 }"})) {
      (void)to_value_map(*with, reader.diagnostics());
    }
    std::uint32_t replicas = 1;
    inner.integer({"replicas", "replicas = 2"}, 1, 4096, replicas);
    std::map<std::string, std::string> env;
    inner.string_map({"env", "env = { OMP_NUM_THREADS = \"4\" }"}, env);
    inner.finish();
  }
  refuse(reader, *node, "leave it out");
}

void read_hosts(TableReader& reader) {
  std::vector<graph::Placed<std::string>> hosts;
  const TomlNode* host = reader.strings({"host", "host = \"10.0.0.7:7001\""}, hosts);
  if (host != nullptr) refuse(reader, *host, "leave it out");
  const Key key{"port", "port = 7001"};
  const TomlNode* port = reader.take(key.name);
  if (port == nullptr) return;
  if (port->kind == TomlNode::Kind::kInt && (port->integer < 1 || port->integer > 65535)) {
    return reader.error(graph::codes::kOutOfRange, *port,
                        fmt::format("'port' of {} is {}, but must be from 1 to 65535",
                                    reader.what(), port->integer),
                        std::string(key.example));
  }
  if (port->kind != TomlNode::Kind::kInt && !port->is_string() && !port->is_list()) {
    return reader.wrong_type(*port, key, "an integer, a string or a list");
  }
  refuse(reader, *port, "leave it out");
}

void read_batching(TableReader& reader) {
  const Key key{"batching", "batching = { \"/encode\" = { size = 32, timeout = \"10ms\" } }"};
  const TomlNode* node = reader.table(key);
  if (node == nullptr) return;
  for (const TomlNode& child : node->children) {
    if (!child.is_table()) {
      reader.error(graph::codes::kWrongType, child,
                   fmt::format("'{}' in 'batching' of {} is {}, but must be a table", child.key,
                               reader.what(), describe(child.kind)),
                   std::string(key.example));
      continue;
    }
    TableReader inner(child, fmt::format("'batching' of {}", reader.what()), reader.diagnostics());
    std::uint32_t size = 1;
    Duration timeout{};
    inner.integer({"size", "size = 32"}, 1, 1'000'000, size);
    inner.duration({"timeout", "timeout = \"10ms\""}, microseconds(1), hours(1), timeout);
    inner.finish();
  }
  if (!node->children.empty()) refuse(reader, *node, "leave it out");
}

}  // namespace

void read_later_keys(TableReader& reader) {
  read_counts(reader);
  read_flags(reader);
  read_polling(reader);
  read_when(reader);
  read_companion(reader, {"uses_before", "uses_before = \"normalise\""});
  read_companion(reader, {"uses_after", "uses_after = \"match-merger\""});
  read_hosts(reader);
  read_batching(reader);
  std::vector<graph::Placed<std::string>> endpoints;
  const TomlNode* replicate = reader.strings({"replicate", "replicate = [\"/index\"]"}, endpoints);
  if (replicate != nullptr && !endpoints.empty()) refuse(reader, *replicate, "leave it out");
}

}  // namespace flow::config
