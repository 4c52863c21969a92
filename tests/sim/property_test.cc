// Random flows and requests: what the engine answers is what the interpreter says.
//
// FLOW_SIM_SEED=N runs only that seed, FLOW_PROPERTY_SEEDS=N that many (default 1,000). Flows that
// differ are printed as flow files.
#include "property.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <string>

namespace {

constexpr int kMostPrinted = 3;

std::uint64_t number(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

}  // namespace

TEST_CASE("any flow answers as the semantics say, whatever order its parts arrive in") {
  const std::uint64_t only = number("FLOW_SIM_SEED", 0);
  const std::uint64_t count = only != 0 ? 1 : number("FLOW_PROPERTY_SEEDS", 1000);
  std::map<std::string, int> codes;
  std::string failed;
  int failures = 0;
  for (std::uint64_t i = 1; i <= count; ++i) {
    const std::uint64_t seed = only != 0 ? only : i;
    const flow::sim::Comparison comparison = flow::sim::compare(seed);
    for (const std::string& code : comparison.codes)
      ++codes[code];
    if (comparison.difference.empty()) continue;
    failed += " " + std::to_string(seed);
    if (++failures <= kMostPrinted)
      MESSAGE("replay with FLOW_SIM_SEED=", seed, "\n", comparison.difference);
  }
  for (const auto& [code, times] : codes)
    MESSAGE(times, " ", code);
  CHECK_MESSAGE(failures == 0, "seeds that differ:", failed);
}

TEST_CASE("the same seed gives the same flow and the same answers") {
  CHECK(flow::sim::compare(11).codes == flow::sim::compare(11).codes);
}
