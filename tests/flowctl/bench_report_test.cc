#include "flowctl/bench_report.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "base/json.h"

using namespace std::chrono_literals;

namespace flow::flowctl {
namespace {

BenchReport example() {
  BenchReport report;
  report.flow = "hello";
  report.endpoint = "/a";
  report.concurrency = 8;
  report.size_bytes = 128;
  report.result.took = 2s;
  report.result.rated = 2s;
  report.result.ok = 1000;
  for (int i = 0; i < 1000; ++i)
    report.result.latency_ns.record(100'000);
  report.result.executors = {{"encode", 1'800'000}};
  report.processes = {{"gateway/0", 7, 1s, 1s + 100ms, 4096}, {"flowctl", 8, 0s, 50ms, 8192}};
  report.executors = {{"encode", 1}, {"rank", 2}};
  return report;
}

}  // namespace

TEST_CASE("the report has throughput, latency and CPU as the contract spells them") {
  const std::string json = to_json(Value(bench_value(example())));
  CHECK(json.starts_with(
      R"({"flow":"hello","endpoint":"/a","mode":"closed","concurrency":8,"rate":null,)"
      R"("duration_s":2.0,"size_bytes":128,"requests":1000,"ok":1000,"failed":{},)"
      R"("throughput_rps":500.0,"latency_us":{"p50":100.0,)"));
  CHECK(json.find(R"("cpu":{"us_per_request":150.0,"processes":[{"name":"gateway/0","pid":7,)"
                  R"("us_per_request":100.0,"rss_bytes":4096})") != std::string::npos);
  CHECK(json.find(R"({"name":"encode","concurrency":1,"utilisation":0.9,"executing":0.9})") !=
        std::string::npos);
  CHECK(json.find(R"("bottleneck":"encode","bottleneck_kind":"executor","advice":")") !=
        std::string::npos);
  CHECK(json.ends_with(R"("latency_from":"sent","sending":null})"));
}

TEST_CASE("an open loop also reports the rate and how it was kept") {
  BenchReport report = example();
  report.rate = 600;
  report.result.failed["DEADLINE_EXCEEDED"] = 200;
  Sending sending;
  sending.due = 1200;
  sending.sent = 1000;
  sending.waited = 300;
  sending.late = 4;
  sending.given_up = 200;
  sending.took = 2s;
  sending.delay_ns.record(2'000'000);
  report.result.sending = sending;

  const std::string json = to_json(Value(bench_value(report)));
  CHECK(json.find(R"("mode":"open","concurrency":8,"rate":600.0,)") != std::string::npos);
  CHECK(json.find(R"("latency_from":"due","sending":{"rate":500.0,"due":1200,"sent":1000,)"
                  R"("waited":300,"late":4,"given_up":200,"delay_us":{"p50":2000.0,)") !=
        std::string::npos);

  const std::string text = bench_text(report);
  CHECK(text.find("open loop, 600 requests/s asked for, 500.0 sent, at most 8 in flight") !=
        std::string::npos);
  CHECK(text.find("from when a request was due") != std::string::npos);
  CHECK(text.find("1200 due, 1000 sent (300 waited for room, 4 late), 200 given up") !=
        std::string::npos);
}

TEST_CASE("closed loop latencies are said to be that") {
  CHECK(bench_text(example()).find("from when a request was sent (closed loop") !=
        std::string::npos);
}

TEST_CASE("more can be executing than there are instances, which are never busier than busy") {
  BenchReport report = example();
  report.result.executors = {{"rank", 10'000'000}};
  CHECK(executing(report, report.executors[1]) == 5.0);
  CHECK(utilisation(report, report.executors[1]) == 1.0);
  CHECK(shares_executions(report, report.executors[1]));
  CHECK_FALSE(shares_executions(report, report.executors[0]));
  CHECK(executing(report, report.executors[0]) == 0.0);
}

TEST_CASE("rates are of the time until the last good answer, at least the duration") {
  Reply answer;
  answer.response.hops = {{"encode", "encode/rep-0", 0, 1'500'000, 0, 0}};
  Reply hung;
  hung.response.failure = std::make_unique<wire::Failure>();
  *hung.response.failure = {Errc::kDeadlineExceeded, "too late", "", ""};
  BenchReport report = example();
  report.result = LoopResult{};
  report.result.rated = 2s;
  report.result.count(answer, 1500ms, 1500ms);
  CHECK(report.result.rated == 2s);
  report.result.count(answer, 1500ms, 2500ms);
  report.result.count(hung, 30s, 31s);
  report.result.took = 31s;

  CHECK(report.result.rated == 2500ms);
  CHECK(executing(report, report.executors[0]) == 1.2);
  CHECK(cores_used(report, report.processes[0]) == doctest::Approx(0.04));
  const std::string json = to_json(Value(bench_value(report)));
  CHECK(json.find(R"("duration_s":31.0,)") != std::string::npos);
  CHECK(json.find(R"("throughput_rps":0.8,)") != std::string::npos);
}

TEST_CASE("a report of nothing divides by nothing") {
  BenchReport report = example();
  report.result = LoopResult{};
  CHECK(to_json(Value(bench_value(report))).find("null") != std::string::npos);
  CHECK(bench_text(report).find("0 of 0") != std::string::npos);
}

}  // namespace flow::flowctl
