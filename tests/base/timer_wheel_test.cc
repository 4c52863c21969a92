#include "base/timer_wheel.h"

#include <doctest/doctest.h>

#include <map>
#include <random>

namespace {

using namespace std::chrono_literals;
using flow::Instant;
using flow::TimerWheel;

Instant at(flow::Duration since_start) {
  return Instant(std::chrono::hours(5)) + since_start;
}

}  // namespace

TEST_CASE("a deadline expires once, not early and at most one resolution late") {
  TimerWheel wheel;
  std::vector<TimerWheel::Key> expired;
  const auto note = [&](TimerWheel::Key key) { expired.push_back(key); };
  wheel.expire(at(0ms), note);
  wheel.add(3, at(95ms));
  wheel.expire(at(94ms), note);
  CHECK(expired.empty());
  wheel.expire(at(106ms), note);
  CHECK(expired == std::vector<TimerWheel::Key>{3});
  wheel.expire(at(10s), note);
  CHECK(expired.size() == 1);
}

TEST_CASE("a cancelled deadline does not expire, a moved one expires at its new time") {
  TimerWheel wheel;
  std::vector<TimerWheel::Key> expired;
  const auto note = [&](TimerWheel::Key key) { expired.push_back(key); };
  wheel.add(1, at(50ms));
  wheel.add(2, at(50ms));
  wheel.cancel(1);
  wheel.add(2, at(500ms));
  wheel.expire(at(300ms), note);
  CHECK(expired.empty());
  CHECK(wheel.size() == 1);
  wheel.expire(at(600ms), note);
  CHECK(expired == std::vector<TimerWheel::Key>{2});
  CHECK(wheel.next(at(600ms)) == flow::kNever);
}

TEST_CASE("random deadlines, also beyond one turn of the wheel, agree with a plain map") {
  std::mt19937_64 random(42);
  TimerWheel wheel;
  std::map<TimerWheel::Key, Instant> model;
  Instant now = at(0ms);
  for (int step = 0; step < 5000; ++step) {
    const auto key = static_cast<TimerWheel::Key>(random() % 200);
    if (random() % 4 == 0) {
      wheel.cancel(key);
      model.erase(key);
    } else {
      const Instant due = now + std::chrono::milliseconds(random() % 20'000);
      wheel.add(key, due);
      model[key] = due;
    }
    now += std::chrono::milliseconds(random() % 60);
    wheel.expire(now, [&](TimerWheel::Key expired) {
      REQUIRE(model.count(expired) == 1);
      CHECK(model[expired] <= now);
      model.erase(expired);
    });
    for (const auto& [left, due] : model)
      REQUIRE(due > now - TimerWheel::kResolution);
    REQUIRE(wheel.size() == model.size());
  }
}

TEST_CASE("a deadline that was cancelled in a quiet time is not late when it is set again") {
  TimerWheel wheel;
  std::vector<TimerWheel::Key> expired;
  const auto note = [&](TimerWheel::Key key) { expired.push_back(key); };
  wheel.expire(at(0ms), note);
  wheel.add(1, at(50ms));
  wheel.cancel(1);
  wheel.expire(at(200ms), note);  // nothing is set: no bucket is looked at
  wheel.add(1, at(250ms));
  wheel.expire(at(261ms), note);
  CHECK(expired == std::vector<TimerWheel::Key>{1});
}

TEST_CASE("a deadline that is moved nearer, away and nearer again expires at the last of them") {
  TimerWheel wheel;
  std::vector<TimerWheel::Key> expired;
  const auto note = [&](TimerWheel::Key key) { expired.push_back(key); };
  wheel.expire(at(0ms), note);
  wheel.add(1, at(30s));
  wheel.add(1, at(100ms));
  wheel.add(1, at(20s));
  wheel.add(1, at(300ms));
  wheel.add(2, at(120ms));
  wheel.expire(at(290ms), note);
  CHECK(expired == std::vector<TimerWheel::Key>{2});
  wheel.expire(at(311ms), note);
  CHECK(expired == std::vector<TimerWheel::Key>{2, 1});
}

TEST_CASE("what expires may set itself and others anew") {
  TimerWheel wheel;
  wheel.expire(at(0ms), [](TimerWheel::Key) {});
  wheel.add(1, at(50ms));
  wheel.add(2, at(50ms));
  std::vector<TimerWheel::Key> expired;
  const auto again = [&](TimerWheel::Key key) {
    expired.push_back(key);
    wheel.add(1, at(5s));
    wheel.cancel(2);
  };
  wheel.expire(at(61ms), again);
  CHECK(expired.size() == 1);
  CHECK(wheel.size() == 1);
  wheel.expire(at(5011ms), again);
  CHECK(expired.size() == 2);
}
