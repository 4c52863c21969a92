// What a benchmark found, for people and for programs. Pure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/value.h"
#include "flowctl/closed_loop.h"

namespace flow::flowctl {

struct ProcessCpu {
  std::string name;
  pid_t pid = 0;
  Duration before{};
  Duration after{};
  std::uint64_t rss_bytes = 0;
};

struct ExecutorPlaces {
  std::string name;
  std::size_t concurrency = 0;  // instances
};

struct BenchReport {
  std::string flow;
  std::string endpoint;
  std::size_t concurrency = 0;
  std::uint64_t size_bytes = 0;
  LoopResult result;
  std::vector<ProcessCpu> processes;
  std::vector<ExecutorPlaces> executors;
};

// The executors of a broker's status.
std::vector<ExecutorPlaces> places_of(const ValueMap& status);

// The part of the time that an executor's instances were executing.
double utilisation(const BenchReport& report, const ExecutorPlaces& executor);

// The executor or process that is busy for most of the time; empty when none is for half of it.
std::string bottleneck(const BenchReport& report);

// As the contract has it (`bench -o json`).
ValueMap bench_value(const BenchReport& report);
std::string bench_text(const BenchReport& report);

}  // namespace flow::flowctl
