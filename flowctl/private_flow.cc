#include "flowctl/private_flow.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/json.h"
#include "flowctl/child.h"
#include "flowctl/endpoints.h"
#include "flowctl/launch.h"

namespace flow::flowctl {
namespace {

namespace fs = std::filesystem;

constexpr int kPollMs = 2;  // how often it is asked whether it is ready
constexpr Duration kAfterForce = std::chrono::seconds(5);
constexpr std::size_t kSaidLines = 20;
constexpr std::size_t kLongestParent = 40;  // paths of sockets are short

enum class Woken { kEnded, kSignal, kNothing };

// Until the process has ended, a signal came, or the time is over.
Woken wait_for(int pid_fd, int stop_fd, Duration patience) {
  std::array<pollfd, 2> sources{{{pid_fd, POLLIN, 0}, {stop_fd, POLLIN, 0}}};
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
  if (::poll(sources.data(), sources.size(), static_cast<int>(ms)) <= 0) return Woken::kNothing;
  return sources[0].revents != 0 ? Woken::kEnded : Woken::kSignal;
}

std::string text_value(const std::string& text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace

std::vector<std::string> private_overrides(const graph::FlowDecl& flow, const std::string& folder) {
  std::vector<std::string> out;
  if (!flow.gateway.address.empty()) {
    out.push_back("gateway.address=" + text_value("ipc://" + folder + "/gateway"));
  }
  if (flow.redis.url != "private") out.emplace_back("redis.url=\"private\"");
  for (const graph::ExecutorDecl& executor : flow.executors) {
    if (executor.workspace.empty()) continue;
    out.push_back(fmt::format("executor.{}.workspace={}", executor.name.value,
                              text_value(folder + "/workspace")));
  }
  return out;
}

Result<PrivateFlow> PrivateFlow::start(const graph::FlowDecl& flow,
                                       const PrivateFlowOptions& options, StopSignal& stop) {
  PrivateFlow made(stop);
  if (Status folder = made.make_folder(); !folder) return folder.error();
  std::vector<std::string> overrides = options.overrides;
  for (std::string& own : private_overrides(flow, made.folder_))
    overrides.push_back(std::move(own));
  if (Status spawned = made.spawn_up(options, std::move(overrides)); !spawned) {
    return spawned.error();
  }
  if (Status ready = made.await_ready(flow.name.value); !ready) return ready.error();
  return made;
}

PrivateFlow::PrivateFlow(PrivateFlow&& other) noexcept
    : stop_(other.stop_),
      folder_(std::exchange(other.folder_, {})),
      gateway_(std::move(other.gateway_)),
      pid_(std::exchange(other.pid_, 0)),
      pid_fd_(std::exchange(other.pid_fd_, -1)) {}

PrivateFlow& PrivateFlow::operator=(PrivateFlow&& other) noexcept {
  std::swap(stop_, other.stop_);
  std::swap(folder_, other.folder_);
  std::swap(gateway_, other.gateway_);
  std::swap(pid_, other.pid_);
  std::swap(pid_fd_, other.pid_fd_);
  return *this;
}

PrivateFlow::~PrivateFlow() {
  stop();
}

Status PrivateFlow::make_folder() {
  const char* chosen = std::getenv("TMPDIR");
  const bool fits = chosen != nullptr && *chosen == '/' && std::strlen(chosen) <= kLongestParent;
  std::string name = fmt::format("{}/flow-run-XXXXXX", fits ? chosen : "/tmp");
  if (::mkdtemp(name.data()) == nullptr) {
    return Error{Errc::kUnavailable,
                 fmt::format("cannot make the folder {}: {}", name, std::strerror(errno))};
  }
  folder_ = std::move(name);
  return {};
}

Status PrivateFlow::spawn_up(const PrivateFlowOptions& options,
                             std::vector<std::string> overrides) {
  ChildSpec spec;
  spec.name = "flowctl up";
  spec.program = find_own_program("flowctl");
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(options.wait_ready);
  spec.arguments = {"up", options.file, "--no-restart", "--wait-ready",
                    fmt::format("{}us", us.count())};
  for (std::string& change : overrides) {
    spec.arguments.emplace_back("--set");
    spec.arguments.push_back(std::move(change));
  }
  spec.environment = {{"FLOW_RUN_DIR", folder_ + "/run"}, {"FLOW_STATE_DIR", folder_ + "/state"}};
  spec.log = folder_ + "/up.log";
  Result<pid_t> pid = spawn(spec);
  if (!pid) return pid.error();
  pid_ = *pid;
  pid_fd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  return {};
}

Status PrivateFlow::await_ready(const std::string& flow) {
  const std::string dir = fmt::format("{}/run/{}", folder_, flow);
  for (;;) {
    switch (wait_for(pid_fd_, stop_->fd(), std::chrono::milliseconds(kPollMs))) {
      case Woken::kEnded:
        return Error{Errc::kUnavailable, fmt::format("the flow did not start:\n{}", said())};
      case Woken::kSignal: stop_->take(); return Error{Errc::kCancelled, "interrupted"};
      case Woken::kNothing: break;
    }
    Result<Endpoints> endpoints = read_endpoints(dir);
    if (endpoints && !endpoints->gateway.empty()) {
      gateway_ = endpoints->gateway;
      return {};
    }
  }
}

std::string PrivateFlow::said() const {
  return last_lines(folder_ + "/up.log", kSaidLines);
}

void PrivateFlow::stop() {
  if (pid_ > 0) {
    ::kill(pid_, SIGTERM);
    Woken woken = wait_for(pid_fd_, stop_->fd(), kPatience);
    if (woken != Woken::kEnded) {
      ::kill(pid_, SIGTERM);  // the second time: it kills what is left
      woken = wait_for(pid_fd_, -1, kAfterForce);
    }
    if (woken != Woken::kEnded) ::kill(pid_, SIGKILL);  // and the kernel what it started
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    ::close(std::exchange(pid_fd_, -1));
    pid_ = 0;
  }
  if (folder_.empty()) return;
  std::error_code failed;
  fs::remove_all(std::exchange(folder_, {}), failed);
}

}  // namespace flow::flowctl
