// A redis-server of a test's own: in a fresh folder, on a unix socket there, ended by its pid.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

namespace flow::store {

class TempDir {
 public:
  TempDir() {
    std::string name = "/tmp/flow-test-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class RedisServer {
 public:
  explicit RedisServer(std::vector<std::string> options = {}) : options_(std::move(options)) {
    start();
  }
  ~RedisServer() { kill(); }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  std::string path() const { return dir_.path() + "/redis.sock"; }
  std::string url() const { return "unix://" + path(); }

  // Returns when it accepts connections.
  void start() {
    int ends[2] = {-1, -1};
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    std::vector<std::string> arguments = {
        "redis-server", "--port",       "0",  "--unixsocket", path(), "--dir",
        dir_.path(),    "--save",       "",   "--daemonize",  "no",   "--appendfsync",
        "always",       "--appendonly", "yes"};
    arguments.insert(arguments.end(), options_.begin(), options_.end());
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) run(arguments, ends[1]);
    close(ends[1]);
    log_ = ends[0];
    std::string seen;
    char part[512];
    while (seen.find("ready to accept connections") == std::string::npos) {
      const ssize_t got = read(log_, part, sizeof part);
      REQUIRE_MESSAGE(got > 0, "redis-server did not start: ", seen);
      seen.append(part, static_cast<std::size_t>(got));
    }
  }

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGCONT);
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(log_);
    pid_ = -1;
  }
  void pause() { ::kill(pid_, SIGSTOP); }
  void resume() { ::kill(pid_, SIGCONT); }

 private:
  [[noreturn]] static void run(std::vector<std::string>& arguments, int output) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    std::vector<char*> argv;
    for (std::string& argument : arguments)
      argv.push_back(argument.data());
    argv.push_back(nullptr);
    execvp(argv[0], argv.data());
    _exit(127);
  }

  TempDir dir_;
  std::vector<std::string> options_;
  pid_t pid_ = -1;
  int log_ = -1;
};

}  // namespace flow::store
