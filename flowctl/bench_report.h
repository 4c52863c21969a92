// What a benchmark found, for people and for programs. Pure.
//
// A percentile is the smallest latency that so many percent of the good requests did not exceed
// (nearest rank, nothing interpolated), to 0.1 % (histogram.h). Failed requests are counted by
// code and in no percentile. In a closed loop a latency is from when a request was sent, and says
// how long requests take with so many in flight; in an open loop it is from when the request was
// due, and says how long users wait at that rate.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/value.h"
#include "flowctl/bench_loop.h"

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
  double rate = 0;              // asked for; 0: a closed loop
  std::size_t concurrency = 0;  // in flight; in an open loop the most there may be
  std::uint64_t size_bytes = 0;
  unsigned cores = 0;  // that flowctl may use; 0: unknown
  LoopResult result;
  std::vector<ProcessCpu> processes;
  std::vector<ExecutorPlaces> executors;
};

// The name of this program among the processes.
inline constexpr const char* kClientName = "flowctl";

// The executors of a broker's status.
std::vector<ExecutorPlaces> places_of(const ValueMap& status);

// How many requests an executor was executing on average. With batches, and in an external
// executor, requests share an execution, so it can be more than there are instances.
double executing(const BenchReport& report, const ExecutorPlaces& executor);

// Whether it was more. How busy the executor was is then not known.
bool shares_executions(const BenchReport& report, const ExecutorPlaces& executor);

// The part of the time that an executor's instances were executing, at most 1; where requests
// share executions it is known to be no more than that.
double utilisation(const BenchReport& report, const ExecutorPlaces& executor);

// How many cores a process used.
double cores_used(const BenchReport& report, const ProcessCpu& process);

// As the contract has it (`bench -o json`).
ValueMap bench_value(const BenchReport& report);
std::string bench_text(const BenchReport& report);

}  // namespace flow::flowctl
