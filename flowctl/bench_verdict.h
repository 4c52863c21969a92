// What kept a benchmark from more, as far as its figures tell. Pure.
#pragma once

#include <string>
#include <string_view>

#include "flowctl/bench_report.h"

namespace flow::flowctl {

// The first of these that holds; of executors and processes, the busiest.
enum class Limit {
  kMachine,   // the processes used 90 % of all cores: what is added takes from the others
  kExecutor,  // its instances were executing 80 % of the time; not one that shares executions
  kProcess,   // it used 80 % of a core; one that is not of a busy executor
  kClient,    // flowctl did, or it was late with 1 % of the requests though it might have sent
  kInFlight,  // open loop: 1 % of the requests waited for room among those in flight
  kNothing,   // nothing that is measured here
};

struct Verdict {
  Limit limit = Limit::kNothing;
  std::string name;    // the executor, the process, "flowctl", "machine"; else empty
  double busy = 0;     // its part of the time, of a core, of all cores, or of the requests
  std::string advice;  // one sentence
};

std::string_view to_string(Limit limit);

Verdict judge(const BenchReport& report);

}  // namespace flow::flowctl
