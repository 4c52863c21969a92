#include "flowctl/endpoints.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

namespace flow::flowctl {
namespace {

Endpoints endpoints_example() {
  Endpoints endpoints;
  endpoints.flow = "hello";
  endpoints.gateway = "ipc:///run/flow/hello/gateway.ipc";
  endpoints.broker = "ipc:///run/flow/hello/broker.ipc";
  endpoints.pids = {{"supervisor", 1}, {"index/shard-0/rep-0", 2}};
  return endpoints;
}

}  // namespace

TEST_CASE("endpoints.json has every key, and null for what is not there") {
  CHECK(endpoints_json(endpoints_example()) ==
        R"({"flow":"hello","gateway":"ipc:///run/flow/hello/gateway.ipc",)"
        R"("broker":"ipc:///run/flow/hello/broker.ipc","redis":null,"http":null,)"
        R"("pids":{"supervisor":1,"index/shard-0/rep-0":2}})"
        "\n");
}

TEST_CASE("endpoints.json reads back as it was written") {
  std::string dir = (std::filesystem::temp_directory_path() / "flow-endpoints-XXXXXX").string();
  REQUIRE(::mkdtemp(dir.data()) != nullptr);
  CHECK(read_endpoints(dir).error().code == Errc::kNotFound);

  REQUIRE(write_endpoints(dir, endpoints_example()).ok());
  const Result<Endpoints> read = read_endpoints(dir);

  REQUIRE(read.ok());
  CHECK(read->gateway == endpoints_example().gateway);
  CHECK(read->redis.empty());
  CHECK(read->pids == endpoints_example().pids);
  std::filesystem::remove_all(dir);
}

TEST_CASE("text that is no endpoints.json is an error") {
  CHECK_FALSE(parse_endpoints("[1]").ok());
  CHECK_FALSE(parse_endpoints("{").ok());
}

}  // namespace flow::flowctl
