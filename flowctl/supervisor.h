// Runs a flow's processes: starts them, waits until the flow is ready, starts dead ones again, and
// ends them in order. One thread; it must be the one that lives as long as the flow, because the
// kernel ends the children with it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/stop_signal.h"
#include "base/time.h"
#include "base/value.h"
#include "flowctl/admin_link.h"
#include "flowctl/child.h"
#include "flowctl/endpoints.h"
#include "flowctl/launch.h"
#include "flowctl/restart_policy.h"
#include "net/context.h"
#include "net/loop.h"

namespace flow::flowctl {

struct SupervisorOptions {
  Duration wait_ready = std::chrono::seconds(30);
  Duration drain = std::chrono::seconds(30);  // for all stages together
  bool restart = true;
  bool narrate = true;  // say whom it waits for while it starts
};

class Supervisor {
 public:
  // Called once, when the flow is ready, with the broker's status.
  using OnReady = std::function<void(const Endpoints&, const ValueMap& status)>;

  // The signals outlive the supervisor and were made before any thread.
  Supervisor(Launch launch, SupervisorOptions options, StopSignal& stop, ChildSignal& children,
             OnReady on_ready);

  // Until everything has ended. The exit code (exit_code.h).
  int run();

 private:
  enum class Phase { kRedis, kStarting, kRunning, kDraining, kEnding };
  struct Process {
    Planned planned;
    RestartPolicy policy;
    pid_t pid = 0;  // 0: not running
    Instant started{};
    Instant restart_at = kNever;
  };

  // Starting (supervisor.cc).
  Instant step(Instant now);
  void start_redis(Instant now);
  void start_rest(Instant now);
  bool start(Process& process, Instant now);
  Status open_link();
  void take_replies();
  void ask_status(Instant now);
  void narrate_waiting(const ValueMap& status);
  void become_ready(const ValueMap& status);
  void note_gateway(const ValueMap& status);
  void restart_due(Instant now);
  void give_up_waiting();
  void record();

  // Ending (supervisor_stop.cc).
  void take_children();
  void ended(Process& process, int wait_status, Instant now);
  void failed_start(const Process& process, int wait_status);
  void take_signals();
  void begin_drain(int exit_code, Instant now);
  void next_stage(Instant now);
  void signal_part(Part part, int signal);
  void kill_all();
  void kill_late(Part part);
  bool anyone(std::optional<Part> part) const;
  Instant drain_step(Instant now);

  Launch launch_;
  SupervisorOptions options_;
  StopSignal& stop_;
  ChildSignal& children_;
  OnReady on_ready_;
  SystemClock clock_;
  net::Context context_;
  net::Loop loop_{clock_};
  std::optional<AdminLink> link_;
  std::vector<Process> processes_;
  Endpoints endpoints_;

  Phase phase_ = Phase::kRedis;
  Instant began_{};
  Instant next_status_ = kNever;
  std::uint64_t wait_id_ = 0;
  std::uint64_t status_id_ = 0;
  bool ready_said_ = false;  // the broker said so; its status is on the way
  ValueMap last_status_;
  std::string last_narration_;

  std::size_t stage_ = 0;
  Instant stage_until_ = kNever;
  Instant drain_until_ = kNever;
  int exit_code_ = 0;
};

// The names of the instances that are not ready in a status, with their state: "index/rep-0
// (starting)".
std::vector<std::string> not_ready(const ValueMap& status);

}  // namespace flow::flowctl
