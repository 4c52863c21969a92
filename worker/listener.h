// A worker on its own: an executor behind a front door, for any number of flows and clients at
// once.
//
// The thread that calls run() does everything: it owns the door, timers and signals, constructs the
// executor and runs its handlers, one at a time. While a handler takes long, or the constructor, a
// second thread serves the door (net/stand_in.h), so that nobody takes this process for lost.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/result.h"
#include "base/stop_signal.h"
#include "base/time.h"
#include "client/front_door.h"
#include "flow/executor.h"
#include "listener_core.h"
#include "net/context.h"
#include "net/loop.h"
#include "net/stand_in.h"
#include "solo_executor.h"

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
  void on_request(net::PeerId client, wire::Request&& request, Instant arrived) override;
  void on_cancel(net::PeerId client, std::uint64_t request, Instant arrived) override;
  // ListenerPort
  void execute(Work work) override { to_do_.push_back(std::move(work)); }
  void answer(CallerId caller, const wire::Response& response) override;

  Status open();
  Status start(net::StandIn& stand_in, SoloExecutor& executor);
  Instant turn(net::StandIn& stand_in, SoloExecutor& executor, Instant now);
  Instant serve(Instant now);
  void on_stop(StopSignal& stop);

  ListenerOptions options_;
  net::Context& context_;
  const Clock& clock_;
  net::Loop loop_;
  client::FrontDoor door_;
  ListenerCore core_;
  std::string bound_;
  bool draining_ = false;
  std::deque<Work> to_do_;  // at most ListenerCore::kAhead
};

}  // namespace flow::worker
