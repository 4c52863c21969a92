// One simulated life of a flow from a seed: a random graph, random requests, random faults, and
// what must hold whatever happens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace flow::sim {

enum class Weather {
  kCalm,    // nothing breaks: every request must be answered OK with the right documents
  kGentle,  // deaths and a broker restart, one replica of each shard always lives: the same
  kRough,   // everything breaks: one outcome each, in time, and no wrong documents
};

struct Verdict {
  std::vector<std::string> violations;  // empty: all invariants held
  std::uint64_t requests = 0;
  std::uint64_t ok = 0;
  std::uint64_t redispatched = 0;
  std::uint64_t lost_messages = 0;
  std::string trace;  // the sequence of outcomes: equal for equal seeds
};

Verdict run_scenario(std::uint64_t seed, Weather weather);

}  // namespace flow::sim
