#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>
#include <variant>

#include "base/json.h"
#include "config/executor_keys.h"
#include "graph/codes.h"
#include "graph/query.h"

namespace flow::config {
namespace {

const TomlNode* child_of(const TomlNode& node, const std::string& step) {
  if (!node.is_list()) return node.find(step);
  std::size_t position = 0;
  const char* end = step.data() + step.size();
  const auto read = std::from_chars(step.data(), end, position);
  const bool there = read.ec == std::errc() && position < node.children.size();
  return there ? &node.children[position] : nullptr;
}

// The node where a path ends, or the last one on the way there is: in a string of JSON the string.
const TomlNode& walk(const TomlNode& when, std::span<const std::string> path) {
  const TomlNode* at = &when;
  for (const std::string& step : path) {
    const TomlNode* child = child_of(*at, step);
    if (child == nullptr) break;
    at = child;
  }
  return *at;
}

void report(TableReader& reader, const TomlNode& when, const graph::QueryProblem& problem,
            std::string_view example) {
  const TomlNode& node = walk(when, problem.path);
  const bool whole = &node == &when;
  std::string message = fmt::format("'when' of {}: {}", reader.what(), problem.message);
  const std::string& origin = node.origin.empty() ? when.origin : node.origin;
  if (!origin.empty()) message += fmt::format(" ({})", origin);
  reader.diagnostics().error(graph::codes::kBadFilter, whole ? node.place : node.key_place,
                             std::move(message),
                             problem.hint.empty() ? std::string(example) : problem.hint);
}

std::string with_article(Value::Kind kind) {
  const std::string_view name = to_string(kind);
  if (kind == Value::Kind::kNull) return std::string(name);
  return fmt::format("{} {}", kind == Value::Kind::kInt ? "an" : "a", name);
}

std::optional<ValueMap> read_json(TableReader& reader, const TomlNode& node,
                                  std::string_view example) {
  Result<Value> query = parse_json(node.text);
  if (query && query->if_map() != nullptr) return std::move(*query->if_map());
  reader.error(graph::codes::kBadJson, node,
               fmt::format("'when' of {} is not a JSON object: {}", reader.what(),
                           query ? "it is " + with_article(query->kind()) : query.error().message),
               std::string(example));
  return std::nullopt;
}

}  // namespace

void read_when(TableReader& reader, graph::ExecutorDecl& executor) {
  const Key key{"when", "when = { \"tags__lang\" = { \"$eq\" = \"en\" } }"};
  const TomlNode* node = reader.take(key.name);
  if (node == nullptr) return;
  if (!node->is_table() && !node->is_string()) {
    return reader.wrong_type(*node, key, "a table, or a string of JSON");
  }
  executor.when_place = node->place;
  executor.when = node->is_table() ? to_value_map(*node, reader.diagnostics())
                                   : read_json(reader, *node, key.example);
  if (!executor.when) return;
  const auto parsed = graph::Query::parse(*executor.when);
  if (const auto* problem = std::get_if<graph::QueryProblem>(&parsed)) {
    report(reader, *node, *problem, key.example);
  }
}

}  // namespace flow::config
