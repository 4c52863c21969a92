#include "processes.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace peer {
namespace {

volatile std::sig_atomic_t told_to_end = 0;

std::uint64_t read_clock(clockid_t clock) {
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

void pause_ms(int ms) {
  ::poll(nullptr, 0, ms);
}

// A child writes into it what became of its start; it is closed by exec and by the child's end.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_, O_CLOEXEC) != 0) throw Error(std::string("a pipe: ") + std::strerror(errno));
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void write_byte(char byte) const {
    if (::write(ends_[1], &byte, 1) != 1) ::_exit(1);
  }
  void close_writing() { close_end(1); }

  enum class Said { kByte, kClosed, kNothing };
  Said read_byte(char& byte) const {
    pollfd item{ends_[0], POLLIN, 0};
    if (::poll(&item, 1, kPatienceMs) <= 0) return Said::kNothing;
    return ::read(ends_[0], &byte, 1) == 1 ? Said::kByte : Said::kClosed;
  }

 private:
  void close_end(int which) {
    if (ends_[which] >= 0) ::close(ends_[which]);
    ends_[which] = -1;
  }

  int ends_[2] = {-1, -1};
};

void end_with_parent(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it ended before that
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

void send_output_to(const std::string& log) {
  const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return;
  ::dup2(file, STDOUT_FILENO);
  ::dup2(file, STDERR_FILENO);
}

// Debian keeps servers where users' PATH does not lead.
void add_system_folders_to_path() {
  const char* path = std::getenv("PATH");
  const std::string longer = std::string(path == nullptr ? "/usr/bin" : path) + ":/usr/sbin:/sbin";
  ::setenv("PATH", longer.c_str(), 1);
}

std::string end_of(const std::string& log) {
  constexpr std::size_t kMost = 400;
  std::ifstream file(log);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (text.size() > kMost) text.erase(0, text.size() - kMost);
  return text.empty() ? text : "; its log ends with: " + text;
}

}  // namespace

std::uint64_t now_ns() {
  return read_clock(CLOCK_MONOTONIC);
}

void end_when_told() {
  struct sigaction action {};
  action.sa_handler = [](int) { told_to_end = 1; };
  for (const int signal : {SIGINT, SIGTERM})
    ::sigaction(signal, &action, nullptr);
}

void check_not_told_to_end() {
  if (told_to_end != 0) throw Error("told to end");
}

TemporaryFolder::TemporaryFolder() {
  const char* parent = std::getenv("TMPDIR");
  path_ = std::string(parent == nullptr ? "/tmp" : parent) + "/flow-peer-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) throw Error("cannot make a folder " + path_);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Processes::~Processes() {
  for (const Process& process : processes_)
    ::kill(process.pid, SIGKILL);
  for (const Process& process : processes_)
    ::waitpid(process.pid, nullptr, 0);
}

pid_t Processes::start_child(const std::string& name, const std::string& log) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw Error("cannot start the process " + name + ": " + std::strerror(errno));
  if (pid == 0) {
    end_with_parent(parent);
  } else {
    processes_.push_back({name, log, pid});
  }
  return pid;
}

void Processes::start(const std::string& name, const Body& body) {
  Pipe pipe;
  if (start_child(name, "") == 0) {
    try {
      body([&pipe] { pipe.write_byte('r'); });
    } catch (const Error& error) {
      std::fprintf(stderr, "%s: the process %s: %s\n", program_invocation_short_name, name.c_str(),
                   error.what());
    }
    ::_exit(1);
  }
  pipe.close_writing();
  char byte = 0;
  const Pipe::Said said = pipe.read_byte(byte);
  if (said == Pipe::Said::kByte) return;
  check();
  throw Error("the process " + name +
              (said == Pipe::Said::kClosed ? " ended while starting" : " was not ready in 20 s"));
}

void Processes::run(std::vector<std::string> command, const std::string& log) {
  std::vector<char*> arguments;
  for (std::string& argument : command)
    arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  Pipe pipe;
  if (start_child(command.front(), log) == 0) {
    send_output_to(log);
    add_system_folders_to_path();
    ::execvp(arguments.front(), arguments.data());
    pipe.write_byte(static_cast<char>(std::min(errno, 127)));
    ::_exit(1);
  }
  pipe.close_writing();
  char failure = 0;
  if (pipe.read_byte(failure) == Pipe::Said::kByte) {
    throw Error("cannot run " + command.front() + ": " + std::strerror(failure) +
                "; scripts/setup --bench installs it");
  }
}

void Processes::check() const {
  check_not_told_to_end();
  for (const Process& process : processes_) {
    siginfo_t info{};
    const int outcome =
        ::waitid(P_PID, static_cast<id_t>(process.pid), &info, WEXITED | WNOHANG | WNOWAIT);
    if (outcome == 0 && info.si_pid != 0) {
      throw Error("the process " + process.name + " ended" + end_of(process.log));
    }
  }
}

void Processes::wait_until(const std::string& what, const std::function<bool()>& done) const {
  constexpr int kPauseMs = 5;
  const std::uint64_t until = now_ns() + std::uint64_t{kPatienceMs} * 1'000'000;
  while (!done()) {
    check();
    if (now_ns() > until) throw Error("waited 20 s in vain for " + what);
    pause_ms(kPauseMs);
  }
}

std::uint64_t Processes::cpu_ns() const {
  std::uint64_t sum = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  for (const Process& process : processes_) {
    clockid_t clock{};
    if (::clock_getcpuclockid(process.pid, &clock) == 0) sum += read_clock(clock);
  }
  return sum;
}

}  // namespace peer
