#include "flowctl/status_view.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/json.h"
#include "flowctl/supervisor.h"

namespace flow::flowctl {
namespace {

ValueMap status(const std::string& json) {
  Result<Value> value = parse_json(json);
  REQUIRE(value.ok());
  return *value->if_map();
}

const char* const kStarting = R"({"flow":"hello","state":"starting","reason":"a is starting",
  "since":0,"term":1,"version":2,"gateway":null,"executors":[
  {"name":"a","uses":"pass-through","shards":1,"replicas":2,"state":"starting","reason":"",
   "instances":[
    {"name":"a/rep-0","id":5,"pid":77,"state":"ready","reason":"","since":0,"queue":1,
     "in_flight":2,"executed":3,"service_us":1500,"rss_bytes":2097152},
    {"name":"a/rep-1","id":0,"pid":0,"state":"starting","reason":"","since":0}]},
  {"name":"b","uses":"pass-through","state":"ready","instances":[]}]})";

}  // namespace

TEST_CASE("a status names the instances that are not ready") {
  CHECK(not_ready(status(kStarting)) == std::vector<std::string>{"a/rep-1 (starting)"});
}

TEST_CASE("when every executor is ready it is the gateway that is waited for") {
  CHECK(not_ready(status(R"({"state":"starting","executors":[{"name":"a","state":"ready"}]})")) ==
        std::vector<std::string>{"the gateway"});
  CHECK(not_ready({}).empty());
}

TEST_CASE("what runs elsewhere is not waited for, its forwarder is") {
  const auto names = [](const std::string& instance) {
    return not_ready(status(R"({"state":"starting","executors":[{"name":"far","state":"down",
        "instances":[{"name":"far/rep-0",)" +
                            instance + "}]}]}"));
  };
  CHECK(names(R"("state":"degraded","far_end":{"address":"a","reachable":false})") ==
        std::vector<std::string>{"the gateway"});
  CHECK(names(R"("state":"starting","far_end":{"address":"a","reachable":false})") ==
        std::vector<std::string>{"far/rep-0 (starting)"});
  CHECK(names(R"("state":"degraded")") == std::vector<std::string>{"far/rep-0 (degraded)"});
}

TEST_CASE("trouble with Redis is above the table, and nothing when there is none") {
  const std::string away =
      status_table(status(R"({"flow":"a","state":"ready","store":"cannot connect"})"), false);
  CHECK(away.find("\nthe broker's store: cannot connect\n") != std::string::npos);
  const std::string fine =
      status_table(status(R"({"flow":"a","state":"ready","store":"connected"})"), false);
  CHECK(fine.find("store") == std::string::npos);
}

TEST_CASE("instances are listed by name, and as lines with all that the table has") {
  CHECK(status_names(status(kStarting)) == "a/rep-0\na/rep-1\nb\n");
  const std::string lines = status_lines(status(kStarting));
  CHECK(lines.starts_with(R"({"executor":"a","uses":"pass-through","name":"a/rep-0","id":5,)"));
  CHECK(lines.find(R"("rss_bytes":2097152)") != std::string::npos);
  CHECK(std::ranges::count(lines, '\n') == 2);
}

TEST_CASE("the table shows each instance with what the broker knows of it") {
  const std::string table = status_table(status(kStarting), /*color=*/false);
  CHECK(table.starts_with("hello: starting (a is starting)"));
  CHECK(table.find("a/rep-0") != std::string::npos);
  CHECK(table.find("2 MiB") != std::string::npos);
  CHECK(table.find("1.5 ms") != std::string::npos);
  CHECK(table.find('\x1b') == std::string::npos);
  CHECK(status_table(status(kStarting), /*color=*/true).find('\x1b') != std::string::npos);
}

TEST_CASE("the table tells how long a state has lasted, in a unit that fits") {
  const auto shown = [](const std::string& since) {
    return status_table(status(R"({"flow":"x","state":"ready","since":")" + since + "\"}"), false);
  };
  CHECK(shown("2999-01-01T00:00:00.000Z").find("for 0 s") != std::string::npos);
  CHECK(shown("2000-01-01T00:00:00.000Z").find(" h,") != std::string::npos);
  CHECK(shown("never").find("for never") != std::string::npos);
}

TEST_CASE("of several gateway addresses the one that other hosts can use is shown") {
  CHECK(gateway_address(status(R"({"gateway":"ipc:///x"})")) == "ipc:///x");
  CHECK(gateway_address(status(R"({"gateway":["ipc:///x","tcp://127.0.0.1:1"]})")) ==
        "tcp://127.0.0.1:1");
  CHECK(gateway_address(status(R"({"gateway":null})")).empty());
}

TEST_CASE("devices have a column where an instance has some") {
  const std::string none = status_table(
      status(R"({"executors":[{"name":"a","instances":[{"name":"a/rep-0","devices":[]}]}]})"),
      false);
  CHECK(none.find("DEVICES") == std::string::npos);
  const std::string some = status_table(
      status(R"({"executors":[{"name":"a","instances":[{"name":"a/rep-0","devices":["0","GPU-b"],
                 "reason":"why"},{"name":"a/rep-1","devices":[]}]},{"name":"b"}]})"),
      false);
  CHECK(some.find("MEMORY  DEVICES  REASON") != std::string::npos);
  CHECK(some.find("0,GPU-b  why") != std::string::npos);
}

TEST_CASE("warnings of the status are told by executor") {
  CHECK(status_warnings(status(R"({"executors":[{"name":"a"}]})")).empty());
  CHECK(status_warnings(
            status(R"({"executors":[{"name":"a","warnings":["no GPU"]},{"name":"b"}]})")) ==
        std::vector<std::string>{"executor 'a': no GPU"});
}

}  // namespace flow::flowctl
