#include "data_thread.h"

#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "base/host.h"
#include "cluster/peer_set.h"
#include "data_loop.h"
#include "executor_start.h"
#include "far_end.h"
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

wire::Ready make_ready(const Executor& executor, const Replicated* replicated) {
  wire::Ready ready;
  if (replicated != nullptr) {
    const Held held = replicated->held();
    ready.holds = wire::Holding{held.newest, held.digest, held.entries};
  }
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

// Binds, says that it is ready, and serves until the end is asked for.
Status run_loop(DataLoop& loop, const DataThreadOptions& options, Shared& shared,
                wire::Ready ready) {
  Result<std::string> address = loop.open(data_address(options.run_dir, options.welcome.instance));
  if (!address) return std::move(address).error();
  ready.data_address = *std::move(address);
  if (options.welcome.publishes) {
    Result<std::string> lanes =
        loop.open_publisher(cluster::lane_address(options.run_dir, options.welcome.instance));
    if (!lanes) return std::move(lanes).error();
    ready.lane_address = *std::move(lanes);
  }
  shared.put_start(std::move(ready));
  shared.to_control.signal();
  loop.run();
  return {};
}

Status serve(const DataThreadOptions& options, net::Context& context, Shared& shared,
             const Clock& clock) {
  const ExecutorConfig config = make_config(options);
  Result<std::unique_ptr<Executor>> executor = start_executor(options.factory, config);
  if (!executor) return std::move(executor).error();
  HandlerExecution execution(**executor, config.name, clock, shared.executing);
  if (Status bound = execution.check(); !bound) return bound;
  if (Status batched = check_batches(**executor, options.welcome); !batched) return batched;
  {
    Replicated* replicated = (*executor)->replicated();
    DataLoop loop(context, shared, clock, make_self(options), execution, replicated);
    const Status ran = run_loop(loop, options, shared, make_ready(**executor, replicated));
    if (!ran) return ran;
  }
  close_executor(**executor, options.name);
  return {};
}

// What this replica of an external executor stands for.
Result<ForwarderOptions> far_options(const wire::Welcome& welcome, const Self& self) {
  const Value* hosts = welcome.with.find("hosts");
  const ValueList* list = hosts == nullptr ? nullptr : hosts->if_list();
  const std::string* address = list != nullptr && welcome.replica < list->size()
                                   ? (*list)[welcome.replica].if_string()
                                   : nullptr;
  if (address == nullptr) {
    return Error{Errc::kInvalidArgument,
                 fmt::format("with.hosts names no address for replica {}", welcome.replica)};
  }
  ForwarderOptions options;
  options.address = *address;
  options.timeout = welcome.timeout;
  options.patience = list->size() > 1 ? Forwarder::kShortPatience : Forwarder::kPatience;
  options.max_part_bytes = self.max_part_bytes;
  options.seed = self.seed;
  return options;
}

Status forward(const DataThreadOptions& options, net::Context& context, Shared& shared,
               const Clock& clock) {
  const Self self = make_self(options);
  Result<ForwarderOptions> far_end = far_options(options.welcome, self);
  if (!far_end) return std::move(far_end).error();
  FarEnd far(context, clock, shared, options.name, *std::move(far_end));
  DataLoop loop(context, shared, clock, self, far.forwarder());
  far.forwarder().set_finish(
      [&loop](Ticket ticket, Executed executed) { loop.finish(ticket, std::move(executed)); });
  if (Status opened = far.open(loop.loop()); !opened) return opened;
  loop.attach([&far](Instant now) { return far.turn(now); });
  wire::Ready ready;
  ready.catch_all = true;
  ready.concurrency = Forwarder::kConcurrency;
  Status ran = run_loop(loop, options, shared, std::move(ready));
  far.close();
  return ran;
}

}  // namespace

std::string data_address(const std::string& run_dir, InstanceId instance) {
  return fmt::format("ipc://{}/data-{}.ipc", run_dir, instance.value);
}

void run_data_thread(const DataThreadOptions& options, net::Context& context, Shared& shared,
                     const Clock& clock) {
  const auto run = options.forwards ? forward : serve;
  if (Status served = run(options, context, shared, clock); !served)
    shared.put_start(std::move(served).error());
  shared.ended.store(true, std::memory_order_release);
  shared.to_control.signal();
}

}  // namespace flow::worker
