#include "flowctl/pacer.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>

using namespace std::chrono_literals;

namespace flow::flowctl {
namespace {

constexpr Instant kBegan{5s};

Instant due_at(Duration since) {
  return kBegan + since;
}

Pacer pacer(double rate, Duration duration, std::size_t limit = 100, Duration patience = 10s) {
  return {{rate, duration, patience, limit}, kBegan};
}

}  // namespace

TEST_CASE("requests are due at fixed times, the first at once, none after the duration") {
  Pacer pace = pacer(100, 30ms);
  CHECK(pace.total() == 3);

  Pacer::Step step = pace.step(due_at(0ms));
  CHECK(step.first == 0);
  CHECK(step.count == 1);
  CHECK(step.next == due_at(10ms));
  CHECK(pace.step(due_at(9ms)).count == 0);
  step = pace.step(due_at(10ms));
  CHECK(step.first == 1);
  CHECK(step.count == 1);
  CHECK(pace.step(due_at(20ms)).count == 1);

  step = pace.step(due_at(10s));
  CHECK(step.count == 0);
  CHECK(step.next == kNever);
}

TEST_CASE("a rate that divides nothing does not drift") {
  Pacer pace = pacer(3, 1h, 100'000);
  CHECK(pace.total() == 10'800);
  CHECK(pace.due_at(3 * 3599) - due_at(3599s) <= 1us);
  CHECK(due_at(3599s) - pace.due_at(3 * 3599) <= 1us);
}

TEST_CASE("the extremes have as many requests as rate and duration say") {
  CHECK(pacer(0.001, 1s).total() == 1);
  CHECK(pacer(1'000'000, 8760h).total() == 31'536'000'000'000);
  CHECK(pacer(1'000'000, 1ns).total() == 1);
  CHECK(pacer(2.5, 2s).total() == 5);
}

TEST_CASE("a late step sends all that is due at once and moves nothing behind it") {
  Pacer pace = pacer(1000, 1s);
  const Pacer::Step step = pace.step(due_at(25500us));
  CHECK(step.count == 26);
  CHECK(step.waited == 0);
  CHECK(step.next == due_at(26ms));
}

TEST_CASE("above the limit requests wait in order, and are counted when they are sent") {
  Pacer pace = pacer(1000, 10ms, 2);
  CHECK(pace.step(due_at(0ms)).count == 1);
  Pacer::Step step = pace.step(due_at(3ms));
  CHECK(step.first == 1);
  CHECK(step.count == 1);
  CHECK(step.waited == 0);
  CHECK(step.next == due_at(10s + 2ms));  // the patience of number 2: until then only an end helps

  CHECK(pace.ended(due_at(5ms)));  // numbers 2 to 5 wait
  step = pace.step(due_at(5ms));
  CHECK(step.first == 2);
  CHECK(step.count == 1);
  CHECK(step.waited == 1);

  CHECK(pace.ended(due_at(6ms)));
  CHECK(pace.ended(due_at(6ms)));
  step = pace.step(due_at(8ms));  // late: 7 and 8 were due when there was room
  CHECK(step.first == 3);
  CHECK(step.count == 2);
  CHECK(step.waited == 2);
}

TEST_CASE("what became due with room has not waited") {
  Pacer pace = pacer(1000, 10ms, 5);
  CHECK(pace.step(due_at(4ms)).count == 5);
  for (int i = 0; i < 5; ++i)
    pace.ended(due_at(5ms));
  const Pacer::Step step = pace.step(due_at(8ms));
  CHECK(step.count == 4);
  CHECK(step.waited == 1);  // number 5
}

TEST_CASE("a request whose time is over before there is room is given up") {
  Pacer pace = pacer(1000, 10ms, 1, 20ms);
  CHECK(pace.step(due_at(0ms)).count == 1);

  Pacer::Step step = pace.step(due_at(21ms));  // 1 was due 20 ms ago
  CHECK(step.given_up == 1);
  CHECK(step.count == 0);
  CHECK(step.next == due_at(22ms));

  step = pace.step(due_at(1h));
  CHECK(step.given_up == 8);
  CHECK(step.next == kNever);
  CHECK_FALSE(pace.over());
  CHECK(pace.ended(due_at(1h)));
  CHECK(pace.over());
}

TEST_CASE("an end that makes no difference asks for no step") {
  Pacer pace = pacer(10, 1s);
  CHECK(pace.step(due_at(0ms)).count == 1);
  CHECK_FALSE(pace.ended(due_at(50ms)));
  CHECK_FALSE(pace.over());
}

TEST_CASE("whatever happens when, each request is sent or given up once, and never too early") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    const std::size_t limit = 1 + random() % 8;
    Pacer pace = pacer(1 + random() % 2000, Duration(1ms) * (1 + random() % 200), limit, 30ms);
    std::uint64_t settled = 0;
    std::size_t in_flight = 0;
    Instant now = kBegan;
    while (!pace.over()) {
      const Pacer::Step step = pace.step(now);
      REQUIRE(step.first == settled + step.given_up);
      settled = step.first + step.count;
      in_flight += step.count;
      REQUIRE(in_flight <= limit);
      REQUIRE(step.waited <= step.count);
      REQUIRE((settled == 0 || pace.due_at(settled - 1) <= now));
      REQUIRE(step.next > now);
      while (in_flight > 0 && random() % 3 == 0) {
        pace.ended(now);
        --in_flight;
      }
      now += Duration(1us) * (random() % 20'000);
    }
    REQUIRE(settled == pace.total());
  }
}

}  // namespace flow::flowctl
