#include "config/executor_section.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "config/check_values.h"
#include "config/executor_keys.h"
#include "config/external_keys.h"
#include "graph/codes.h"
#include "graph/graph.h"

namespace flow::config {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

constexpr std::int64_t kLargestBatch = 65'536;  // as many documents as a request may have

bool joins_everything(const TomlNode& table) {
  const TomlNode* needs = table.find("needs");
  if (needs == nullptr) return false;
  if (needs->is_list()) return needs->children.size() == 1 && needs->children[0].text == "*";
  return needs->text == "*";
}

void read_needs(TableReader& reader, const std::string& above, graph::ExecutorDecl& executor) {
  const Key key{"needs", "needs = [\"encode\", \"index\"]"};
  const TomlNode* node = reader.strings(key, executor.needs);
  const TomlNode* written = reader.node().find("needs");
  const bool missing = written == nullptr;
  if (missing || (node == nullptr && executor.needs.empty())) {
    executor.needs.push_back({above, executor.place});
  }
}

void read_reduction(TableReader& reader, graph::ExecutorDecl& executor) {
  const TomlNode* now = reader.boolean({"no_reduce", "no_reduce = true"}, executor.no_reduce);
  const TomlNode* older =
      reader.boolean({"disable_reduce", "disable_reduce = true"}, executor.no_reduce);
  if (now == nullptr || older == nullptr) return;
  reader.error(
      graph::codes::kGivenTwice, *older,
      fmt::format("{} has `no_reduce` and `disable_reduce`, which are the same", reader.what()),
      "leave one of them out");
}

void read_effects(TableReader& reader, graph::ExecutorDecl& executor) {
  const Key key{"effects", "effects = { \"/index\" = \"idempotent\", \"*\" = \"readonly\" }"};
  const TomlNode* node = reader.take(key.name);
  if (node == nullptr) return;
  if (!node->is_table() && !node->is_string()) {
    return reader.wrong_type(*node, key, "a table of endpoints, or a string for all of them");
  }
  const auto add = [&reader, &executor, &key](const std::string& endpoint, const TomlNode& value) {
    if (value.is_string() && is_effect(value.text)) {
      executor.effects.emplace_back(endpoint, value.text);
      return;
    }
    reader.error(value.is_string() ? graph::codes::kBadWord : graph::codes::kWrongType, value,
                 fmt::format("the effect of '{}' in {} must be readonly, idempotent or once",
                             endpoint, reader.what()),
                 std::string(key.example));
  };
  if (node->is_string()) return add("*", *node);
  for (const TomlNode& child : node->children)
    add(child.key, child);
}

void read_batch_rule(const TomlNode& node, Key key, const std::string& what,
                     graph::Diagnostics& diagnostics, std::vector<BatchRule>& out) {
  TableReader reader(node, fmt::format("'{}' in 'batching' of {}", node.key, what), diagnostics);
  BatchRule rule;
  rule.endpoint = node.key;
  if (node.find("size") == nullptr) {
    reader.error(graph::codes::kMissingKey, node, fmt::format("{} has no 'size'", reader.what()),
                 std::string(key.example));
  }
  reader.integer({"size", "size = 32"}, 1, kLargestBatch, rule.size);
  reader.duration({"timeout", "timeout = \"10ms\""}, microseconds(1), hours(1), rule.timeout);
  reader.finish();
  out.push_back(std::move(rule));
}

void read_batching(TableReader& reader, graph::ExecutorDecl& executor) {
  const Key key{"batching", "batching = { \"/encode\" = { size = 32, timeout = \"10ms\" } }"};
  const TomlNode* node = reader.table(key);
  if (node == nullptr) return;
  executor.batching_place = node->place;
  for (const TomlNode& child : node->children) {
    if (child.is_table()) {
      read_batch_rule(child, key, reader.what(), reader.diagnostics(), executor.batching);
    } else {
      reader.error(graph::codes::kWrongType, child,
                   fmt::format("'{}' in 'batching' of {} is {}, but must be a table", child.key,
                               reader.what(), describe(child.kind)),
                   std::string(key.example));
    }
  }
}

}  // namespace

std::vector<std::string> executor_names(const TomlNode& list) {
  std::set<std::string, std::less<>> taken;
  for (const TomlNode& table : list.children) {
    const TomlNode* name = table.find("name");
    if (name != nullptr && name->is_string()) taken.insert(name->text);
  }
  std::vector<std::string> names;
  for (const TomlNode& table : list.children) {
    const TomlNode* given = table.find("name");
    if (given != nullptr && given->is_string()) {
      names.push_back(given->text);
      continue;
    }
    const bool joiner = joins_everything(table);
    std::size_t number = joiner ? 0 : names.size();
    std::string name = joiner ? "joiner" : fmt::format("executor{}", number);
    while (!taken.insert(name).second) {
      name = fmt::format("{}{}", joiner ? "joiner" : "executor", ++number);
    }
    names.push_back(std::move(name));
  }
  return names;
}

graph::ExecutorDecl read_executor(const TomlNode& table, const std::string& name,
                                  const std::string& above, graph::Diagnostics& diagnostics) {
  graph::ExecutorDecl executor;
  executor.place = table.place;
  TableReader reader(table, fmt::format("executor '{}'", name), diagnostics);
  executor.name.value = name;
  std::string given;
  const TomlNode* named = reader.string({"name", "name = \"encode\""}, given);
  if (named != nullptr) executor.name.place = named->place;
  executor.uses = {"pass-through", table.place};
  read_uses(reader, {"uses", "uses = \"hashing-encoder\""}, executor.uses);
  read_needs(reader, above, executor);
  if (const TomlNode* with = reader.table({"with", "with = { dim = 256 }"})) {
    executor.with = to_value_map(*with, diagnostics);
  }
  reader.integer({"replicas", "replicas = 2"}, 1, std::int64_t{graph::kMaxInstances},
                 executor.replicas);
  read_shards(reader, executor.shards);
  read_polling(reader, executor.polling);
  reader.strings({"replicate", "replicate = [\"/index\", \"/update\", \"/delete\"]"},
                 executor.replicate);
  reader.boolean({"allow_partial", "allow_partial = true"}, executor.allow_partial);
  read_companion(reader, {"uses_before", "uses_before = \"normalise\""}, executor.with,
                 executor.uses_before);
  read_companion(reader, {"uses_after", "uses_after = \"match-merger\""}, executor.with,
                 executor.uses_after);
  read_reduction(reader, executor);
  read_when(reader, executor);
  reader.boolean({"floating", "floating = true"}, executor.floating);
  read_env(reader, executor.env);
  reader.duration({"timeout", "timeout = \"5s\""}, microseconds(1), hours(1), executor.timeout);
  reader.string({"workspace", "workspace = \"/var/lib/flow\""}, executor.workspace);
  reader.boolean({"restart", "restart = false"}, executor.restart);
  reader.duration({"ready_timeout", "ready_timeout = \"60s\""}, microseconds(1), hours(1),
                  executor.ready_timeout);
  read_effects(reader, executor);
  read_batching(reader, executor);
  read_later_keys(reader);
  read_external(reader, executor);
  reader.finish();
  return executor;
}

}  // namespace flow::config
