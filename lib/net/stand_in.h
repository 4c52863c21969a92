// Serves a loop while its own thread is busy for long, so that short work costs no change of thread
// and long work silences nobody.
//
// The thread that runs the loop makes it, calls during() between two waits and destroys it. A
// second thread looks after kAfter whether the work is still going on, and runs the loop until it
// is done: one of the two at a time, with everything the loop's handlers touch. It sleeps when
// nothing was to do for kAwake.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>

#include "base/time.h"
#include "net/loop.h"

namespace flow::net {

class StandIn {
 public:
  static constexpr Duration kAfter = std::chrono::milliseconds(5);
  static constexpr Duration kAwake = std::chrono::milliseconds(100);

  // `serve` is what the second thread does before each wait. All references outlive it.
  StandIn(Loop& loop, Loop::BeforeWait serve, const Clock& clock);
  ~StandIn();
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;

  // Does `work`, which must not touch what belongs to the loop.
  template <typename Work>
  void during(const Work& work) {
    lend();
    work();
    take_back();
  }

 private:
  void lend();
  void take_back();

  // The second thread.
  void run();
  void serve_since(Duration since);
  void nap();
  void sleep();

  Loop& loop_;
  const Loop::BeforeWait serve_;
  const Clock& clock_;
  std::mutex with_loop_;                    // whoever has the loop
  std::atomic<Duration> busy_since_{kNot};  // as time since the clock's epoch
  std::atomic<bool> asleep_{false};
  std::atomic<bool> ending_{false};
  Waker back_;  // to the loop: its own thread wants it
  Waker wake_;  // to the second thread
  std::thread thread_;

  static constexpr Duration kNot = Duration::min();
};

}  // namespace flow::net
