#include "config/flow_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/json.h"

namespace flow::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 5> kTimes = {{{"h", 3'600'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"s", 1'000'000'000},
                                         {"ms", 1'000'000},
                                         {"us", 1'000}}};
constexpr std::array<Unit, 4> kSizes = {
    {{"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"B", 1}}};

// The largest unit that divides it; the smallest, with a fraction, if none does.
std::string exact(std::uint64_t amount, std::span<const Unit> units) {
  const Unit& smallest = units.back();
  if (amount == 0) return fmt::format("0{}", smallest.name);
  for (const Unit& unit : units) {
    if (amount % unit.factor == 0) return fmt::format("{}{}", amount / unit.factor, unit.name);
  }
  return fmt::format("{}.{:03}{}", amount / smallest.factor, amount % smallest.factor,
                     smallest.name);
}

Value number(std::uint64_t amount) {
  return Value(static_cast<std::int64_t>(amount));
}

ValueMap gateway_value(const graph::GatewayDecl& gateway) {
  ValueMap map;
  if (!gateway.address.empty()) map.append("address", gateway.address);
  if (gateway.insecure) map.append("insecure", true);
  map.append("deadline", duration_text(gateway.deadline));
  map.append("max_in_flight", number(gateway.max_in_flight));
  map.append("max_in_flight_bytes", size_text(gateway.max_in_flight_bytes));
  map.append("max_queued", number(gateway.max_queued));
  map.append("max_request", size_text(gateway.max_request));
  map.append("unavailable_after", duration_text(gateway.unavailable_after));
  return map;
}

ValueMap redis_value(const graph::RedisDecl& redis) {
  ValueMap map;
  map.append("url", redis.url);
  if (!redis.password_file.empty()) map.append("password_file", redis.password_file);
  return map;
}

template <typename Pairs>
ValueMap string_table(const Pairs& pairs) {
  ValueMap map;
  for (const auto& entry : pairs)
    map.append(entry.first, Value(entry.second));
  return map;
}

// TOML has no null, and nests less deep than JSON: such a filter is written as a string of JSON.
constexpr int kMaxTableDepth = 16;

bool fits_toml(const Value& value, int depth) {
  if (value.is_null() || depth > kMaxTableDepth) return false;
  const auto fits = [depth](const Value& child) { return fits_toml(child, depth + 1); };
  if (const ValueList* list = value.if_list()) return std::ranges::all_of(*list, fits);
  const ValueMap* map = value.if_map();
  return map == nullptr ||
         std::ranges::all_of(*map, [&fits](const auto& entry) { return fits(entry.second); });
}

Value polling_value(const graph::PollingDecl& polling) {
  if (polling.endpoints.empty()) return Value(graph::polling_word(*polling.others));
  ValueMap map;
  for (const auto& entry : polling.endpoints)
    map.append(entry.first, graph::polling_word(entry.second));
  if (polling.others) map.append("*", graph::polling_word(*polling.others));
  return Value(std::move(map));
}

// As a string where reading that gives the same.
Value companion_value(const graph::CompanionDecl& companion, const ValueMap& with) {
  if (companion.with == with && companion.replicas == 1 && companion.env.empty()) {
    return Value(companion.uses.value);
  }
  ValueMap map;
  map.append("uses", companion.uses.value);
  if (!companion.with.empty()) map.append("with", companion.with);
  map.append("replicas", number(companion.replicas));
  if (!companion.env.empty()) map.append("env", string_table(companion.env));
  return Value(std::move(map));
}

ValueMap batching_value(std::span<const BatchRule> rules) {
  ValueMap map;
  for (const BatchRule& rule : rules) {
    ValueMap entry;
    entry.append("size", number(rule.size));
    entry.append("timeout", duration_text(rule.timeout));
    map.append(rule.endpoint, std::move(entry));
  }
  return map;
}

// What is said of an executor as a whole: the same for all its nodes.
void append_common(ValueMap& map, const graph::ExecutorDecl& executor) {
  if (executor.timeout > Duration::zero()) {
    map.append("timeout", duration_text(executor.timeout));
  }
  map.append("threads", number(executor.threads));
  if (!executor.workspace.empty()) map.append("workspace", executor.workspace);
  map.append("restart", executor.restart);
  map.append("ready_timeout", duration_text(executor.ready_timeout));
  if (!executor.effects.empty()) map.append("effects", string_table(executor.effects));
  if (!executor.batching.empty()) map.append("batching", batching_value(executor.batching));
}

// An [[executor]] table.
ValueMap executor_value(const graph::ExecutorDecl& executor) {
  ValueMap map;
  map.append("name", executor.name.value);
  if (executor.external) {
    map.append("external", true);
    ValueList hosts;
    for (const std::string& host : executor.hosts)
      hosts.emplace_back(host);
    map.append("host", std::move(hosts));
  } else {
    map.append("uses", executor.uses.value);
  }
  ValueList needs;
  for (const auto& need : executor.needs)
    needs.emplace_back(need.value);
  map.append("needs", std::move(needs));
  if (!executor.with.empty()) map.append("with", executor.with);
  map.append("replicas", number(executor.replicas));
  map.append("shards", number(executor.shards));
  const graph::PollingDecl& polling = executor.polling;
  if (polling.others || !polling.endpoints.empty()) map.append("polling", polling_value(polling));
  ValueList replicate;
  for (const auto& endpoint : executor.replicate)
    replicate.emplace_back(endpoint.value);
  if (!replicate.empty()) map.append("replicate", std::move(replicate));
  if (executor.uses_before) {
    map.append("uses_before", companion_value(*executor.uses_before, executor.with));
  }
  if (executor.uses_after) {
    map.append("uses_after", companion_value(*executor.uses_after, executor.with));
  }
  map.append("no_reduce", executor.no_reduce);
  map.append("allow_partial", executor.allow_partial);
  if (executor.when) {
    Value when(*executor.when);
    map.append("when", fits_toml(when, 0) ? std::move(when) : Value(to_json(when)));
  }
  map.append("floating", executor.floating);
  if (!executor.env.empty()) map.append("env", string_table(executor.env));
  append_common(map, executor);
  return map;
}

std::string name_of(const graph::Graph& graph, NodeIndex index) {
  return index == kGatewayNode ? "gateway" : graph[index].name;
}

ValueList names_of(const graph::Graph& graph, std::span<const NodeIndex> indexes) {
  ValueList names;
  for (const NodeIndex index : indexes)
    names.emplace_back(name_of(graph, index));
  return names;
}

// What is said of a node of its own.
void append_node(ValueMap& map, const graph::Node& node) {
  if (!node.with.empty()) map.append("with", node.with);
  map.append("replicas", number(node.replicas));
  map.append("shards", number(node.shards));
  ValueMap polling;
  for (const auto& entry : node.polling)
    polling.append(entry.first, graph::polling_word(entry.second));
  if (!polling.empty()) map.append("polling", std::move(polling));
  if (!node.replicate.empty())
    map.append("replicate", ValueList(node.replicate.begin(), node.replicate.end()));
  map.append("no_reduce", node.no_reduce);
  map.append("takes_parts", node.takes_parts);
  map.append("allow_partial", node.allow_partial);
  if (node.external) map.append("external", true);
  if (node.when) map.append("when", *node.when);
  map.append("floating", node.floating);
  if (!node.env.empty()) map.append("env", string_table(node.env));
}

}  // namespace

std::string duration_text(Duration duration) {
  return exact(static_cast<std::uint64_t>(duration.count()), kTimes);
}

std::string size_text(std::uint64_t bytes) {
  return exact(bytes, kSizes);
}

ValueMap declared_value(const graph::FlowDecl& flow) {
  ValueList executors;
  for (const graph::ExecutorDecl& executor : flow.executors)
    executors.emplace_back(executor_value(executor));
  ValueMap map;
  map.append("flow", ValueMap{{"name", flow.name.value}});
  map.append("gateway", gateway_value(flow.gateway));
  map.append("redis", redis_value(flow.redis));
  if (!executors.empty()) map.append("executor", std::move(executors));
  return map;
}

ValueMap compiled_value(const graph::FlowDecl& flow, const graph::Graph& graph,
                        std::span<const std::string> programs) {
  ValueList executors;
  ValueList hanging;
  for (const graph::Node& node : graph.nodes()) {
    ValueMap map;
    map.append("name", node.name);
    map.append("executor", graph::executor_name(node));
    map.append("uses", node.uses);
    if (node.index.value < programs.size()) map.append("program", programs[node.index.value]);
    map.append("needs", names_of(graph, node.needs));
    map.append("successors", names_of(graph, node.successors));
    append_node(map, node);
    append_common(map, flow.executors[node.executor]);
    executors.emplace_back(std::move(map));
    if (graph::is_hanging(graph, node.index)) hanging.emplace_back(node.name);
  }
  ValueMap map;
  map.append("name", flow.name.value);
  map.append("gateway", gateway_value(flow.gateway));
  map.append("redis", redis_value(flow.redis));
  map.append("executors", std::move(executors));
  map.append("sink", name_of(graph, graph.sink()));
  map.append("hanging", std::move(hanging));
  return map;
}

}  // namespace flow::config
