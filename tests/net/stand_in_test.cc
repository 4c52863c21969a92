#include "net/stand_in.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

namespace {

using namespace flow;
using namespace flow::net;
using namespace std::chrono_literals;

// A loop that hears of `asked`, and who heard it.
struct Served {
  Served()
      : stand_in(
            loop, [](Instant) { return kNever; }, clock) {
    loop.watch_fd(asked.fd(), [this] {
      asked.drain();
      heard_by = std::this_thread::get_id();
      heard = heard + 1;
      if (std::this_thread::get_id() == own) loop.stop();
    });
  }
  bool await(int times) const {
    const Instant until = clock.now() + 10s;
    while (heard.load() < times && clock.now() < until)
      std::this_thread::yield();
    return heard.load() >= times;
  }

  const SystemClock clock;
  const std::thread::id own = std::this_thread::get_id();
  Loop loop{clock};
  Waker asked;
  std::atomic<int> heard{0};
  std::atomic<std::thread::id> heard_by;
  StandIn stand_in;
};

}  // namespace

TEST_CASE("while work goes on for long somebody else serves the loop, then its own thread again") {
  Served served;
  for (int round = 1; round <= 3; ++round) {
    served.stand_in.during([&] {
      served.asked.signal();
      CHECK(served.await(2 * round - 1));
    });
    CHECK(served.heard_by.load() != served.own);
    served.asked.signal();
    served.loop.run([](Instant) { return kNever; });
    CHECK(served.heard == 2 * round);
    CHECK(served.heard_by.load() == served.own);
  }
}

TEST_CASE("short work leaves the loop to its own thread") {
  Served served;
  served.asked.signal();
  for (int i = 0; i < 200; ++i)
    served.stand_in.during([] {});
  CHECK(served.heard == 0);
  served.loop.run([](Instant) { return kNever; });
  CHECK(served.heard_by.load() == served.own);
}

TEST_CASE("it wakes up after a long rest, and may end at any time") {
  for (int i = 0; i < 20; ++i) {
    Served served;
    const Instant rested = served.clock.now() + (i % 2 == 0 ? 0ms : 2 * StandIn::kAwake);
    while (served.clock.now() < rested)
      std::this_thread::yield();
    served.stand_in.during([&] {
      served.asked.signal();
      CHECK(served.await(1));
    });
  }
}
