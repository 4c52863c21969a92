// The simulator: gateway, worker and broker cores on a simulated network and clock.
//
// FLOW_SIM_SEED=N runs only that seed, FLOW_SIM_SEEDS=N that many (default 200).
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "scenario.h"

namespace {

using flow::sim::run_scenario;
using flow::sim::Verdict;
using flow::sim::Weather;

std::uint64_t number(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

// A third of the seeds each; 200 seeds are a few seconds of work.
void run_seeds(Weather weather, std::uint64_t share) {
  const std::uint64_t only = number("FLOW_SIM_SEED", 0);
  const std::uint64_t count = only != 0 ? 1 : number("FLOW_SIM_SEEDS", 200) * share / 100;
  std::uint64_t ok = 0;
  std::uint64_t requests = 0;
  std::uint64_t redispatched = 0;
  for (std::uint64_t i = 1; i <= count; ++i) {
    const std::uint64_t seed = only != 0 ? only : i;
    const Verdict verdict = run_scenario(seed, weather);
    ok += verdict.ok;
    requests += verdict.requests;
    redispatched += verdict.redispatched;
    std::string violations;
    for (const std::string& violation : verdict.violations)
      violations += "\n  " + violation;
    CHECK_MESSAGE(verdict.violations.empty(), "replay with FLOW_SIM_SEED=", seed, violations);
  }
  MESSAGE(requests, " requests, ", ok, " OK, ", redispatched, " dispatched again");
  CHECK(ok > 0);
  if (weather != Weather::kCalm && only == 0) CHECK(redispatched > 0);
}

}  // namespace

TEST_CASE("in calm weather every request is answered with the right documents") {
  run_seeds(Weather::kCalm, 25);
}

TEST_CASE("no request fails while one replica of each shard lives") {
  run_seeds(Weather::kGentle, 35);
}

TEST_CASE("whatever breaks, every request has one outcome in time and no wrong documents") {
  run_seeds(Weather::kRough, 40);
}

TEST_CASE("the same seed gives the same run") {
  const Verdict first = run_scenario(7, Weather::kRough);
  const Verdict second = run_scenario(7, Weather::kRough);
  CHECK(first.trace == second.trace);
  CHECK(!first.trace.empty());
  CHECK(first.trace != run_scenario(8, Weather::kRough).trace);
}
