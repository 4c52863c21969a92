#include "broker/core.h"
#include "config/settings.h"

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

void Core::welcome(const Instance& instance) {
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
  }
  effects_.send(*instance.connection, message);
}

// <workspace>/<flow>/<executor>/<shard>/<replica>
std::string Core::workspace_of(const graph::Node& node, const Instance& instance) const {
  const graph::ExecutorDecl& executor = options_.flow.executors[node.executor];
  const std::string& base = executor.workspace.empty() ? options_.state_dir : executor.workspace;
  return config::workspace_directory(base, options_.flow.name.value, node.name, instance.shard,
                                     instance.replica);
}

}  // namespace flow::broker
