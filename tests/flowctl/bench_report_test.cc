#include "flowctl/bench_report.h"

#include <doctest/doctest.h>

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
  CHECK(json.find(R"({"name":"encode","concurrency":1,"utilisation":0.9})") != std::string::npos);
  CHECK(json.ends_with(R"("bottleneck":"encode"})"));
}

TEST_CASE("without anything busy there is no bottleneck") {
  BenchReport report = example();
  report.result.executors.clear();
  CHECK(bottleneck(report).empty());
}

TEST_CASE("a report of nothing divides by nothing") {
  BenchReport report = example();
  report.result = LoopResult{};
  CHECK(to_json(Value(bench_value(report))).find("null") != std::string::npos);
  CHECK(bench_text(report).find("0 of 0") != std::string::npos);
}

}  // namespace flow::flowctl
