// A worker process: joins the flow, serves until it is told to end.
//
// The thread that calls run() is the control thread: it owns the connection to the broker, one
// PUSH to each gateway for reports, the timers and the signals. It starts the data thread, which
// constructs the executor, and joins it before run() returns. A broker that is away changes
// nothing: the worker serves on with the topology it has.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/stop_signal.h"
#include "base/time.h"
#include "cluster/member.h"
#include "flow/executor.h"
#include "net/context.h"
#include "net/loop.h"
#include "net/socket.h"
#include "reporter.h"
#include "shared.h"

namespace flow::worker {

struct WorkerOptions {
  std::string program;  // for messages: flow-worker
  std::string broker;
  std::string name;  // encode/rep-0
  std::string run_dir;
  ExecutorFactory factory;
  wire::DevicesAsked devices;
  bool forwards = false;  // see DataThreadOptions
};

class Worker final : public cluster::BrokerPort {
 public:
  // How long a handler may overrun `timeout` after its request was ended, before the process is.
  static constexpr Duration kOverrun = std::chrono::seconds(1);

  Worker(WorkerOptions options, net::Context& context, const Clock& clock);
  ~Worker() override;

  // 0: drained. 1: could not start, said on stderr. Does not return when the executor is stuck:
  // then the process ends with 1.
  int run(StopSignal& stop);

  void send(const wire::ControlMessage& message) override;

 private:
  Instant before_wait(Instant now);
  void on_broker();
  void on_stop(StopSignal& stop);
  void handle(cluster::MemberEvent event);
  void welcomed(wire::Welcome welcome);
  void begin_drain(Stopping stopping);
  void finish(int code);
  void fail(const std::string& message);
  [[noreturn]] void end_now(int code);

  void take_start();
  bool take_progress(Instant now);  // whether there was any
  void await_progress(Instant now);
  void send_reports(Instant now);
  void send_report(InstanceId gateway, Instant now);
  void connect_gateways(const wire::Topology& topology);
  void acknowledge();
  void set_beat(Instant now);
  Instant check_timeout(Instant now);
  void report_timeout(const Running& running);

  WorkerOptions options_;
  net::Context& context_;
  const Clock& clock_;
  cluster::Member member_;
  net::Loop loop_;
  net::Socket dealer_;
  Shared shared_;
  std::thread data_thread_;
  std::optional<wire::Welcome> welcome_;
  Reporter reporter_;
  std::unordered_map<InstanceId, net::Socket> gateways_;
  wire::Report report_;
  std::uint64_t acknowledged_ = 0;
  std::optional<Executing> timed_out_;  // reported, and still executing when last seen
  Instant next_beat_refresh_{};
  FarState far_;          // of an external executor
  bool started_ = false;  // the executor exists, the broker was told
  bool draining_ = false;
  bool left_ = false;           // the broker knows that this process ends
  bool left_for_good_ = false;  // and does not want to hear of it any more
  Instant drain_limit_ = kNever;
  Instant end_at_ = kNever;
  int exit_code_ = 0;
};

}  // namespace flow::worker
