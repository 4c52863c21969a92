#include "net/resolver.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <string>

namespace {

using flow::Result;
using flow::net::Resolver;

// The answer to a question that was just asked; waits for it.
Result<std::string> answer(Resolver& resolver) {
  pollfd waiting{resolver.fd(), POLLIN, 0};
  REQUIRE(::poll(&waiting, 1, 30'000) == 1);
  std::optional<Result<std::string>> found = resolver.take();
  REQUIRE(found.has_value());
  return *std::move(found);
}

}  // namespace

TEST_CASE("names are told from numeric addresses and paths") {
  using flow::net::has_host_name;
  CHECK(has_host_name("tcp://localhost:1"));
  CHECK(has_host_name("tcp://10.0.0:1"));
  CHECK_FALSE(has_host_name("tcp://10.0.0.7:1"));
  CHECK_FALSE(has_host_name("tcp://[::1]:1"));
  CHECK_FALSE(has_host_name("ipc:///a"));
  CHECK_FALSE(has_host_name("tcp://"));
}

TEST_CASE("a host is looked up while its asker goes on, and its port stays") {
  Resolver resolver;
  CHECK_FALSE(resolver.take().has_value());
  resolver.start("tcp://localhost:7001");
  CHECK(resolver.busy());
  const Result<std::string> found = answer(resolver);
  REQUIRE(found.ok());
  CHECK(*found == "tcp://127.0.0.1:7001");
  CHECK_FALSE(resolver.busy());
}

TEST_CASE("a host that there is not is named with the reason, and may be asked for again") {
  Resolver resolver;
  for (int i = 0; i < 2; ++i) {
    resolver.start("tcp://no-such-host.invalid:1");
    const Result<std::string> found = answer(resolver);
    REQUIRE_FALSE(found.ok());
    CHECK(found.error().message.find("no-such-host.invalid") != std::string::npos);
  }
}

TEST_CASE("an asker may leave before the answer") {
  Resolver resolver;
  resolver.start("tcp://localhost:1");
}
