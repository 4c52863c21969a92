#include "config/executor_keys.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "config/check_values.h"
#include "graph/codes.h"
#include "graph/devices.h"
#include "graph/graph.h"

namespace flow::config {
namespace {

constexpr std::size_t kMaxPolled = 1000;  // endpoints of one executor

bool names_a_program(std::string_view text) {
  return !text.empty() && text.find('\0') == std::string_view::npos;
}

// A number in quotes is one only where a variable was put in.
std::optional<Polling> polling_of(const TomlNode& node) {
  if (node.kind == TomlNode::Kind::kInt) return parse_polling(fmt::format("{}", node.integer));
  const bool number = !node.text.empty() && node.text.front() <= '9';
  if (!node.is_string() || (number && !node.expanded)) return std::nullopt;
  return parse_polling(node.text);
}

std::string hint_for_polling(const TomlNode& node, std::string_view example) {
  constexpr std::array<std::string_view, 3> kWords = {"ANY", "ALL", "ALL_ASYNC"};
  std::string upper = node.is_string() ? node.text : std::string();
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  }
  const auto meant = did_you_mean(upper, kWords);
  return meant ? fmt::format("did you mean {}?", *meant) : std::string(example);
}

// `endpoint` is empty where one word stands for all.
std::optional<Polling> read_word(TableReader& reader, const TomlNode& node,
                                 std::string_view endpoint, std::string_view example) {
  const std::optional<Polling> polling = polling_of(node);
  const std::string of =
      endpoint.empty() ? std::string("polling") : fmt::format("polling of '{}'", endpoint);
  if (polling == Polling::kHash) {
    reader.error(graph::codes::kUnsupported, node,
                 fmt::format("{} in {} is HASH, which is not supported by this version yet", of,
                             reader.what()),
                 "ANY, ALL or ALL_ASYNC");
  } else if (!polling) {
    const bool number = node.kind == TomlNode::Kind::kInt;
    const std::string given = node.is_string() ? fmt::format("'{}'", node.text)
                              : number         ? fmt::format("{}", node.integer)
                                               : std::string(describe(node.kind));
    reader.error(
        node.is_string() || number ? graph::codes::kBadWord : graph::codes::kWrongType, node,
        fmt::format("{} in {} is {}, but must be ANY, ALL or ALL_ASYNC", of, reader.what(), given),
        hint_for_polling(node, example));
  }
  return polling;
}

// UUIDs and numbers in turn; how many devices there are is known where a worker runs.
void check_devices(TableReader& reader, const TomlNode& node, std::string_view value) {
  if (!graph::DeviceSelector::is_one(value)) return;
  const Result<graph::DeviceSelector> selector = graph::DeviceSelector::parse(value);
  if (selector) return;
  reader.error(graph::codes::kBadDevices, node,
               fmt::format("{} in 'env' of {}: {}", graph::kDevicesVariable, reader.what(),
                           selector.error().message),
               fmt::format("such as {}", graph::DeviceSelector::examples()));
}

}  // namespace

void read_shards(TableReader& reader, std::uint32_t& out) {
  const std::int64_t most{graph::kMaxInstances};
  const TomlNode* shards = reader.integer({"shards", "shards = 2"}, 1, most, out);
  const TomlNode* older = reader.integer({"parallel", "parallel = 2"}, 1, most, out);
  if (shards == nullptr || older == nullptr) return;
  reader.error(graph::codes::kGivenTwice, *older,
               fmt::format("{} has `shards` and `parallel`, which are the same", reader.what()),
               "leave one of them out");
}

void read_polling(TableReader& reader, graph::PollingDecl& out) {
  const Key key{"polling", "polling = { \"/search\" = \"ALL\", \"*\" = \"ANY\" }"};
  const TomlNode* node = reader.take(key.name);
  if (node == nullptr) return;
  out.place = node->place;
  if (!node->is_table()) {
    if (node->is_list()) return reader.wrong_type(*node, key, "a string or a table of endpoints");
    out.others = read_word(reader, *node, "", key.example);
    return;
  }
  if (node->children.size() > kMaxPolled) {
    return reader.error(graph::codes::kOutOfRange, *node,
                        fmt::format("'polling' of {} has {} endpoints, at most {} are possible",
                                    reader.what(), node->children.size(), kMaxPolled),
                        "\"*\" stands for all endpoints that are not named");
  }
  for (const TomlNode& child : node->children) {
    const std::optional<Polling> polling = read_word(reader, child, child.key, key.example);
    if (child.key == "*") {
      out.others = polling;
    } else if (polling) {
      out.endpoints.emplace_back(child.key, *polling);
    }
  }
}

void read_uses(TableReader& reader, Key key, graph::Placed<std::string>& out) {
  std::string given;
  const TomlNode* uses = reader.string(key, given);
  if (uses == nullptr) return;
  if (!names_a_program(given)) {
    return reader.error(graph::codes::kOutOfRange, *uses,
                        fmt::format("'{}' of {} names no program", key.name, reader.what()),
                        fmt::format("{}, or leave it out", key.example));
  }
  out = {std::move(given), uses->place};
}

// Names end up in execve: no name may hold "=" or a zero byte.
void read_env(TableReader& reader, std::map<std::string, std::string>& out) {
  const Key key{"env", "env = { OMP_NUM_THREADS = \"4\" }"};
  reader.string_map(key, out);
  for (const auto& entry : out) {
    const TomlNode& node = *reader.node().find("env")->find(entry.first);
    const bool bad_name = entry.first.empty() || entry.first.find_first_of(std::string_view(
                                                     "=\0", 2)) != std::string::npos;
    if (bad_name || entry.second.find('\0') != std::string::npos) {
      reader.error(graph::codes::kOutOfRange, node,
                   fmt::format("'{}' in 'env' of {} cannot be an environment variable", entry.first,
                               reader.what()),
                   std::string(key.example));
    }
    if (entry.first == graph::kDevicesVariable) check_devices(reader, node, entry.second);
  }
}

void read_companion(TableReader& reader, Key key, const ValueMap& with,
                    std::optional<graph::CompanionDecl>& out) {
  const TomlNode* node = reader.take(key.name);
  if (node == nullptr) return;
  graph::CompanionDecl companion;
  companion.place = node->place;
  if (node->is_string()) {
    read_uses(reader, key, companion.uses);
    companion.with = with;
  } else if (node->is_table()) {
    TableReader inner(*node, fmt::format("'{}' of {}", key.name, reader.what()),
                      reader.diagnostics());
    read_uses(inner, {"uses", "uses = \"match-merger\""}, companion.uses);
    if (node->find("uses") == nullptr) {
      inner.error(graph::codes::kMissingKey, *node, fmt::format("{} has no 'uses'", inner.what()),
                  "uses = \"match-merger\"");
    }
    if (const TomlNode* given = inner.table({"with", "with = { top = 10 }"})) {
      companion.with = to_value_map(*given, reader.diagnostics());
    }
    inner.integer({"replicas", "replicas = 2"}, 1, std::int64_t{graph::kMaxInstances},
                  companion.replicas);
    read_env(inner, companion.env);
    inner.finish();
  } else {
    return reader.wrong_type(*node, key, "a string or a table");
  }
  if (!companion.uses.value.empty()) out = std::move(companion);
}

}  // namespace flow::config
