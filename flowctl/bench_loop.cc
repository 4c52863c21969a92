#include "flowctl/bench_loop.h"

#include <algorithm>

#include "flowctl/reply_printer.h"

namespace flow::flowctl {

std::uint64_t LoopResult::requests() const {
  std::uint64_t all = ok;
  for (const auto& [code, count] : failed)
    all += count;
  return all;
}

void LoopResult::count(const Reply& reply, Duration latency, Duration since) {
  if (!reply.ok()) {
    count_failed(std::string(to_string(reply.code())), 1,
                 first_failure.empty() ? failure_line(reply) : std::string());
    return;
  }
  for (const wire::ResponseHop& hop : reply.response.hops) {
    auto it = std::ranges::find(executors, hop.executor, &ExecutorTime::name);
    if (it == executors.end()) it = executors.insert(it, ExecutorTime{hop.executor, 0});
    it->execute_us += hop.execute_us;
  }
  ++ok;
  rated = std::max(rated, since);
  latency_ns.record(static_cast<std::uint64_t>(std::max<std::int64_t>(latency.count(), 0)));
}

void LoopResult::count_failed(const std::string& code, std::uint64_t requests,
                              const std::string& line) {
  failed[code] += requests;
  if (first_failure.empty()) first_failure = line;
}

}  // namespace flow::flowctl
