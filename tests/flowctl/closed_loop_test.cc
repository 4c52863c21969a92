#include "flowctl/closed_loop.h"

#include <doctest/doctest.h>

#include <memory>
#include <utility>

#include "../client/fake_gateway.h"

using namespace std::chrono_literals;

namespace flow::flowctl {

TEST_CASE("a closed loop counts every request once and knows where the time went") {
  FakeGateway* self = nullptr;
  int received = 0;
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
  LoopOptions options;
  options.endpoint = "/a";
  options.concurrency = 4;
  options.duration = 50ms;

  const LoopResult result = ClosedLoop(*client, options).run();

  gateway.stop();
  CHECK(result.ok == static_cast<std::uint64_t>(received));
  CHECK(result.ok >= 4);
  CHECK(result.failed.empty());
  CHECK(result.latency_ns.count() == result.ok);
  REQUIRE(result.executors.size() == 1);
  CHECK(result.executors[0].execute_us == 10 * result.ok);
  CHECK(result.took >= 50ms);
  CHECK(result.rated >= 50ms);
}

TEST_CASE("a request that hangs until its deadline lengthens the loop, not what rates are of") {
  FakeGateway* self = nullptr;
  bool first = true;
  FakeGateway gateway([&](net::PeerId peer, wire::Request request) {
    if (!std::exchange(first, false)) self->respond(peer, echo(request));
  });
  self = &gateway;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  LoopOptions options;
  options.endpoint = "/a";
  options.concurrency = 2;
  options.duration = 50ms;
  options.timeout = 500ms;

  const LoopResult result = ClosedLoop(*client, options).run();

  gateway.stop();
  CHECK(result.failed.at("DEADLINE_EXCEEDED") == 1);
  CHECK(result.took >= 500ms);
  CHECK(result.rated >= 50ms);
  CHECK(result.rated < 500ms);
}

TEST_CASE("failed requests are counted by code and do not end the loop") {
  FakeGateway* self = nullptr;
  FakeGateway gateway([&](net::PeerId peer, const wire::Request& request) {
    wire::Response response;
    response.id = request.id;
    response.failure = std::make_unique<wire::Failure>();
    *response.failure = {Errc::kOverloaded, "too much", "", ""};
    self->respond(peer, std::move(response));
  });
  self = &gateway;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  LoopOptions options;
  options.endpoint = "/a";
  options.concurrency = 2;
  options.duration = 30ms;

  const LoopResult result = ClosedLoop(*client, options).run();

  CHECK(result.ok == 0);
  CHECK(result.failed.at("OVERLOADED") == result.requests());
  CHECK(result.failed.at("OVERLOADED") >= 2);
  CHECK(result.first_failure == "OVERLOADED: too much");
}

}  // namespace flow::flowctl
