#include "flowctl/open_loop.h"

#include <doctest/doctest.h>

#include <thread>
#include <utility>

#include "../client/fake_gateway.h"

using namespace std::chrono_literals;

namespace flow::flowctl {
namespace {

LoopOptions at_rate(double rate, Duration duration, std::size_t concurrency = 100) {
  LoopOptions options;
  options.endpoint = "/a";
  options.rate = rate;
  options.duration = duration;
  options.concurrency = concurrency;
  return options;
}

Duration quantile(const Histogram& histogram, double part) {
  return Duration(static_cast<std::int64_t>(histogram.quantile(part)));
}

}  // namespace

TEST_CASE("an open loop sends what is due and counts every request once") {
  FakeGateway* self = nullptr;
  std::uint64_t received = 0;
  FakeGateway gateway([&](net::PeerId peer, wire::Request request) {
    ++received;
    wire::Response response = echo(request);
    response.hops = {{"encode", "encode/rep-0", 0, 10, 0, 0}};
    self->respond(peer, std::move(response));
  });
  self = &gateway;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());

  const LoopResult result = OpenLoop(*client, at_rate(500, 200ms)).run();

  gateway.stop();
  CHECK(received == 100);
  CHECK(result.ok == 100);
  CHECK(result.failed.empty());
  CHECK(result.latency_ns.count() == 100);
  REQUIRE(result.executors.size() == 1);
  CHECK(result.executors[0].execute_us == 1000);
  CHECK(result.took >= 198ms);
  CHECK(result.rated >= 200ms);
  REQUIRE(result.sending.has_value());
  CHECK(result.sending->due == 100);
  CHECK(result.sending->sent == 100);
  CHECK(result.sending->waited == 0);
  CHECK(result.sending->given_up == 0);
  CHECK(result.sending->delay_ns.count() == 100);
  CHECK(result.sending->took >= 200ms);
}

TEST_CASE("latency counts from when a request was due, wherever it waits") {
  // The first answer takes 200 ms. The ten requests are due within 90 ms, so that each of them is
  // answered 110 ms or more after it was due: those that wait at the gateway, and those that are
  // not even sent while one may be in flight only.
  for (const std::size_t in_flight : {100, 1}) {
    CAPTURE(in_flight);
    FakeGateway* self = nullptr;
    bool first = true;
    FakeGateway gateway([&](net::PeerId peer, wire::Request request) {
      if (std::exchange(first, false)) std::this_thread::sleep_for(200ms);
      self->respond(peer, echo(request));
    });
    self = &gateway;
    gateway.start();
    Result<Client> client = Client::connect(gateway.address());
    REQUIRE(client.ok());

    const LoopResult result = OpenLoop(*client, at_rate(100, 100ms, in_flight)).run();

    gateway.stop();
    CHECK(result.ok == 10);
    CHECK(quantile(result.latency_ns, 0) >= 110ms);
    CHECK(quantile(result.latency_ns, 0.5) >= 150ms);
    CHECK(quantile(result.latency_ns, 1) >= 200ms);
    if (in_flight == 1) {
      CHECK(result.sending->waited == 9);
      CHECK(quantile(result.sending->delay_ns, 1) >= 110ms);
    }
  }
}

TEST_CASE("requests that are refused at once are counted, and the loop goes on") {
  FakeGateway gateway([](net::PeerId, const wire::Request&) {});
  gateway.welcome.max_request_bytes = 10;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  LoopOptions options = at_rate(1000, 20ms, 1);
  options.payload = Bytes::copy_of("more than ten bytes");

  const LoopResult result = OpenLoop(*client, options).run();

  CHECK(result.failed.at("TOO_LARGE") == 20);
  CHECK(result.requests() == 20);
}

TEST_CASE("requests of a flow that does not answer end with their time, sent or not") {
  FakeGateway gateway([](net::PeerId, const wire::Request&) {});
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  LoopOptions options = at_rate(1000, 50ms, 4);
  options.timeout = 100ms;
  const SystemClock clock;
  const Instant began = clock.now();

  const LoopResult result = OpenLoop(*client, options).run();

  CHECK(clock.now() - began < 10s);
  CHECK(result.ok == 0);
  CHECK(result.failed.at("DEADLINE_EXCEEDED") == 50);
  CHECK(result.sending->sent == 4);
  CHECK(result.sending->given_up == 46);
  CHECK(result.first_failure.find("not sent") != std::string::npos);
  CHECK(result.rated == 50ms);
}

}  // namespace flow::flowctl
