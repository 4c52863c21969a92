#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>

#include "base/time.h"
#include "base/units.h"
#include "config/environment.h"
#include "config/settings.h"
#include "flowctl/commands.h"
#include "flowctl/endpoints.h"
#include "flowctl/exit_code.h"
#include "flowctl/output.h"
#include "flowctl/run_dir.h"

namespace flow::flowctl {
namespace {

namespace fs = std::filesystem;

constexpr Duration kSayAfter = std::chrono::seconds(1);
constexpr Duration kAfterForce = std::chrono::seconds(5);

struct DownOptions {
  std::string flow;
  std::string timeout = "30s";
  bool purge = false;
};

// A process that is to end, held by a descriptor, so that its number cannot come to mean another.
class Process {
 public:
  explicit Process(pid_t pid) : fd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  ~Process() {
    if (fd_ >= 0) ::close(fd_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  bool open() const { return fd_ >= 0; }
  void signal(int number) const { ::syscall(SYS_pidfd_send_signal, fd_, number, nullptr, 0); }

  // Whether it has ended, waiting at most `patience`.
  bool ended(Duration patience) const {
    pollfd source{fd_, POLLIN, 0};
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    return ::poll(&source, 1, static_cast<int>(std::max<std::int64_t>(ms, 0))) > 0;
  }

 private:
  int fd_;
};

std::string running_processes(const std::string& dir) {
  const Result<Endpoints> endpoints = read_endpoints(dir);
  if (!endpoints) return "its processes";
  std::string names;
  for (const auto& [name, pid] : endpoints->pids) {
    if (name == kSupervisorName || ::kill(pid, 0) != 0) continue;
    names += fmt::format("{}{} (pid {})", names.empty() ? "" : ", ", name, pid);
  }
  return names.empty() ? "its supervisor" : names;
}

int stop(const FoundFlow& flow, Duration timeout) {
  const SystemClock clock;
  const Instant began = clock.now();
  const pid_t pid = supervisor_pid(flow.dir);
  const Process supervisor(pid);
  if (pid == 0 || !supervisor.open()) {
    say("cannot find the supervisor of flow '{}' (its pid should be in {}/lock)", flow.name,
        flow.dir);
    return kExitNo;
  }
  supervisor.signal(SIGTERM);
  bool said = false;
  while (clock.now() - began < timeout) {
    const Duration left = timeout - (clock.now() - began);
    if (supervisor.ended(std::min(left, kSayAfter))) return kExitOk;
    if (!said) say("waiting for {}", running_processes(flow.dir));
    said = true;
  }
  say("flow '{}' did not end within {}; killing {}", flow.name, format_duration(timeout),
      running_processes(flow.dir));
  supervisor.signal(SIGTERM);  // the second time: it kills what is left
  if (!supervisor.ended(kAfterForce)) supervisor.signal(SIGKILL);
  return kExitTimeout;
}

// Removes the flow's workspaces in the default place.
int purge(const std::string& flow) {
  const Result<std::string> base =
      config::state_directory(config::process_environment(), ::getuid());
  if (!base) {
    say("{}", base.error().message);
    return kExitNo;
  }
  const fs::path path = fs::path(*base) / flow;
  std::error_code failed;
  const bool there = fs::exists(path, failed);
  if (there) fs::remove_all(path, failed);
  if (failed) {
    say("cannot delete {}: {}", path.string(), failed.message());
    return kExitNo;
  }
  if (there) say("deleted the workspaces in {}", path.string());
  return kExitOk;
}

int down(const DownOptions& options) {
  const Result<FoundFlow> flow = choose_flow(run_root(), options.flow);
  int code = kExitOk;
  if (!flow && flow.error().code == Errc::kInvalidArgument) {
    say("{}", flow.error().message);
    return kExitUnreachable;
  }
  if (flow && flow->supervised) code = stop(*flow, *parse_duration(options.timeout));
  if (flow && !is_supervised(flow->dir) && fs::exists(flow->dir)) {
    for (const std::string& name : clear_leftovers(flow->dir))
      say("ended {}, left over", name);
  }
  if (!flow) say("{}", flow.error().message);
  if (!options.purge || code != kExitOk) return code;
  const std::string name = flow ? flow->name : options.flow;
  if (!name.empty()) return purge(name);
  say("--purge needs the flow's name when it does not run");
  return kExitUsage;
}

}  // namespace

Command add_down(CLI::App& root) {
  CLI::App* app =
      root.add_subcommand("down", "drains a flow and stops all its processes; 0 when none runs");
  const auto options = std::make_shared<DownOptions>();
  app->add_option("FLOW", options->flow, "its name; may be left out when one flow runs");
  app->add_option("--timeout", options->timeout, "after this, what is left is killed")
      ->check(duration_option())
      ->capture_default_str();
  app->add_flag("--purge", options->purge, "also delete what its executors keep (workspaces)");
  return {app, [options] { return down(*options); }};
}

}  // namespace flow::flowctl
