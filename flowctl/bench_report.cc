#include "flowctl/bench_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/units.h"
#include "flowctl/bench_verdict.h"
#include "flowctl/output.h"
#include "flowctl/table.h"

namespace flow::flowctl {
namespace {

std::int64_t integer(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

double rounded(double value, double digits) {
  return std::round(value * digits) / digits;
}

double micros(std::uint64_t ns) {
  return rounded(static_cast<double>(ns) / 1000, 1000);
}

double used_us(const ProcessCpu& process) {
  return static_cast<double>((process.after - process.before).count()) / 1000;
}

double per_request(const BenchReport& report, double us) {
  const auto requests = static_cast<double>(report.result.requests());
  return requests == 0 ? 0 : rounded(us / requests, 1000);
}

double quotient(std::uint64_t count, Duration time) {
  const double seconds = to_seconds(time);
  return seconds <= 0 ? 0 : rounded(static_cast<double>(count) / seconds, 10);
}

double throughput(const BenchReport& report) {
  return quotient(report.result.ok, report.result.rated);
}

double rate_reached(const Sending& sending) {
  return quotient(sending.sent, sending.took);
}

double all_cpu(const BenchReport& report) {
  double sum = 0;
  for (const ProcessCpu& process : report.processes)
    sum += used_us(process);
  return sum;
}

ValueMap cpu_value(const BenchReport& report) {
  ValueList processes;
  for (const ProcessCpu& process : report.processes) {
    ValueMap map;
    map.append("name", process.name);
    map.append("pid", std::int64_t{process.pid});
    map.append("us_per_request", per_request(report, used_us(process)));
    map.append("rss_bytes", integer(process.rss_bytes));
    processes.emplace_back(std::move(map));
  }
  ValueMap cpu;
  cpu.append("us_per_request", per_request(report, all_cpu(report)));
  cpu.append("processes", std::move(processes));
  return cpu;
}

ValueMap latency_value(const Histogram& latency) {
  ValueMap map;
  map.append("p50", micros(latency.quantile(0.5)));
  map.append("p90", micros(latency.quantile(0.9)));
  map.append("p99", micros(latency.quantile(0.99)));
  map.append("p999", micros(latency.quantile(0.999)));
  map.append("max", micros(latency.max()));
  map.append("mean", rounded(latency.mean() / 1000, 1000));
  return map;
}

ValueList executors_value(const BenchReport& report) {
  ValueList executors;
  for (const ExecutorPlaces& executor : report.executors) {
    ValueMap map;
    map.append("name", executor.name);
    map.append("concurrency", integer(executor.concurrency));
    map.append("utilisation", utilisation(report, executor));
    map.append("executing", executing(report, executor));
    executors.emplace_back(std::move(map));
  }
  return executors;
}

ValueMap sending_value(const Sending& sending) {
  ValueMap map;
  map.append("rate", rate_reached(sending));
  map.append("due", integer(sending.due));
  map.append("sent", integer(sending.sent));
  map.append("waited", integer(sending.waited));
  map.append("late", integer(sending.late));
  map.append("given_up", integer(sending.given_up));
  map.append("delay_us", latency_value(sending.delay_ns));
  return map;
}

std::string time_text(const Histogram& times, double part) {
  return format_duration(Duration(integer(times.quantile(part))));
}

std::string quantiles(const Histogram& times) {
  return fmt::format("p50 {}, p90 {}, p99 {}, p99.9 {}, max {}", time_text(times, 0.5),
                     time_text(times, 0.9), time_text(times, 0.99), time_text(times, 0.999),
                     time_text(times, 1));
}

std::string mode_text(const BenchReport& report) {
  if (!report.result.sending) return fmt::format("closed loop, {} in flight", report.concurrency);
  return fmt::format("open loop, {:g} requests/s asked for, {:.1f} sent, at most {} in flight",
                     report.rate, rate_reached(*report.result.sending), report.concurrency);
}

std::string sending_text(const Sending& sending) {
  return fmt::format(
      "schedule {} due, {} sent ({} waited for room, {} late), {} given up; sent after due: "
      "p50 {}, p99 {}, max {}\n",
      sending.due, sending.sent, sending.waited, sending.late, sending.given_up,
      time_text(sending.delay_ns, 0.5), time_text(sending.delay_ns, 0.99),
      time_text(sending.delay_ns, 1));
}

std::string summary(const BenchReport& report) {
  const LoopResult& result = report.result;
  return fmt::format(
      "{} {}: {}\n"
      "answers  {:.1f}/s, {} of {} good, {:.2f} s\n"
      "latency  {}, from when a request was {}\n{}"
      "cpu      {:.1f} us a request\n",
      harmless(report.flow), harmless(report.endpoint), mode_text(report), throughput(report),
      result.ok, result.requests(), to_seconds(result.took), quantiles(result.latency_ns),
      result.sending ? "due" : "sent (closed loop: with so many in flight, not at a given rate)",
      result.sending ? sending_text(*result.sending) : std::string(),
      per_request(report, all_cpu(report)));
}

std::string processes_table(const BenchReport& report) {
  Table processes({"PROCESS", "PID", "CPU us/REQUEST", "CORES", "MEMORY"});
  processes.align_right({1, 2, 3, 4});
  for (const ProcessCpu& process : report.processes) {
    processes.add({process.name, fmt::format("{}", process.pid),
                   fmt::format("{:.1f}", per_request(report, used_us(process))),
                   fmt::format("{:.2f}", cores_used(report, process)),
                   format_size(process.rss_bytes)});
  }
  return processes.render();
}

std::string busy_text(const BenchReport& report, const ExecutorPlaces& executor) {
  if (shares_executions(report, executor)) return "-";
  return fmt::format("{:.0f} %", utilisation(report, executor) * 100);
}

std::string executors_table(const BenchReport& report) {
  Table executors({"EXECUTOR", "INSTANCES", "EXECUTING", "BUSY"});
  executors.align_right({1, 2, 3});
  for (const ExecutorPlaces& executor : report.executors) {
    executors.add({executor.name, fmt::format("{}", executor.concurrency),
                   fmt::format("{:.2f}", executing(report, executor)),
                   busy_text(report, executor)});
  }
  return executors.render();
}

std::string verdict_text(const BenchReport& report) {
  const Verdict verdict = judge(report);
  std::string what = "bottleneck: ";
  switch (verdict.limit) {
    case Limit::kMachine: what += "the machine"; break;
    case Limit::kExecutor: what += "executor " + verdict.name; break;
    case Limit::kProcess: what += "process " + verdict.name; break;
    case Limit::kClient: what += "the client (flowctl)"; break;
    case Limit::kInFlight: what += "requests in flight"; break;
    case Limit::kNothing: return what + "none is seen; " + verdict.advice + "\n";
  }
  return fmt::format("{} ({:.0f} %); {}\n", harmless(what), verdict.busy * 100,
                     harmless(verdict.advice));
}

}  // namespace

std::vector<ExecutorPlaces> places_of(const ValueMap& status) {
  std::vector<ExecutorPlaces> places;
  const Value* executors = status.find("executors");
  if (executors == nullptr || executors->if_list() == nullptr) return places;
  for (const Value& entry : *executors->if_list()) {
    const ValueMap* executor = entry.if_map();
    const Value* name = executor == nullptr ? nullptr : executor->find("name");
    const Value* instances = executor == nullptr ? nullptr : executor->find("instances");
    if (name == nullptr || name->if_string() == nullptr) continue;
    const bool listed = instances != nullptr && instances->if_list() != nullptr;
    places.push_back({*name->if_string(), listed ? instances->if_list()->size() : 0});
  }
  return places;
}

double executing(const BenchReport& report, const ExecutorPlaces& executor) {
  const auto& times = report.result.executors;
  const auto it = std::ranges::find(times, executor.name, &ExecutorTime::name);
  const std::int64_t rated = to_us(report.result.rated);
  if (it == times.end() || rated <= 0) return 0;
  return rounded(static_cast<double>(it->execute_us) / static_cast<double>(rated), 1000);
}

bool shares_executions(const BenchReport& report, const ExecutorPlaces& executor) {
  return executing(report, executor) > static_cast<double>(executor.concurrency);
}

double utilisation(const BenchReport& report, const ExecutorPlaces& executor) {
  if (executor.concurrency == 0) return 0;
  const auto instances = static_cast<double>(executor.concurrency);
  return std::min(1.0, rounded(executing(report, executor) / instances, 1000));
}

double cores_used(const BenchReport& report, const ProcessCpu& process) {
  const auto rated = static_cast<double>(to_us(report.result.rated));
  return rated <= 0 ? 0 : used_us(process) / rated;
}

ValueMap bench_value(const BenchReport& report) {
  const LoopResult& result = report.result;
  const bool open = result.sending.has_value();
  const Verdict verdict = judge(report);
  ValueMap failed;
  for (const auto& [code, count] : result.failed)
    failed.append(code, integer(count));
  ValueMap map;
  map.append("flow", report.flow);
  map.append("endpoint", report.endpoint);
  map.append("mode", open ? "open" : "closed");
  map.append("concurrency", integer(report.concurrency));
  map.append("rate", open ? Value(report.rate) : Value());
  map.append("duration_s", rounded(to_seconds(result.took), 1000));
  map.append("size_bytes", integer(report.size_bytes));
  map.append("requests", integer(result.requests()));
  map.append("ok", integer(result.ok));
  map.append("failed", std::move(failed));
  map.append("throughput_rps", throughput(report));
  map.append("latency_us", latency_value(result.latency_ns));
  map.append("cpu", cpu_value(report));
  map.append("executors", executors_value(report));
  map.append("bottleneck", verdict.name.empty() ? Value() : Value(verdict.name));
  map.append("bottleneck_kind", std::string(to_string(verdict.limit)));
  map.append("advice", verdict.advice);
  map.append("latency_from", open ? "due" : "sent");
  map.append("sending", open ? Value(sending_value(*result.sending)) : Value());
  return map;
}

std::string bench_text(const BenchReport& report) {
  std::string out = summary(report) + "\n" + processes_table(report);
  if (!report.executors.empty()) out += "\n" + executors_table(report);
  return out + "\n" + verdict_text(report);
}

}  // namespace flow::flowctl
