// A flow that runs for one command alone.
//
// It has a run and a state directory of its own below $TMPDIR (/tmp when that is long), a Redis of
// its own and no tcp port, so that it never meets a flow of the same name and its workspaces are
// fresh. `flowctl up` supervises it in a process of its own, which the kernel ends with the thread
// that started it. One thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop_signal.h"
#include "base/time.h"
#include "graph/flow.h"

namespace flow::flowctl {

struct PrivateFlowOptions {
  std::string file;
  std::vector<std::string> overrides;  // KEY=VALUE, as for up
  Duration wait_ready = std::chrono::seconds(30);
};

class PrivateFlow {
 public:
  // Returns when it is ready. kUnavailable: it could not be started, the message ends with the last
  // lines it said. kCancelled: a signal came first.
  static Result<PrivateFlow> start(const graph::FlowDecl& flow, const PrivateFlowOptions& options,
                                   StopSignal& stop);

  PrivateFlow(PrivateFlow&& other) noexcept;
  PrivateFlow& operator=(PrivateFlow&& other) noexcept;
  ~PrivateFlow();  // stop()

  const std::string& gateway() const { return gateway_; }

  // Drains it, ends all its processes and deletes its folders. It is killed after kPatience, or at
  // once when another signal comes.
  void stop();

 private:
  static constexpr Duration kPatience = std::chrono::seconds(10);

  explicit PrivateFlow(StopSignal& stop) : stop_(&stop) {}
  Status make_folder();
  Status spawn_up(const PrivateFlowOptions& options, std::vector<std::string> overrides);
  Status await_ready(const std::string& flow);
  std::string said() const;

  StopSignal* stop_;
  std::string folder_;
  std::string gateway_;
  pid_t pid_ = 0;
  int pid_fd_ = -1;
};

// What has to change in a flow file for that, as KEY=VALUE. Pure.
std::vector<std::string> private_overrides(const graph::FlowDecl& flow, const std::string& folder);

}  // namespace flow::flowctl
