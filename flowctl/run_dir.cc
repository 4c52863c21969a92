#include "flowctl/run_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "config/settings.h"

namespace flow::flowctl {
namespace {

namespace fs = std::filesystem;

// A socket's path has room for 107 bytes; the longest one here is DIR/data-4294967295.ipc.
constexpr std::size_t kLongestDir = 107 - std::string_view("/data-4294967295.ipc").size();

std::string lock_path(const std::string& dir) {
  return dir + "/lock";
}

Error cannot(std::string_view what, const std::string& path) {
  return {Errc::kInternal, fmt::format("cannot {} {}: {}", what, path, std::strerror(errno))};
}

// Whether the file behind `fd` still is the one at `path`.
bool same_file(int fd, const std::string& path) {
  struct stat open_file {};
  struct stat named {};
  return ::fstat(fd, &open_file) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

Status make_private_dir(const std::string& path) {
  std::error_code failed;
  const fs::path parent = fs::path(path).parent_path();
  fs::create_directories(parent, failed);
  if (failed) {
    return Error{Errc::kInternal, fmt::format("cannot make the run directory {} ($FLOW_RUN_DIR "
                                              "names another one): {}",
                                              parent.string(), failed.message())};
  }
  if (::mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST) return cannot("make", path);
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return cannot("look at", path);
  if (info.st_uid != ::getuid()) {
    return Error{Errc::kUnavailable,
                 fmt::format("{} belongs to another user (uid {})", path, info.st_uid)};
  }
  if (::chmod(path.c_str(), S_IRWXU) != 0) return cannot("set the mode of", path);
  return {};
}

// The lock of the folder; kUnavailable when another process holds it. Somebody who only looks holds
// it for a moment, so a refusal must last.
Result<int> take_lock(const std::string& dir) {
  constexpr int kTries = 20;
  const std::string path = lock_path(dir);
  for (int i = 0; i < kTries; ++i) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0 && errno == ENOENT) {  // removed between mkdir and here
      if (Status made = make_private_dir(dir); !made) return std::move(made).error();
      continue;
    }
    if (fd < 0) return cannot("open", path);
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0 && same_file(fd, path)) return fd;
    ::close(fd);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return Error{Errc::kUnavailable, fmt::format("{} is held by another process", path)};
}

std::string command_line(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  std::string line = text.str();
  std::ranges::replace(line, '\0', ' ');
  return line;
}

}  // namespace

std::string run_root() {
  std::error_code failed;
  const std::string root = config::run_directory(config::process_environment(), ::getuid());
  const fs::path absolute = fs::absolute(root, failed);
  return failed ? root : absolute.lexically_normal().string();
}

bool is_supervised(const std::string& dir) {
  const int fd = ::open(lock_path(dir).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return held;
}

pid_t supervisor_pid(const std::string& dir) {
  std::ifstream file(lock_path(dir));
  pid_t pid = 0;
  return file >> pid ? pid : 0;
}

std::vector<FoundFlow> find_flows(const std::string& root) {
  std::vector<FoundFlow> flows;
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::directory_iterator(root, failed)) {
    std::error_code gone;
    if (!fs::exists(entry.path() / "lock", gone)) continue;
    const std::string dir = entry.path().string();
    flows.push_back({entry.path().filename().string(), dir, is_supervised(dir)});
  }
  std::ranges::sort(flows, {}, &FoundFlow::name);
  return flows;
}

Result<FoundFlow> choose_flow(const std::string& root, std::string_view name) {
  const std::vector<FoundFlow> flows = find_flows(root);
  std::vector<FoundFlow> running;
  std::vector<std::string> names;
  for (const FoundFlow& flow : flows) {
    if (!name.empty() && flow.name == name) return flow;
    if (!flow.supervised) continue;
    running.push_back(flow);
    names.push_back(flow.name);
  }
  if (!name.empty()) {
    return Error{
        Errc::kNotFound,
        names.empty()
            ? fmt::format("flow '{}' does not run; none does (looked in {})", name, root)
            : fmt::format("flow '{}' does not run; running: {}", name, fmt::join(names, ", "))};
  }
  if (running.size() == 1) return running.front();
  if (!running.empty()) {
    return Error{Errc::kInvalidArgument,
                 fmt::format("several flows run, name one: {}", fmt::join(names, ", "))};
  }
  if (flows.size() == 1) return flows.front();  // a leftover
  return Error{Errc::kNotFound, fmt::format("no flow runs (looked in {})", root)};
}

RunDir::~RunDir() {
  if (lock_ >= 0) ::close(lock_);
}

RunDir::RunDir(RunDir&& other) noexcept
    : path_(std::move(other.path_)),
      lock_(std::exchange(other.lock_, -1)),
      cleaned_(std::move(other.cleaned_)) {}

RunDir& RunDir::operator=(RunDir&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  std::swap(cleaned_, other.cleaned_);
  return *this;
}

Result<RunDir> RunDir::create(const std::string& root, std::string_view flow) {
  const std::string path = config::flow_directory(root, flow);
  if (path.size() > kLongestDir) {
    return Error{Errc::kInvalidArgument,
                 fmt::format("{} is too long for the sockets in it: {} bytes, at most {}; choose a "
                             "shorter run directory ($FLOW_RUN_DIR)",
                             path, path.size(), kLongestDir)};
  }
  if (Status made = make_private_dir(path); !made) return std::move(made).error();
  Result<int> lock = take_lock(path);
  if (!lock && lock.error().code == Errc::kUnavailable) {
    const pid_t pid = supervisor_pid(path);
    return Error{Errc::kUnavailable,
                 fmt::format("flow '{}' is running already (supervisor pid {}, {}); stop it with: "
                             "flowctl down {}",
                             flow, pid, path, flow)};
  }
  if (!lock) return std::move(lock).error();
  RunDir dir(path, *lock);
  dir.cleaned_ = kill_leftovers(path);
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, ignored)) {
    std::error_code failed;
    if (entry.path().filename() != "lock") fs::remove_all(entry.path(), failed);
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(dir.lock_, 0) != 0 ||
      ::pwrite(dir.lock_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return cannot("write", lock_path(path));
  }
  if (::mkdir((path + "/logs").c_str(), S_IRWXU) != 0) return cannot("make", path + "/logs");
  return dir;
}

void RunDir::remove() {
  std::error_code failed;
  fs::remove_all(path_, failed);
}

std::vector<std::string> kill_leftovers(const std::string& dir) {
  std::vector<std::string> killed;
  const Result<Endpoints> endpoints = read_endpoints(dir);
  if (!endpoints) return killed;
  for (const auto& [name, pid] : endpoints->pids) {
    if (pid == ::getpid() || name == kSupervisorName) continue;
    if (command_line(pid).find(dir) == std::string::npos) continue;
    if (::kill(pid, SIGKILL) == 0) killed.push_back(fmt::format("{} (pid {})", name, pid));
  }
  return killed;
}

std::vector<std::string> clear_leftovers(const std::string& dir) {
  std::vector<std::string> killed = kill_leftovers(dir);
  std::error_code failed;
  fs::remove_all(dir, failed);
  return killed;
}

}  // namespace flow::flowctl
