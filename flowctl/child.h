// Child processes: started in a session of their own, ended with us, their output in a log file.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace flow::flowctl {

struct ChildSpec {
  std::string name;  // encode/rep-0, broker, redis
  std::string program;
  std::vector<std::string> arguments;              // without the program
  std::map<std::string, std::string> environment;  // over this process's
  std::string log;                                 // stdout and stderr are appended
};

// Starts it: a session of its own (Ctrl-C does not reach it), no blocked signals, stdin /dev/null,
// killed by the kernel when the calling thread dies. kUnavailable says why the program cannot be
// run. Returns once the program runs or is known not to.
Result<pid_t> spawn(const ChildSpec& spec);

// How a process ended, from waitpid: "exit status 1", "signal 9 (Killed)".
std::string describe_end(int wait_status);

// SIGCHLD as a file descriptor. Create it before any thread starts.
class ChildSignal {
 public:
  ChildSignal();
  ~ChildSignal();
  ChildSignal(const ChildSignal&) = delete;
  ChildSignal& operator=(const ChildSignal&) = delete;

  int fd() const { return fd_; }
  void drain();

 private:
  int fd_;
};

// The last lines of a log file, for an error message.
std::string last_lines(const std::string& path, std::size_t count);

}  // namespace flow::flowctl
