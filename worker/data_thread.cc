#include "data_thread.h"

#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "base/host.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/peer_set.h"
#include "data_loop.h"
#include "handlers.h"

namespace flow::worker {
namespace {

// The name in the flow file, also of an executor's uses_before and uses_after.
std::string executor_name(const wire::Welcome& welcome) {
  return welcome.executor.substr(0, welcome.executor.find('/'));
}

ExecutorConfig make_config(const DataThreadOptions& options) {
  const wire::Welcome& welcome = options.welcome;
  ExecutorConfig config(welcome.with);
  config.name = executor_name(welcome);
  config.instance = options.name;
  config.shard = welcome.shard;
  config.shards = welcome.shards;
  config.replica = welcome.replica;
  config.replicas = welcome.replicas;
  config.workspace = welcome.workspace;
  const char* devices = std::getenv("CUDA_VISIBLE_DEVICES");
  config.devices = devices == nullptr ? "" : devices;
  return config;
}

Status check_unused(const ExecutorConfig& config) {
  const std::vector<std::string> unused = config.unused();
  if (unused.empty()) return {};
  const std::vector<std::string>& known = config.asked();
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  std::string message = fmt::format("unknown key '{}' in with", unused.front());
  if (const auto meant = did_you_mean(unused.front(), candidates))
    message += fmt::format("; did you mean '{}'?", *meant);
  return Error{Errc::kInvalidArgument, std::move(message)};
}

Status check_batches(const Executor& executor, const wire::Welcome& welcome) {
  for (const Executor::Binding& binding : executor.bindings()) {
    if (!welcome.batches || !binding.wants_matrix) continue;
    return Error{Errc::kInvalidArgument,
                 fmt::format("the handler of '{}' takes unreduced parts (DocumentsMatrix), which "
                             "cannot be put into batches: take `batching` out of the flow file",
                             binding.endpoint)};
  }
  return {};
}

Result<std::unique_ptr<Executor>> make_executor(const ExecutorFactory& factory,
                                                const ExecutorConfig& config) {
  try {
    return factory(config);
  } catch (const ConfigError& error) {
    return Error{Errc::kInvalidArgument, error.what()};
  } catch (...) {
    return Error{Errc::kExecutorError, describe_exception()};
  }
}

Self make_self(const DataThreadOptions& options) {
  const wire::Welcome& welcome = options.welcome;
  Self self;
  self.instance = welcome.instance;
  self.node = welcome.node;
  self.shard = welcome.shard;
  self.replica = welcome.replica;
  self.host = host_id();
  self.executor = executor_name(welcome);
  self.name = options.name;
  if (welcome.max_part_bytes > 0) self.max_part_bytes = welcome.max_part_bytes;
  self.seed = static_cast<std::uint64_t>(wall_clock_ms()) * 0x9E3779B97F4A7C15ULL;
  return self;
}

wire::Ready make_ready(const Executor& executor, const Replicated* replicated,
                       std::string address) {
  wire::Ready ready;
  if (replicated != nullptr) {
    const Held held = replicated->held();
    ready.holds = wire::Holding{held.newest, held.digest, held.entries};
  }
  ready.data_address = std::move(address);
  for (const Executor::Binding& binding : executor.bindings()) {
    ready.wants_matrix = ready.wants_matrix || binding.wants_matrix;
    if (binding.endpoint == kCatchAll) {
      ready.catch_all = true;
    } else {
      ready.endpoints.push_back(binding.endpoint);
    }
  }
  return ready;
}

void close_executor(Executor& executor, const std::string& name) {
  try {
    executor.close();
  } catch (...) {
    log::error("close() of {} failed: {}", name, describe_exception());
  }
}

Status serve(const DataThreadOptions& options, net::Context& context, Shared& shared,
             const Clock& clock) {
  const ExecutorConfig config = make_config(options);
  Result<std::unique_ptr<Executor>> executor = make_executor(options.factory, config);
  if (!executor) return std::move(executor).error();
  if (Status used = check_unused(config); !used) return used;
  HandlerExecution execution(**executor, config.name, clock, shared.executing);
  if (Status bound = execution.check(); !bound) return bound;
  if (Status batched = check_batches(**executor, options.welcome); !batched) return batched;
  {
    Replicated* replicated = (*executor)->replicated();
    DataLoop loop(context, shared, clock, make_self(options), execution, replicated);
    Result<std::string> address =
        loop.open(data_address(options.run_dir, options.welcome.instance));
    if (!address) return std::move(address).error();
    wire::Ready ready = make_ready(**executor, replicated, *std::move(address));
    if (options.welcome.publishes) {
      Result<std::string> lanes =
          loop.open_publisher(cluster::lane_address(options.run_dir, options.welcome.instance));
      if (!lanes) return std::move(lanes).error();
      ready.lane_address = *std::move(lanes);
    }
    shared.put_start(std::move(ready));
    shared.to_control.signal();
    loop.run();
  }
  close_executor(**executor, options.name);
  return {};
}

}  // namespace

std::string data_address(const std::string& run_dir, InstanceId instance) {
  return fmt::format("ipc://{}/data-{}.ipc", run_dir, instance.value);
}

void run_data_thread(const DataThreadOptions& options, net::Context& context, Shared& shared,
                     const Clock& clock) {
  if (Status served = serve(options, context, shared, clock); !served)
    shared.put_start(std::move(served).error());
  shared.ended.store(true, std::memory_order_release);
  shared.to_control.signal();
}

}  // namespace flow::worker
