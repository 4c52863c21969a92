// The processes of a program that Flow is compared with, and the folder of their sockets. Whatever
// a program starts ends with it: when it is done, when it fails, when it is told to end, and by the
// kernel's hand when it is killed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace peer {

// Ends the program (or one process of it) with a message. It says what failed, and where.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline constexpr int kPatienceMs = 20'000;  // for anything another process has to do
inline constexpr int kSliceMs = 200;        // after that long without news: do all of them live?

std::uint64_t now_ns();

// From now on SIGINT and SIGTERM make check_not_told_to_end() throw Error.
void end_when_told();
void check_not_told_to_end();

// For sockets, logs and files of servers: below TMPDIR or /tmp, removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Processes {
 public:
  using Ready = std::function<void()>;
  using Body = std::function<void(const Ready& ready)>;

  Processes() = default;
  ~Processes();  // kills them and waits for their end
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  // Forks; the child runs `body`, which calls ready() as soon as others may connect to it. Returns
  // then. Throws Error when the child ends before, or is not ready in 20 s. To be called before
  // this process has threads.
  void start(const std::string& name, const Body& body);

  // Runs another program, found in PATH or in the system folders; its output goes to the file
  // `log`. Returns when it runs, ready or not; throws Error when it cannot be run.
  void run(std::vector<std::string> command, const std::string& log);

  // Throws Error when one has ended, with the end of its log, or when this program was told to
  // end.
  void check() const;

  // Calls `done` until it is true, at most 20 s; throws Error then, and whenever check() does.
  void wait_until(const std::string& what, const std::function<bool()>& done) const;

  // CPU time of all of them and of this process.
  std::uint64_t cpu_ns() const;

 private:
  struct Process {
    std::string name;
    std::string log;
    pid_t pid = 0;
  };

  pid_t start_child(const std::string& name, const std::string& log);

  std::vector<Process> processes_;
};

}  // namespace peer
