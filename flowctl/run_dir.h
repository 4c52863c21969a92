// The run directories of flows: which flows run here, who supervises them, what a dead one left.
//
// A supervisor holds a lock on <run>/<flow>/lock as long as it lives; the kernel frees it when the
// process ends, however it ends. So a folder whose lock is free is a leftover.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "flowctl/endpoints.h"

namespace flow::flowctl {

// $FLOW_RUN_DIR and so on, for this process's environment and user.
std::string run_root();

// Whether a supervisor holds the folder.
bool is_supervised(const std::string& dir);

// Names of the flows that have a folder under `root`, by name: running or left over.
struct FoundFlow {
  std::string name;
  std::string dir;
  bool supervised = false;
};
std::vector<FoundFlow> find_flows(const std::string& root);

// The running flow that `name` means; empty: the only one there is. kNotFound when there is none,
// kInvalidArgument when several run and none is named: the message lists them.
Result<FoundFlow> choose_flow(const std::string& root, std::string_view name);

// A flow's folder, held by this process. Movable; gives the lock back at the end.
class RunDir {
 public:
  RunDir() = default;
  ~RunDir();
  RunDir(RunDir&& other) noexcept;
  RunDir& operator=(RunDir&& other) noexcept;

  // Makes <root>/<flow> (0700) and holds it. Ends and clears away what a dead supervisor left.
  // kUnavailable when the flow runs already: names the pid and how to stop it. kInvalidArgument
  // when the path is too long for sockets.
  static Result<RunDir> create(const std::string& root, std::string_view flow);

  const std::string& path() const { return path_; }
  const std::vector<std::string>& cleaned() const { return cleaned_; }  // processes ended by create

  void remove();  // the folder and all in it

 private:
  RunDir(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::string path_;
  int lock_ = -1;
  std::vector<std::string> cleaned_;
};

// The pid that the supervisor of `dir` wrote down; 0 when unknown.
pid_t supervisor_pid(const std::string& dir);

// Kills processes recorded in endpoints.json that still are what they were (their command line
// names this run directory). Returns their names with pids.
std::vector<std::string> kill_leftovers(const std::string& dir);

// Removes the folder of a flow whose supervisor is dead, after kill_leftovers.
std::vector<std::string> clear_leftovers(const std::string& dir);

}  // namespace flow::flowctl
