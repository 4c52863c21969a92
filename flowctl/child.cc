#include "flowctl/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string_view>

#include "base/check.h"

extern char** environ;  // NOLINT: POSIX declares it nowhere

namespace flow::flowctl {
namespace {

// What the child needs between fork and exec, where it must not allocate.
struct Prepared {
  std::vector<std::string> texts;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  int log = -1;
  int null = -1;
};

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& own) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string name(text.substr(0, text.find('=')));
    if (!own.contains(name)) out.emplace_back(text);
  }
  for (const auto& [name, value] : own)
    out.push_back(name + "=" + value);
  return out;
}

Prepared prepare(const ChildSpec& spec, std::vector<std::string>& environment) {
  Prepared prepared;
  prepared.texts.push_back(spec.program);
  prepared.texts.insert(prepared.texts.end(), spec.arguments.begin(), spec.arguments.end());
  for (std::string& text : prepared.texts)
    prepared.arguments.push_back(text.data());
  prepared.arguments.push_back(nullptr);
  for (std::string& text : environment)
    prepared.environment.push_back(text.data());
  prepared.environment.push_back(nullptr);
  prepared.log = ::open(spec.log.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  prepared.null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  return prepared;
}

// In the child: async-signal-safe calls only.
[[noreturn]] void become(const Prepared& prepared, pid_t parent, int report) {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::dup2(prepared.null, STDIN_FILENO);
  ::dup2(prepared.log, STDOUT_FILENO);
  ::dup2(prepared.log, STDERR_FILENO);
  ::execvpe(prepared.arguments.front(), prepared.arguments.data(), prepared.environment.data());
  const int error = errno;
  if (::write(report, &error, sizeof error) < 0) ::_exit(126);
  ::_exit(127);
}

}  // namespace

Result<pid_t> spawn(const ChildSpec& spec) {
  std::vector<std::string> environment = merged_environment(spec.environment);
  const Prepared prepared = prepare(spec, environment);
  std::array<int, 2> report{-1, -1};
  const bool ready =
      prepared.log >= 0 && prepared.null >= 0 && ::pipe2(report.data(), O_CLOEXEC) == 0;
  const pid_t parent = ::getpid();
  const pid_t pid = ready ? ::fork() : -1;
  if (pid == 0) become(prepared, parent, report[1]);
  int error = pid < 0 ? errno : 0;
  if (report[1] >= 0) ::close(report[1]);
  if (pid > 0) {
    ssize_t got = 0;
    do {
      got = ::read(report[0], &error, sizeof error);
    } while (got < 0 && errno == EINTR);
    if (got == 0) error = 0;
    if (error != 0) ::waitpid(pid, nullptr, 0);
  }
  if (report[0] >= 0) ::close(report[0]);
  if (prepared.log >= 0) ::close(prepared.log);
  if (prepared.null >= 0) ::close(prepared.null);
  if (error == 0) return pid;
  const bool searched = spec.program.find('/') == std::string::npos;
  return Error{Errc::kUnavailable,
               fmt::format("cannot start {}: {}: {}{}", spec.name, spec.program,
                           std::strerror(error), searched ? " (searched in PATH)" : "")};
}

std::string describe_end(int wait_status) {
  if (WIFEXITED(wait_status)) return fmt::format("exit status {}", WEXITSTATUS(wait_status));
  if (WIFSIGNALED(wait_status)) {
    const int signal = WTERMSIG(wait_status);
    return fmt::format("signal {} ({})", signal, ::strsignal(signal));
  }
  return fmt::format("wait status {}", wait_status);
}

ChildSignal::ChildSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  fd_ = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  FLOW_CHECK(fd_ >= 0, "signalfd failed");
}

ChildSignal::~ChildSignal() {
  ::close(fd_);
}

void ChildSignal::drain() {
  signalfd_siginfo info{};
  while (::read(fd_, &info, sizeof info) == sizeof info) {
  }
}

std::string last_lines(const std::string& path, std::size_t count) {
  constexpr std::streamoff kTail = 64 * 1024;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const std::streamoff size = file.tellg();
  file.seekg(size > kTail ? size - kTail : 0);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  while (text.ends_with('\n'))
    text.pop_back();
  std::size_t at = text.size();
  for (std::size_t i = 0; i < count && at != std::string::npos && at > 0; ++i) {
    at = text.rfind('\n', at - 1);
  }
  return at == std::string::npos || at == 0 ? text : text.substr(at + 1);
}

}  // namespace flow::flowctl
