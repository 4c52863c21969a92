#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "arguments.h"
#include "base/host.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process_id.h"
#include "base/stop_signal.h"
#include "base/text.h"
#include "base/time.h"
#include "devices.h"
#include "flow/executor.h"
#include "listener.h"
#include "net/context.h"
#include "worker.h"

namespace flow {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr std::string_view kDefaultExecutor = "pass-through";
constexpr std::string_view kForwarder = "external";  // what flowctl starts for external = true

// The executor asked for; kNotFound says what there is.
Result<ExecutorFactory> choose(const std::vector<NamedExecutor>& executors,
                               const std::string& uses) {
  const bool only_one = executors.size() == 1 && executors.front().name.empty();
  if (only_one) {
    if (!uses.empty()) {
      return Error{Errc::kInvalidArgument, "--uses is for programs with several executors"};
    }
    return executors.front().factory;
  }
  const std::string_view wanted = uses.empty() ? kDefaultExecutor : std::string_view(uses);
  const auto found = std::ranges::find(executors, wanted, &NamedExecutor::name);
  if (found != executors.end()) return found->factory;
  std::vector<std::string_view> names;
  for (const NamedExecutor& executor : executors)
    names.push_back(executor.name);
  std::string message = fmt::format("no built-in executor '{}'", wanted);
  if (const auto meant = did_you_mean(wanted, names)) {
    message += fmt::format("; did you mean '{}'?", *meant);
  } else {
    message += fmt::format("; there are {}", fmt::join(names, ", "));
  }
  return Error{Errc::kNotFound, std::move(message)};
}

int run_worker(worker::WorkerOptions options) {
  StopSignal stop;
  log::init(options.name);
  Result<wire::DevicesAsked> devices = worker::devices_asked();
  if (!devices) {
    fmt::print(stderr, "{}: {}: {}\n", options.program, options.name, devices.error().message);
    return kFailed;
  }
  options.devices = *std::move(devices);
  const SystemClock clock;
  net::Context context;
  worker::Worker runtime(std::move(options), context, clock);
  return runtime.run(stop);
}

// What the executor of a worker on its own is told; there is no broker to say it.
ExecutorConfig own_config(const worker::Arguments& arguments, const std::string& program) {
  ExecutorConfig config(arguments.with);
  const bool named_by_uses = arguments.name.empty() && !arguments.uses.empty();
  config.name = named_by_uses ? arguments.uses : arguments.name;
  if (config.name.empty()) config.name = program;
  config.instance = config.name;
  config.workspace = arguments.workspace.empty() ? "." : arguments.workspace;
  return config;
}

int run_listener(worker::ListenerOptions options) {
  StopSignal stop;
  log::init(options.config.instance);
  if (const Status devices = worker::take_first_device(); !devices) {
    fmt::print(stderr, "{}: {}: {}\n", options.program, options.config.instance,
               devices.error().message);
    return kFailed;
  }
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  options.config.devices = visible == nullptr ? "" : visible;
  const SystemClock clock;
  net::Context context;
  worker::Listener listener(std::move(options), context, clock);
  return listener.run(stop);
}

}  // namespace

int run_executors(int argc, char** argv, const std::vector<NamedExecutor>& executors) {
  const std::string program = std::filesystem::path(argc > 0 ? argv[0] : "executor").filename();
  const bool built_ins = executors.size() != 1 || !executors.front().name.empty();
  const std::vector<std::string_view> words(argv + std::min(argc, 1), argv + argc);
  const Result<worker::Arguments> arguments = worker::parse_arguments(words);
  if (!arguments) {
    fmt::print(stderr, "{}: {}\n{}", program, arguments.error().message,
               worker::usage(program, built_ins));
    return kUsage;
  }
  if (arguments->help) {
    fmt::print("{}", worker::usage(program, built_ins));
    return 0;
  }
  if (arguments->version) {
    fmt::print("{} {}\n", program, version());
    return 0;
  }
  const bool forwards = built_ins && arguments->uses == kForwarder && arguments->listen.empty();
  Result<ExecutorFactory> factory =
      forwards ? ExecutorFactory() : choose(executors, arguments->uses);
  if (!factory) {
    const std::string& name = arguments->name.empty() ? arguments->listen : arguments->name;
    fmt::print(stderr, "{}: {}: {}\n", program, name, factory.error().message);
    return factory.error().code == Errc::kInvalidArgument ? kUsage : kFailed;
  }
  if (arguments->check_config) return 0;
  keep_freed_memory();
  remember_process_id();
  if (!arguments->listen.empty()) {
    return run_listener(
        {program, arguments->listen, own_config(*arguments, program), *std::move(factory)});
  }
  return run_worker({program,
                     arguments->broker,
                     arguments->name,
                     arguments->run_dir,
                     *std::move(factory),
                     {},
                     forwards});
}

}  // namespace flow
