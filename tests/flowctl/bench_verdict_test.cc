#include "flowctl/bench_verdict.h"

#include <doctest/doctest.h>

#include <string>

using namespace std::chrono_literals;

namespace flow::flowctl {
namespace {

// Two seconds on eight cores, with nothing to do.
BenchReport idle() {
  BenchReport report;
  report.cores = 8;
  report.concurrency = 8;
  report.result.took = 2s;
  report.result.rated = 2s;
  report.result.ok = 1000;
  report.executors = {{"encode", 2}, {"rank", 1}};
  return report;
}

void uses(BenchReport& report, const std::string& process, Duration cpu) {
  report.processes.push_back({process, 1, 1s, 1s + cpu, 0});
}

void executes(BenchReport& report, const std::string& executor, Duration time) {
  report.result.executors.push_back({executor, static_cast<std::uint64_t>(to_us(time))});
}

void sends(BenchReport& report, std::uint64_t waited, std::uint64_t late) {
  report.rate = 500;
  report.result.sending.emplace();
  report.result.sending->due = 1000;
  report.result.sending->waited = waited;
  report.result.sending->late = late;
}

}  // namespace

TEST_CASE("when nothing is busy, nothing is named, and the advice fits the loop") {
  BenchReport report = idle();
  executes(report, "rank", 1500ms);
  uses(report, "gateway/0", 1500ms);
  const Verdict verdict = judge(report);
  CHECK(verdict.limit == Limit::kNothing);
  CHECK(verdict.name.empty());
  CHECK(verdict.advice.find("executor 'rank' is busy for 75 %") == 0);
  CHECK(verdict.advice.find("--concurrency") != std::string::npos);
  sends(report, 0, 0);
  CHECK(judge(report).advice.find("--rate") != std::string::npos);
  report.result.failed["TOO_LARGE"] = 1;
  CHECK(judge(report).advice.find("failed") != std::string::npos);
}

TEST_CASE("an executor whose instances are all busy is it") {
  BenchReport report = idle();
  executes(report, "rank", 1500ms);
  executes(report, "encode", 3500ms);
  const Verdict verdict = judge(report);
  CHECK(verdict.limit == Limit::kExecutor);
  CHECK(verdict.name == "encode");
  CHECK(verdict.busy == doctest::Approx(0.875));
  CHECK(verdict.advice.find("2 instances") != std::string::npos);
}

TEST_CASE("a process that fills a core is it, unless it does so for a busy executor") {
  BenchReport report = idle();
  uses(report, "gateway/0", 1900ms);
  CHECK(judge(report).limit == Limit::kProcess);
  CHECK(judge(report).name == "gateway/0");

  uses(report, "rank/rep-0", 1950ms);
  CHECK(judge(report).limit == Limit::kProcess);
  CHECK(judge(report).name == "rank/rep-0");

  executes(report, "rank", 1800ms);
  CHECK(judge(report).limit == Limit::kExecutor);
  CHECK(judge(report).name == "rank");
}

TEST_CASE("the client is named where it is the one that cannot do more") {
  BenchReport report = idle();
  uses(report, kClientName, 1700ms);
  CHECK(judge(report).limit == Limit::kClient);
  CHECK(judge(report).name == kClientName);

  BenchReport late = idle();
  sends(late, 5, 20);
  CHECK(judge(late).limit == Limit::kClient);
}

TEST_CASE("with all cores used, the machine is it, whoever uses them") {
  BenchReport report = idle();
  report.cores = 2;
  executes(report, "encode", 4s);
  uses(report, "encode/rep-0", 1600ms);
  uses(report, "encode/rep-1", 1600ms);
  uses(report, "gateway/0", 500ms);
  CHECK(judge(report).limit == Limit::kMachine);
  CHECK(judge(report).name == "machine");
  report.cores = 0;  // unknown
  CHECK(judge(report).limit == Limit::kExecutor);
}

TEST_CASE("requests that wait for room name the bound, unless something is busy") {
  BenchReport report = idle();
  sends(report, 200, 10);
  const Verdict verdict = judge(report);
  CHECK(verdict.limit == Limit::kInFlight);
  CHECK(verdict.name.empty());
  CHECK(verdict.busy == doctest::Approx(0.2));
  executes(report, "rank", 2s);
  CHECK(judge(report).limit == Limit::kExecutor);
}

TEST_CASE("an executor whose requests share executions is not it: how busy it is, is not known") {
  BenchReport report = idle();
  executes(report, "rank", 200s);  // a hundred at once, by one instance
  CHECK(judge(report).limit == Limit::kNothing);
  CHECK(judge(report).advice.find("rank") == std::string::npos);

  sends(report, 200, 10);
  CHECK(judge(report).limit == Limit::kInFlight);
  executes(report, "encode", 3500ms);
  CHECK(judge(report).limit == Limit::kExecutor);
  CHECK(judge(report).name == "encode");

  uses(report, "rank/rep-0", 1950ms);
  CHECK(judge(report).limit == Limit::kProcess);
  CHECK(judge(report).name == "rank/rep-0");
  CHECK(judge(report).advice.find("give 'rank' more replicas") == 0);
}

TEST_CASE("nothing measured at all is no crash") {
  BenchReport report;
  CHECK(judge(report).limit == Limit::kNothing);
}

}  // namespace flow::flowctl
