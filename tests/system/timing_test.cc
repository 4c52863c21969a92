// How quick it must be, with bounds that a busy machine keeps: a start, a full pipeline, a wide
// executor, batches. The figures are printed.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/units.h"
#include "flow_process.h"
#include "load.h"

using namespace flow;
using namespace flow::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// Answers a second with 64 requests in flight, over three seconds after the first 64.
double rate(Flow& flow, const std::string& endpoint = "/x") {
  LoadOptions options;
  options.endpoint = endpoint;
  options.in_flight = 64;
  Load load(flow.client(), options);
  REQUIRE(load.answer(64));
  const Instant began = now();
  const std::uint64_t before = load.answered();
  CHECK(eventually([&] { return now() - began >= seconds(3); }));
  const double per_second =
      static_cast<double>(load.answered() - before) / to_seconds(now() - began);
  CHECK(load.stop());
  INFO(load.summary());
  CHECK(load.failed() == 0);
  MESSAGE(fmt::format("{:.1f} requests a second, slowest {}", per_second,
                      format_duration(load.slowest())));
  return per_second;
}

}  // namespace

TEST_CASE("a flow of three executors is ready in no time") {
  Duration best = kPatience;
  for (int i = 0; i < 3; ++i) {
    Sandbox sandbox;
    Flow flow(sandbox, executor("a", "pass-through") + executor("b", "pass-through") +
                           executor("c", "pass-through"));
    const std::string out = flow.supervisor().out();
    const std::size_t open = out.find('(');
    const Result<Duration> took = parse_duration(out.substr(open + 1, out.find(')') - open - 1));
    REQUIRE(took.ok());
    MESSAGE("ready in " << format_duration(*took));
    best = std::min(best, *took);
  }
  CHECK(best < milliseconds(900));
}

TEST_CASE("a pipeline of eight executors of 5 ms each stays full") {
  Sandbox sandbox;
  std::string file;
  for (int i = 0; i < 8; ++i)
    file += executor(fmt::format("s{}", i), "sleep", "with = { ms = 5 }");
  Flow flow(sandbox, file);
  CHECK(rate(flow) >= 160);
}

TEST_CASE("ten replicas of 100 ms keep one instance of 1 ms behind them fed") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("encode", "sleep", "replicas = 10\nwith = { ms = 100 }") +
                         executor("index", "sleep", "with = { ms = 1 }"));
  CHECK(rate(flow) >= 80);
}

TEST_CASE("batches make more of an executor that is better at many documents, and hold up none") {
  constexpr std::int64_t kTimeoutUs = 10'000;
  constexpr std::int64_t kSlackUs = 100'000;  // of a busy machine
  Sandbox sandbox;
  Flow flow(sandbox, executor("encode", "sleep", R"(with = { ms = 5, ms_per_document = 0.1 }
batching = { "/together" = { size = 32, timeout = "10ms" } })"));
  const double alone = rate(flow, "/alone");
  CHECK(rate(flow, "/together") >= 3 * alone);

  int left = 640;
  const auto next = [&left]() -> std::optional<wire::Document> {
    if (left-- == 0) return std::nullopt;
    wire::DocumentList one = one_document("1", "t");
    return std::move(one[0]);
  };
  PostOptions options;
  options.request_size = 1;
  options.concurrency = 64;
  std::int64_t longest = 0;
  Client client = flow.client();
  client.post_all("/together", next, options, [&longest](const Reply& reply) {
    REQUIRE(reply.ok());
    const wire::ResponseHop& hop = reply.response.hops.at(0);
    longest = std::max(longest, std::int64_t{hop.queue_us} - std::int64_t{hop.execute_us});
  });
  MESSAGE(fmt::format("waited at most {} us beyond one execution", longest));
  CHECK(longest <= kTimeoutUs + kSlackUs);
}
