#include "flowctl/bench_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/units.h"
#include "flowctl/output.h"
#include "flowctl/table.h"

namespace flow::flowctl {
namespace {

constexpr double kBusy = 0.5;

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

double throughput(const BenchReport& report) {
  const double seconds = to_seconds(report.result.took);
  return seconds <= 0 ? 0 : rounded(static_cast<double>(report.result.ok) / seconds, 10);
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

double utilisation(const BenchReport& report, const ExecutorPlaces& executor) {
  const auto& times = report.result.executors;
  const auto it = std::ranges::find(times, executor.name, &ExecutorTime::name);
  const double available =
      static_cast<double>(to_us(report.result.took)) * static_cast<double>(executor.concurrency);
  if (it == times.end() || available <= 0) return 0;
  return rounded(static_cast<double>(it->execute_us) / available, 1000);
}

std::string bottleneck(const BenchReport& report) {
  std::string name;
  double most = kBusy;
  for (const ExecutorPlaces& executor : report.executors) {
    if (const double part = utilisation(report, executor); part >= most) {
      most = part;
      name = executor.name;
    }
  }
  const auto took = static_cast<double>(to_us(report.result.took));
  for (const ProcessCpu& process : report.processes) {
    const double part = took <= 0 ? 0 : used_us(process) / took;
    if (part > most) {
      most = part;
      name = process.name;
    }
  }
  return name;
}

ValueMap bench_value(const BenchReport& report) {
  ValueMap failed;
  for (const auto& [code, count] : report.result.failed)
    failed.append(code, integer(count));
  ValueList executors;
  for (const ExecutorPlaces& executor : report.executors) {
    ValueMap map;
    map.append("name", executor.name);
    map.append("concurrency", integer(executor.concurrency));
    map.append("utilisation", utilisation(report, executor));
    executors.emplace_back(std::move(map));
  }
  const std::string slowest = bottleneck(report);
  ValueMap map;
  map.append("flow", report.flow);
  map.append("endpoint", report.endpoint);
  map.append("mode", "closed");
  map.append("concurrency", integer(report.concurrency));
  map.append("rate", nullptr);
  map.append("duration_s", rounded(to_seconds(report.result.took), 1000));
  map.append("size_bytes", integer(report.size_bytes));
  map.append("requests", integer(report.result.requests()));
  map.append("ok", integer(report.result.ok));
  map.append("failed", std::move(failed));
  map.append("throughput_rps", throughput(report));
  map.append("latency_us", latency_value(report.result.latency_ns));
  map.append("cpu", cpu_value(report));
  map.append("executors", std::move(executors));
  map.append("bottleneck", slowest.empty() ? Value() : Value(slowest));
  return map;
}

std::string bench_text(const BenchReport& report) {
  const Histogram& latency = report.result.latency_ns;
  const auto time = [&latency](double part) {
    return format_duration(Duration(integer(latency.quantile(part))));
  };
  std::string out = fmt::format(
      "{} {}: {:.0f} requests/s, {} of {} good, {} in flight, {:.2f} s\n"
      "latency  p50 {}, p90 {}, p99 {}, p99.9 {}, max {}\n"
      "cpu      {:.1f} us a request\n\n",
      harmless(report.flow), harmless(report.endpoint), throughput(report), report.result.ok,
      report.result.requests(), report.concurrency, to_seconds(report.result.took), time(0.5),
      time(0.9), time(0.99), time(0.999), format_duration(Duration(integer(latency.max()))),
      per_request(report, all_cpu(report)));
  Table processes({"PROCESS", "PID", "CPU us/REQUEST", "MEMORY"});
  processes.align_right({1, 2, 3});
  for (const ProcessCpu& process : report.processes) {
    processes.add({process.name, fmt::format("{}", process.pid),
                   fmt::format("{:.1f}", per_request(report, used_us(process))),
                   format_size(process.rss_bytes)});
  }
  out += processes.render();
  Table executors({"EXECUTOR", "INSTANCES", "BUSY"});
  executors.align_right({1, 2});
  for (const ExecutorPlaces& executor : report.executors) {
    executors.add({executor.name, fmt::format("{}", executor.concurrency),
                   fmt::format("{:.0f} %", utilisation(report, executor) * 100)});
  }
  if (!executors.empty()) out += "\n" + executors.render();
  const std::string slowest = bottleneck(report);
  return out + (slowest.empty() ? "\nnothing is busy for half of the time\n"
                                : fmt::format("\nbottleneck: {}\n", slowest));
}

}  // namespace flow::flowctl
