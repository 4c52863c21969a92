#include "flowctl/launch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "config/programs.h"
#include "graph/codes.h"
#include "graph/devices.h"
#include "graph/graph.h"

namespace flow::flowctl {
namespace {

namespace fs = std::filesystem;

ChildSpec make_spec(const Launch& launch, std::string name, std::string program) {
  ChildSpec spec;
  spec.name = std::move(name);
  spec.program = std::move(program);
  spec.log = log_path(launch.run_dir, spec.name);
  return spec;
}

Planned plan_redis(const Launch& launch) {
  Planned redis{Part::kRedis, make_spec(launch, "redis", "redis-server"), true};
  redis.spec.arguments = {"--port",           "0",   "--unixsocket", launch.run_dir + "/redis.sock",
                          "--unixsocketperm", "700", "--dir",        launch.run_dir,
                          "--save",           "",    "--appendonly", "no",
                          "--daemonize",      "no",  "--loglevel",   "warning",
                          "--databases",      "1",   "--maxmemory",  "256mb"};
  return redis;
}

Planned plan_broker(const Launch& launch, const LaunchOptions& options) {
  Planned broker{Part::kBroker, make_spec(launch, "broker", find_own_program("flow-broker")), true};
  broker.spec.arguments = {"--flow", options.flow_file, "--run-dir", launch.run_dir};
  if (launch.private_redis) {
    broker.spec.arguments.insert(broker.spec.arguments.end(), {"--redis", launch.redis});
  }
  for (const std::string& change : options.overrides) {
    broker.spec.arguments.insert(broker.spec.arguments.end(), {"--set", change});
  }
  return broker;
}

std::vector<std::string> member_arguments(const Launch& launch, const std::string& name) {
  return {"--broker", launch.broker, "--name", name, "--run-dir", launch.run_dir};
}

void plan_workers(Launch& launch, const config::LoadedFlow& flow) {
  for (const graph::Node& node : flow.graph.nodes()) {
    const graph::ExecutorDecl& executor = flow.decl.executors[node.executor];
    const bool builtin = node.external || config::is_builtin(node.uses);
    const std::string program = node.index.value < flow.programs.size() && !builtin
                                    ? flow.programs[node.index.value]
                                    : find_own_program("flow-worker");
    for (std::uint16_t shard = 0; shard < node.shards; ++shard) {
      for (std::uint16_t replica = 0; replica < node.replicas; ++replica) {
        const std::string name = graph::instance_name(node, shard, replica);
        Planned worker{Part::kWorker, make_spec(launch, name, program), executor.restart};
        worker.spec.arguments = member_arguments(launch, name);
        if (builtin) {
          worker.spec.arguments.insert(worker.spec.arguments.end(), {"--uses", node.uses});
        }
        worker.spec.environment = node.env;
        launch.processes.push_back(std::move(worker));
      }
    }
  }
}

}  // namespace

std::string own_directory() {
  std::error_code failed;
  const fs::path self = fs::read_symlink("/proc/self/exe", failed);
  return failed ? std::string() : self.parent_path().string();
}

std::string find_own_program(std::string_view name) {
  const fs::path beside = fs::path(own_directory()) / name;
  return ::access(beside.c_str(), X_OK) == 0 ? beside.string() : std::string(name);
}

std::string builtin_directory() {
  const std::string worker = find_own_program("flow-worker");
  return worker.find('/') == std::string::npos ? std::string()
                                               : fs::path(worker).parent_path().string();
}

std::string log_path(std::string_view run_dir, std::string_view name) {
  std::string file(name);
  std::ranges::replace(file, '/', '.');
  return std::string(run_dir) + "/logs/" + file + ".log";
}

Status check_devices(const config::LoadedFlow& flow, std::string_view visible) {
  if (!graph::DeviceSelector::is_one(visible)) return {};
  const Result<graph::DeviceSelector> selector = graph::DeviceSelector::parse(visible);
  const std::string variable(graph::kDevicesVariable);
  for (const graph::ExecutorDecl& executor : flow.decl.executors) {
    if (selector || executor.env.contains(variable)) continue;
    return Error{Errc::kInvalidArgument,
                 fmt::format("{} of this process is for executor '{}', which has none of its own: "
                             "{}; right are {} ({})",
                             variable, executor.name.value, selector.error().message,
                             graph::DeviceSelector::examples(), graph::codes::kBadDevices)};
  }
  return {};
}

Launch plan_launch(const config::LoadedFlow& flow, const LaunchOptions& options) {
  Launch launch;
  launch.flow = flow.decl.name.value;
  launch.run_dir = options.run_dir;
  launch.broker = "ipc://" + options.run_dir + "/broker.ipc";
  launch.private_redis = flow.decl.redis.url == "private";
  launch.redis =
      launch.private_redis ? "unix://" + options.run_dir + "/redis.sock" : flow.decl.redis.url;
  if (launch.private_redis) launch.processes.push_back(plan_redis(launch));
  launch.processes.push_back(plan_broker(launch, options));
  Planned gateway{Part::kGateway, make_spec(launch, "gateway/0", find_own_program("flow-gateway")),
                  true};
  gateway.spec.arguments = member_arguments(launch, "gateway/0");
  launch.processes.push_back(std::move(gateway));
  plan_workers(launch, flow);
  return launch;
}

}  // namespace flow::flowctl
