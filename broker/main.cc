#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/host.h"
#include "base/log.h"
#include "base/process_id.h"
#include "base/stop_signal.h"
#include "broker/arguments.h"
#include "broker/service.h"
#include "config/environment.h"
#include "config/flow_file.h"
#include "config/report.h"
#include "config/settings.h"

namespace {

constexpr int kFailed = 1;
constexpr int kUsageError = 2;
constexpr int kBadFlow = 78;

int fail(int code, std::string_view message) {
  fmt::print(stderr, "flow-broker: {}\n", message);
  return code;
}

flow::Result<std::optional<flow::store::RedisOptions>> redis_options(
    const flow::broker::Arguments& arguments, const flow::config::LoadedFlow& flow) {
  const std::string& url = arguments.redis.empty() ? flow.decl.redis.url : arguments.redis;
  if (url == "private") return std::optional<flow::store::RedisOptions>();
  auto address = flow::store::parse_redis_url(url);
  if (!address) return address.error();
  flow::store::RedisOptions options;
  options.address = std::move(*address);
  options.flow = flow.decl.name.value;
  options.executors.emplace_back("gateway");
  for (const flow::graph::Node& node : flow.graph.nodes())
    options.executors.push_back(node.name);
  if (arguments.redis.empty() && !flow.decl.redis.password_file.empty()) {
    auto password = flow::store::read_password_file(flow.decl.redis.password_file);
    if (!password) return password.error();
    options.address.password = std::move(*password);
  }
  return std::optional(std::move(options));
}

flow::Result<flow::broker::ServiceOptions> service_options(const flow::broker::Arguments& arguments,
                                                           flow::config::LoadedFlow flow) {
  flow::broker::ServiceOptions options;
  auto redis = redis_options(arguments, flow);
  if (!redis) return redis.error();
  auto state_dir = flow::config::state_directory(flow::config::process_environment(), getuid());
  if (!state_dir) return state_dir.error();
  options.redis = std::move(*redis);
  options.run_dir = arguments.run_dir;
  options.core.flow = std::move(flow.decl);
  options.core.graph = std::move(flow.graph);
  options.core.spec = std::move(flow.text);
  options.core.state_dir = std::move(*state_dir);
  std::error_code unknown;
  options.core.restarted = std::filesystem::exists(arguments.run_dir + "/broker.ipc", unknown);
  return options;
}

flow::Status make_run_dir(const std::string& path) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(path, error);
  if (!error && made) std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
  if (!error) return {};
  return flow::Error{flow::Errc::kUnavailable,
                     fmt::format("cannot make the run directory '{}': {}", path, error.message())};
}

int serve(const flow::broker::Arguments& arguments, flow::config::LoadedFlow flow) {
  auto options = service_options(arguments, std::move(flow));
  if (!options) return fail(kFailed, options.error().message);
  if (const flow::Status made = make_run_dir(arguments.run_dir); !made)
    return fail(kFailed, made.error().message);
  flow::StopSignal signal;
  flow::SystemClock clock;
  flow::net::Context context;
  flow::broker::Service service(std::move(*options), context, clock, signal);
  if (const flow::Status opened = service.open(); !opened)
    return fail(kFailed, opened.error().message);
  return service.run();
}

}  // namespace

int main(int argc, char** argv) {
  flow::remember_process_id();
  const auto arguments = flow::broker::parse_arguments(argc, argv);
  if (!arguments) {
    fail(kUsageError, arguments.error().message);
    fmt::print(stderr, "{}", flow::broker::kUsage);
    return kUsageError;
  }
  if (arguments->help) {
    fmt::print("{}", flow::broker::kUsage);
    return 0;
  }
  if (arguments->version) {
    fmt::print("flow-broker {}\n", flow::version());
    return 0;
  }
  flow::log::init("broker");
  flow::config::LoadOptions load;
  load.overrides = arguments->overrides;
  load.find_programs = false;
  auto loaded = flow::config::load_flow(arguments->flow_file, load);
  fmt::print(stderr, "{}", flow::config::report_text(loaded));
  if (!loaded.ok()) return kBadFlow;
  if (arguments->check_config) return 0;
  return serve(*arguments, std::move(*loaded.flow));
}
