// `flowctl bench` on a real flow of which it is known what it can do: one instance of 20 ms, so 50
// requests a second. Bounds are such that a busy machine keeps them.
#include <doctest/doctest.h>

#include <string>

#include "base/json.h"
#include "flow_process.h"

namespace flow::testing {
namespace {

Value measured(Sandbox& sandbox, const std::string& option, const std::string& value,
               const std::string& duration) {
  const Finished finished =
      sandbox.flowctl({"bench", "/x", option, value, "--duration", duration, "-o", "json"});
  INFO(finished.out << finished.err);
  REQUIRE(finished.code == 0);
  Result<Value> parsed = parse_json(finished.out);
  REQUIRE(parsed.ok());
  return std::move(*parsed);
}

double number(const Value& value, std::string_view key) {
  const Value& found = at(value, key);
  REQUIRE(found.is_number());
  return found.number();
}

double latency_ms(const Value& report, std::string_view quantile) {
  return number(at(report, "latency_us"), quantile) / 1000;
}

TEST_CASE("an open loop keeps its rate, and shows the queue of a flow that is asked for too much") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("s", "sleep", "with = { ms = 20 }"));

  const Value below = measured(sandbox, "--rate", "40", "500ms");
  CHECK(text_of(at(below, "mode")) == "open");
  CHECK(number(below, "rate") == 40);
  CHECK(number(below, "ok") == 20);
  CHECK(number(at(below, "sending"), "sent") == 20);
  CHECK(number(below, "throughput_rps") > 25);
  CHECK(number(below, "throughput_rps") <= 41);
  CHECK(latency_ms(below, "p50") >= 20);

  // 40 requests are due within 390 ms and take 800.
  const Value above = measured(sandbox, "--rate", "100", "400ms");
  CHECK(number(above, "ok") == 40);
  CHECK(number(above, "throughput_rps") <= 50);
  CHECK(latency_ms(above, "max") >= 410);
  CHECK(latency_ms(above, "p50") >= 210);
  CHECK(text_of(at(above, "bottleneck")) == "s");

  // A closed loop cannot see it: it asks for no more than is answered.
  const Value closed = measured(sandbox, "--concurrency", "1", "200ms");
  CHECK(text_of(at(closed, "mode")) == "closed");
  CHECK(latency_ms(closed, "p50") >= 20);
  CHECK(latency_ms(closed, "p50") < latency_ms(above, "p50"));
}

TEST_CASE("flowctl bench refuses rates that are none") {
  Sandbox sandbox;
  for (const std::string rate : {"0", "fast", "-5"}) {
    const Finished finished = sandbox.flowctl({"bench", "/x", "--rate=" + rate});
    CHECK(finished.code == 2);
    CHECK(finished.err.find("requests a second") != std::string::npos);
  }
}

}  // namespace
}  // namespace flow::testing
