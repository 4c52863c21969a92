#include "flowctl/restart_policy.h"

#include <doctest/doctest.h>

using namespace std::chrono_literals;

namespace flow::flowctl {
namespace {

Instant at(Duration since_start) {
  return Instant(1h + since_start);
}

}  // namespace

TEST_CASE("the pause before a restart doubles with each death") {
  RestartPolicy policy;
  CHECK(policy.died(at(0s), at(1s)) == Duration(100ms));
  CHECK(policy.died(at(1s), at(2s)) == Duration(200ms));
  CHECK(policy.died(at(2s), at(3s)) == Duration(400ms));
  CHECK(policy.died(at(3s), at(4s)) == Duration(800ms));
}

TEST_CASE("the fifth death within a minute is the last") {
  RestartPolicy policy;
  for (int i = 0; i < 4; ++i)
    CHECK(policy.died(at(0s), at(std::chrono::seconds(i))).has_value());
  CHECK_FALSE(policy.died(at(0s), at(59s)).has_value());
}

TEST_CASE("deaths older than a minute are forgiven, the pause grows up to ten seconds") {
  RestartPolicy policy;
  Duration last{};
  for (int i = 1; i <= 20; ++i) {
    const Instant now = at(std::chrono::seconds(20 * i));
    const auto delay = policy.died(now - 20s, now);
    REQUIRE(delay.has_value());
    last = *delay;
  }
  CHECK(last == Duration(10s));
  CHECK(policy.deaths() == 20);
}

TEST_CASE("after a minute of life the pause starts over") {
  RestartPolicy policy;
  (void)policy.died(at(0s), at(1s));
  (void)policy.died(at(1s), at(2s));
  CHECK(policy.died(at(2s), at(62s)) == Duration(100ms));
}

}  // namespace flow::flowctl
