// A worker on its own: an executor behind a front door, for any number of flows and clients at
// once.
//
// The thread that calls run() is the front: it owns the door, timers and signals, and never waits
// for the executor. It starts the solo thread, which constructs the executor and runs its handlers,
// one at a time; requests and results cross over in two bounded queues.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/spsc_queue.h"
#include "base/stop_signal.h"
#include "base/time.h"
#include "client/front_door.h"
#include "flow/executor.h"
#include "listener_core.h"
#include "net/context.h"
#include "net/loop.h"

namespace flow::worker {

struct ListenerOptions {
  std::string program;  // for messages: flow-worker
  std::string address;  // to listen at; port 0: any free one
  ExecutorConfig config;
  ExecutorFactory factory;
};

class Listener final : private client::DoorOwner, private ListenerPort {
 public:
  Listener(ListenerOptions options, net::Context& context, const Clock& clock);
  ~Listener() override;

  // Serves until told to end. Prints a line with its address when it is ready. 0: drained. 1: could
  // not start, said on stderr. A second signal ends the process with 1.
  int run(StopSignal& stop);

 private:
  // DoorOwner
  wire::ClientWelcome welcome() override { return core_.welcome(); }
  bool acceptable(net::PeerId client, const wire::Request& request) override;
  void on_request(net::PeerId client, wire::Request request) override;
  void on_cancel(net::PeerId client, std::uint64_t request) override;
  // ListenerPort
  void execute(Work work) override;
  void answer(CallerId caller, const wire::Response& response) override;

  Instant before_wait(Instant now);
  void on_stop(StopSignal& stop);
  void take_start();
  void take_results();
  void fail(const Error& error);

  // The solo thread.
  void run_solo();

  ListenerOptions options_;
  net::Context& context_;
  const Clock& clock_;
  net::Loop loop_;
  client::FrontDoor door_;
  ListenerCore core_;
  std::string bound_;
  int exit_code_ = 0;
  bool draining_ = false;

  // Between the two threads.
  SpscQueue<Work> to_solo_{ListenerCore::kAhead + 1};
  SpscQueue<WorkDone> from_solo_{ListenerCore::kAhead + 1};
  net::Waker solo_waker_;
  net::Waker front_waker_;
  std::atomic<bool> ending_{false};
  std::mutex start_mutex_;
  std::optional<Status> start_;
  std::thread solo_;
};

}  // namespace flow::worker
