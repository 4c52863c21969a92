// An open loop of requests: each is sent when it is due by the schedule (pacer.h), whatever came
// back of those before. A latency is counted from when the request was due, so that what waits
// behind a slow answer, here too, is in the figures ("coordinated omission" is avoided).
//
// The calling thread sends, at absolute times and without spinning; answers are counted on the
// client's thread. A request's time runs from when it was due: it ends the loop's wait too, so
// run() takes at most the duration, one request's time and a second, even when nothing answers.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/time.h"
#include "flow/client.h"
#include "flowctl/bench_loop.h"
#include "flowctl/pacer.h"

namespace flow::flowctl {

class OpenLoop {
 public:
  // The client outlives the loop; it has room for options.concurrency requests.
  OpenLoop(Client& client, LoopOptions options);

  // Until every request was answered or given up. Once.
  LoopResult run();

 private:
  void wait(std::unique_lock<std::mutex>& lock, Instant until);
  void send(const Pacer::Step& step);
  void send_one(Instant due, bool waited);
  void answered(Instant due, const Reply& reply);
  void give_up(std::uint64_t requests);

  Client& client_;
  const LoopOptions options_;
  const Duration patience_;
  const SystemClock clock_;

  Instant began_{};
  Sending sending_;  // the sender's

  std::mutex mutex_;  // all below
  std::condition_variable changed_;
  std::optional<Pacer> pacer_;
  LoopResult result_;
};

}  // namespace flow::flowctl
