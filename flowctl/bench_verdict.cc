#include "flowctl/bench_verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace flow::flowctl {
namespace {

constexpr double kAllCores = 0.9;
constexpr double kBusy = 0.8;
constexpr double kMostly = 0.5;
constexpr double kSome = 0.01;  // of the requests

double percent(double part) {
  return part * 100;
}

const ProcessCpu* busiest_process(const BenchReport& report) {
  const auto it = std::ranges::max_element(
      report.processes, {}, [&](const ProcessCpu& one) { return cores_used(report, one); });
  return it == report.processes.end() ? nullptr : &*it;
}

// As far as it is known: 0 where requests share executions.
double busy(const BenchReport& report, const ExecutorPlaces& executor) {
  return shares_executions(report, executor) ? 0 : utilisation(report, executor);
}

const ExecutorPlaces* busiest_executor(const BenchReport& report) {
  const auto it = std::ranges::max_element(
      report.executors, {}, [&](const ExecutorPlaces& one) { return busy(report, one); });
  return it == report.executors.end() ? nullptr : &*it;
}

const ExecutorPlaces* executor_of(const BenchReport& report, const ProcessCpu& process) {
  const auto it = std::ranges::find_if(report.executors, [&](const ExecutorPlaces& executor) {
    return process.name.starts_with(executor.name + "/");
  });
  return it == report.executors.end() ? nullptr : &*it;
}

std::optional<Verdict> machine(const BenchReport& report) {
  double used = 0;
  for (const ProcessCpu& process : report.processes)
    used += cores_used(report, process);
  if (report.cores == 0 || used < kAllCores * report.cores) return std::nullopt;
  return Verdict{
      Limit::kMachine, "machine", used / report.cores,
      fmt::format("all {} cores that flowctl may use are busy, most of all with {}; more "
                  "instances help on other cores only",
                  report.cores, busiest_process(report)->name)};
}

Verdict executor_verdict(const BenchReport& report, const ExecutorPlaces& executor) {
  return {Limit::kExecutor, executor.name, busy(report, executor),
          fmt::format("give '{}' more replicas (it has {} {}) or less to do", executor.name,
                      executor.concurrency, executor.concurrency == 1 ? "instance" : "instances")};
}

// For a process that fills a core, of that executor if of any.
std::string process_advice(const BenchReport& report, const ExecutorPlaces* owner) {
  if (owner == nullptr) return "fewer and larger requests (--documents) ask less of it";
  return fmt::format("{}give '{}' more replicas, or fewer and larger requests",
                     shares_executions(report, *owner) ? "" : "its work is not its handler's; ",
                     owner->name);
}

std::optional<Verdict> busy_part(const BenchReport& report) {
  const ExecutorPlaces* executor = busiest_executor(report);
  const double executes = executor == nullptr ? 0 : busy(report, *executor);
  const ProcessCpu* process = busiest_process(report);
  const double used = process == nullptr ? 0 : cores_used(report, *process);
  if (std::max(executes, used) < kBusy) return std::nullopt;
  if (executes >= used) return executor_verdict(report, *executor);
  const ExecutorPlaces* owner = executor_of(report, *process);
  if (owner != nullptr && busy(report, *owner) >= kBusy) {
    return executor_verdict(report, *owner);
  }
  if (process->name == kClientName) {
    return Verdict{Limit::kClient, kClientName, used,
                   "flowctl itself has no time left; run several of them for what the flow can do"};
  }
  return Verdict{Limit::kProcess, process->name, used, process_advice(report, owner)};
}

std::optional<Verdict> sending(const BenchReport& report) {
  if (!report.result.sending || report.result.sending->due == 0) return std::nullopt;
  const Sending& sending = *report.result.sending;
  const auto due = static_cast<double>(sending.due);
  const double waited = static_cast<double>(sending.waited + sending.given_up) / due;
  const double late = static_cast<double>(sending.late) / due;
  if (late >= kSome && late > waited) {
    return Verdict{Limit::kClient, kClientName, late,
                   fmt::format("flowctl was late with {:.0f} % of the requests: it did not get the "
                               "CPU in time, or the rate is beyond it",
                               percent(late))};
  }
  if (waited < kSome) return std::nullopt;
  return Verdict{Limit::kInFlight, "", waited,
                 fmt::format("{:.0f} % of the requests waited for room among the {} in flight; "
                             "a flow that answers later than that allows needs more "
                             "--concurrency or a lower --rate",
                             percent(waited), report.concurrency)};
}

// The executor that comes closest, if one does.
std::string runner_up(const BenchReport& report) {
  const ExecutorPlaces* executor = busiest_executor(report);
  if (executor == nullptr || busy(report, *executor) < kMostly) return "";
  return fmt::format("executor '{}' is busy for {:.0f} % of the time; ", executor->name,
                     percent(busy(report, *executor)));
}

Verdict nothing(const BenchReport& report) {
  std::string advice = runner_up(report);
  if (!report.result.failed.empty()) {
    advice += "requests failed, and what they cost is not known; see why they did";
  } else if (report.rate > 0) {
    advice += "the flow keeps up with this rate, --rate asks for more";
  } else {
    advice += "more requests in flight (--concurrency) may get more out of it";
  }
  return {Limit::kNothing, "", 0, std::move(advice)};
}

}  // namespace

std::string_view to_string(Limit limit) {
  switch (limit) {
    case Limit::kMachine: return "machine";
    case Limit::kExecutor: return "executor";
    case Limit::kProcess: return "process";
    case Limit::kClient: return "client";
    case Limit::kInFlight: return "in_flight";
    case Limit::kNothing: break;
  }
  return "nothing";
}

Verdict judge(const BenchReport& report) {
  if (std::optional<Verdict> found = machine(report)) return *std::move(found);
  if (std::optional<Verdict> found = busy_part(report)) return *std::move(found);
  if (std::optional<Verdict> found = sending(report)) return *std::move(found);
  return nothing(report);
}

}  // namespace flow::flowctl
