// A closed loop of requests: each of `concurrency` places sends its next request when its last one
// was answered, on the client's own thread, so that no thread hand-off is part of what is measured.
// A latency is from sent to answered: with so many in flight, not at any rate (bench_loop.h).
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <vector>

#include "base/time.h"
#include "flow/client.h"
#include "flowctl/bench_loop.h"

namespace flow::flowctl {

class ClosedLoop {
 public:
  // The client outlives the loop.
  ClosedLoop(Client& client, LoopOptions options);

  // Until the duration is over and every request has ended.
  LoopResult run();

 private:
  void send(std::size_t place, Instant now);
  void answered(std::size_t place, const Reply& reply);
  std::vector<std::size_t> wait_for_rested();

  Client& client_;
  const LoopOptions options_;
  const SystemClock clock_;

  // The client's thread's while the loop runs.
  LoopResult result_;
  std::vector<Instant> sent_at_;  // by place
  Instant began_{};
  Instant until_{};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::size_t> resting_;  // places whose request failed: sent again after a moment
  std::size_t ended_ = 0;
};

}  // namespace flow::flowctl
