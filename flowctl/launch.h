// Which processes a flow consists of, and how each is started. Pure, but for looking where our own
// programs are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/flow_file.h"
#include "flowctl/child.h"

namespace flow::flowctl {

// In the order they are stopped in, from the last.
enum class Part { kRedis, kBroker, kWorker, kGateway };

struct Planned {
  Part part = Part::kWorker;
  ChildSpec spec;
  bool restart = true;
};

struct Launch {
  std::string flow;
  std::string run_dir;
  std::string broker;  // addresses
  std::string redis;
  bool private_redis = true;
  std::vector<Planned> processes;  // Redis (when private), broker, gateway, workers
};

// The folder flowctl itself is in: flow-broker and the others are beside it, or else in PATH.
std::string own_directory();
std::string find_own_program(std::string_view name);

// Where flow-worker is found, for config::LoadOptions::builtin_dir.
std::string builtin_directory();

struct LaunchOptions {
  std::string flow_file;  // absolute
  std::string run_dir;
  std::vector<std::string> overrides;
};

// Whether executors can be started with this CUDA_VISIBLE_DEVICES of flowctl's own environment. Not
// where it is no selector (graph/devices.h) and an executor has none of its own: names it.
Status check_devices(const config::LoadedFlow& flow, std::string_view visible);

Launch plan_launch(const config::LoadedFlow& flow, const LaunchOptions& options);

// The log file of a process: logs/<name with "/" as ".">.log.
std::string log_path(std::string_view run_dir, std::string_view name);

}  // namespace flow::flowctl
