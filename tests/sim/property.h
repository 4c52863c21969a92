// One comparison of the engine with the interpreter: a random flow and a few requests from a seed,
// run in the simulator in calm weather. Messages are late and in an awkward order, but nothing is
// lost.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace flow::sim {

struct Comparison {
  std::string difference;          // flow, request and both answers; empty: they agree
  std::vector<std::string> codes;  // of the answers, for a look at what was covered
};

Comparison compare(std::uint64_t seed);

}  // namespace flow::sim
