#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/stop_signal.h"
#include "base/units.h"
#include "config/flow_file.h"
#include "config/report.h"
#include "flowctl/child.h"
#include "flowctl/commands.h"
#include "flowctl/exit_code.h"
#include "flowctl/launch.h"
#include "flowctl/output.h"
#include "flowctl/run_dir.h"
#include "flowctl/status_view.h"
#include "flowctl/supervisor.h"

namespace flow::flowctl {
namespace {

namespace fs = std::filesystem;

struct UpOptions {
  std::string file;
  std::vector<std::string> overrides;
  std::string wait_ready = "30s";
  bool detach = false;
  bool no_restart = false;
  bool deny_warnings = false;
};

// The supervisor's end of a detached start: tells the waiting parent how it went, once, and then
// lives on with its narration in a log file.
class Detached {
 public:
  explicit Detached(int report) : report_(report) {}

  void started(const std::string& log) {
    tell(kExitOk);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    const int file = ::open(log.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    ::dup2(null, STDIN_FILENO);
    ::dup2(null, STDOUT_FILENO);
    ::dup2(file >= 0 ? file : null, STDERR_FILENO);
  }
  void tell(int code) {
    if (report_ < 0) return;
    const auto byte = static_cast<unsigned char>(code);
    if (::write(report_, &byte, 1) != 1) say("the command that started this is gone");
    ::close(report_);
    report_ = -1;
  }

 private:
  int report_;
};

std::string ready_text(const Endpoints& endpoints, const ValueMap& status, Duration took) {
  std::string out = fmt::format("flow '{}' is ready ({})\n", endpoints.flow, format_duration(took));
  const auto line = [&out](const char* what, const std::string& address) {
    if (!address.empty()) out += fmt::format("{:<8} {}\n", what, address);
  };
  line("gateway", endpoints.gateway);
  line("broker", endpoints.broker);
  line("redis", endpoints.redis);
  return out + status_table(status, use_color(STDOUT_FILENO));
}

std::string absolute(const std::string& path) {
  std::error_code failed;
  const fs::path full = fs::absolute(path, failed);
  return failed ? path : full.lexically_normal().string();
}

// Everything from here on is the supervisor's, detached or not.
int supervise(const UpOptions& options, const config::LoadedFlow& flow, Detached* detached) {
  const SystemClock clock;
  const Instant began = clock.now();
  StopSignal stop;
  ChildSignal children;
  Result<RunDir> dir = RunDir::create(run_root(), flow.decl.name.value);
  if (!dir) {
    say("{}", dir.error().message);
    return kExitNo;
  }
  for (const std::string& name : dir->cleaned())
    say("ended {}, left over from before", name);
  LaunchOptions launch;
  launch.flow_file = absolute(options.file);
  launch.run_dir = dir->path();
  launch.overrides = options.overrides;
  SupervisorOptions settings;
  settings.wait_ready = *parse_duration(options.wait_ready);
  settings.restart = !options.no_restart;
  settings.narrate = is_terminal(STDERR_FILENO);
  const auto ready = [&](const Endpoints& endpoints, const ValueMap& status) {
    (void)write_out(ready_text(endpoints, status, clock.now() - began));
    for (const std::string& warning : status_warnings(status))
      say("warning: {}", warning);
    if (detached != nullptr) detached->started(log_path(dir->path(), "flowctl"));
  };
  int code = kExitNo;
  {
    Supervisor supervisor(plan_launch(flow, launch), settings, stop, children, ready);
    code = supervisor.run();
  }
  dir->remove();
  return code;
}

// The parent of a detached supervisor: waits until the flow is ready or is not going to be.
int await_detached(pid_t supervisor, int report) {
  StopSignal stop;
  bool interrupted = false;
  for (;;) {
    std::array<pollfd, 2> sources{{{report, POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
    if (::poll(sources.data(), sources.size(), -1) < 0) continue;
    if ((sources[1].revents & POLLIN) != 0) {
      const int signal = stop.take();
      interrupted = interrupted || signal == SIGINT;
      if (signal != 0) ::kill(supervisor, SIGTERM);
    }
    if (sources[0].revents == 0) continue;
    unsigned char code = 0;
    if (::read(report, &code, 1) != 1) {  // it ended without a word
      int status = 0;
      ::waitpid(supervisor, &status, 0);
      say("the supervisor ended: {}", describe_end(status));
      return kExitNo;
    }
    return interrupted && code != kExitOk ? kExitInterrupted : code;
  }
}

int detach(const UpOptions& options, const config::LoadedFlow& flow) {
  std::array<int, 2> report{};
  if (::pipe2(report.data(), O_CLOEXEC) != 0) {
    say("cannot make a pipe");
    return kExitNo;
  }
  const pid_t pid = ::fork();
  if (pid < 0) {
    say("cannot start a process of its own");
    return kExitNo;
  }
  if (pid > 0) {
    ::close(report[1]);
    return await_detached(pid, report[0]);
  }
  ::close(report[0]);
  ::setsid();
  Detached detached(report[1]);
  const int code = supervise(options, flow, &detached);
  detached.tell(code);
  ::_exit(code);
}

int up(const UpOptions& options) {
  config::LoadOptions load;
  load.overrides = options.overrides;
  load.deny_warnings = options.deny_warnings;
  load.builtin_dir = builtin_directory();
  const config::LoadResult result = config::load_flow(options.file, load);
  const std::string report = config::report_text(result, use_color(STDERR_FILENO));
  if (!report.empty()) fmt::print(stderr, "{}", report);
  if (!result.ok()) return kExitBadFlow;
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (Status usable = check_devices(*result.flow, visible == nullptr ? "" : visible); !usable) {
    say("{}", harmless(usable.error().message));
    return kExitUsage;
  }
  return options.detach ? detach(options, *result.flow) : supervise(options, *result.flow, nullptr);
}

}  // namespace

Command add_up(CLI::App& root) {
  CLI::App* app =
      root.add_subcommand("up", "starts a flow and supervises it; Ctrl-C drains and stops it");
  const auto options = std::make_shared<UpOptions>();
  app->add_option("FILE", options->file, "the flow file")->required();
  app->add_flag("-d,--detach", options->detach, "return when it is ready; it runs on");
  app->add_option("--wait-ready", options->wait_ready, "how long it may take to become ready")
      ->check(duration_option())
      ->capture_default_str();
  app->add_flag("--no-restart", options->no_restart, "leave processes that die as they are");
  app->add_option("--set", options->overrides, "KEY=VALUE over what the file says; repeatable")
      ->expected(1)
      ->take_all();
  app->add_flag("--deny-warnings", options->deny_warnings, "warnings are errors");
  return {app, [options] { return up(*options); }};
}

}  // namespace flow::flowctl
