#include <fmt/format.h>

#include "base/log.h"
#include "broker/core.h"
#include "config/settings.h"
#include "graph/devices.h"

namespace flow::broker {
namespace {

template <typename T>
Value integer(T value) {
  return Value(static_cast<std::int64_t>(value));
}

ValueMap settings_of(const graph::GatewayDecl& gateway) {
  ValueMap settings;
  settings.set("address", gateway.address);
  settings.set("deadline", integer(to_us(gateway.deadline)));
  settings.set("max_in_flight", integer(gateway.max_in_flight));
  settings.set("max_in_flight_bytes", integer(gateway.max_in_flight_bytes));
  settings.set("max_queued", integer(gateway.max_queued));
  settings.set("max_request", integer(gateway.max_request));
  settings.set("unavailable_after", integer(to_us(gateway.unavailable_after)));
  return settings;
}

}  // namespace

bool Core::welcome(Instance& instance, Instant now) {
  Result<std::optional<std::string>> devices = devices_of(instance);
  if (!devices) {
    const std::string reason = std::move(devices).error().message;
    refuse(*instance.connection, reason);
    instance.connection.reset();
    die(instance.id, reason, now, true);
    return false;
  }
  if (const std::string warning = device_warning(instance); !warning.empty())
    log::warn("{}: {}", instance.name, warning);
  wire::Welcome message;
  message.instance = instance.id;
  message.term = term_;
  message.beat = options_.beat;
  message.flow = options_.flow.name.value;
  message.max_part_bytes = options_.flow.gateway.max_request;
  message.publishes = publishes(instance.node);
  if (instance.role == wire::Role::kGateway) {
    message.node = kGatewayNode;
    message.executor = "gateway";
    message.settings = settings_of(options_.flow.gateway);
  } else {
    const graph::Node& node = options_.graph[instance.node];
    const graph::ExecutorDecl& executor = options_.flow.executors[node.executor];
    message.node = instance.node;
    message.executor = graph::executor_name(node);
    message.shard = instance.shard;
    message.shards = node.shards;
    message.replica = instance.replica;
    message.replicas = node.replicas;
    message.with = node.with;
    message.workspace = workspace_of(node, instance);
    message.timeout = executor.timeout;
    message.threads = executor.threads;
    message.batches = !node.batching.empty();
    message.devices = *std::move(devices);
  }
  effects_.send(*instance.connection, message);
  return true;
}

// What its CUDA_VISIBLE_DEVICES is: none where it is not set, empty on a host without GPUs. The
// devices that a flow's replicas take in turn are not meant for the programs around them.
Result<std::optional<std::string>> Core::devices_of(const Instance& instance) const {
  const auto& [visible, count] = instance.devices;
  if (instance.role == wire::Role::kGateway || visible.empty()) return std::optional<std::string>();
  if (!graph::DeviceSelector::is_one(visible)) return std::optional(visible);
  const graph::Node& node = options_.graph[instance.node];
  const bool own = node.env.contains(std::string(graph::kDevicesVariable));
  if (node.role != graph::NodeRole::kMain && !own) return std::optional<std::string>();
  const Result<graph::DeviceSelector> selector = graph::DeviceSelector::parse(visible);
  if (selector && selector->needs_count() && count == 0) return std::optional(std::string());
  Result<std::string> device =
      selector ? selector->device(instance.replica, count) : Result<std::string>(selector.error());
  if (device) return std::optional(*std::move(device));
  return Error{device.error().code,
               fmt::format("{} on host {}: {}", graph::kDevicesVariable,
                           instance.host.empty() ? "without a name" : instance.host,
                           device.error().message)};
}

std::string Core::device_warning(const Instance& instance) const {
  const std::string& visible = instance.devices.visible;
  const Result<std::optional<std::string>> devices = devices_of(instance);
  const bool none = devices && *devices == "" && graph::DeviceSelector::is_one(visible);
  return !none ? std::string()
               : fmt::format("{} = \"{}\", but host {} has no GPU: it starts without",
                             graph::kDevicesVariable, visible, instance.host);
}

// <workspace>/<flow>/<executor>/<shard>/<replica>
std::string Core::workspace_of(const graph::Node& node, const Instance& instance) const {
  const graph::ExecutorDecl& executor = options_.flow.executors[node.executor];
  const std::string& base = executor.workspace.empty() ? options_.state_dir : executor.workspace;
  return config::workspace_directory(base, options_.flow.name.value, node.name, instance.shard,
                                     instance.replica);
}

}  // namespace flow::broker
