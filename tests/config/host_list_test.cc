#include "config/host_list.h"

#include <doctest/doctest.h>

#include "loading.h"

namespace flow::config {
namespace {

// The addresses of `hosts` and `ports`, or what is wrong with them.
std::vector<std::string> pair(const std::vector<std::string>& hosts,
                              const std::vector<std::uint16_t>& ports) {
  std::vector<Host> parsed;
  for (const std::string& host : hosts)
    parsed.push_back(*parse_host(host));
  Result<std::vector<std::string>> paired = pair_hosts(parsed, ports);
  return paired ? *paired : std::vector{paired.error().message};
}

// The addresses of the executor `remote` of a flow; what is wrong with it.
std::vector<std::string> hosts_of(const std::string& keys) {
  const LoadResult result =
      load("[[executor]]\nname = \"remote\"\nexternal = true\n" + keys + "\n");
  if (result.flow) return result.flow->decl.executors[0].hosts;
  return {result.diagnostics.all().front().message};
}

TEST_CASE("a host is a name or an address, with a port or without, or a socket's path") {
  CHECK(parse_host("localhost")->place == "tcp://localhost");
  CHECK_FALSE(parse_host("localhost")->port.has_value());
  CHECK(parse_host("10.0.0.7:7001")->place == "tcp://10.0.0.7");
  CHECK(parse_host("10.0.0.7:7001")->port == 7001);
  CHECK(parse_host("tcp://a.b-c_d:1")->place == "tcp://a.b-c_d");
  CHECK(parse_host("[::1]:65535")->place == "tcp://[::1]");
  CHECK(parse_host("[::1]:65535")->port == 65535);
  CHECK(parse_host("/run/flow/a/gateway.ipc")->place == "ipc:///run/flow/a/gateway.ipc");
  CHECK(parse_host("ipc:///x")->is_path());
}

TEST_CASE("what is no host is refused") {
  for (const char* text : {"", ":1", "a:", "a:0", "a:65536", "a:b", "a b", "http://a:1", "::1",
                           "[::1", "[::1]x", "[a]:1", "ipc://a", "-a:1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_host(text).ok());
  }
}

TEST_CASE("as many hosts as ports are pairs, and one of them goes with all others") {
  using List = std::vector<std::string>;
  CHECK(pair({"a", "b"}, {1, 2}) == List{"tcp://a:1", "tcp://b:2"});
  CHECK(pair({"a", "b"}, {1}) == List{"tcp://a:1", "tcp://b:1"});
  CHECK(pair({"a"}, {1, 2}) == List{"tcp://a:1", "tcp://a:2"});
  CHECK(pair({"a"}, {1}) == List{"tcp://a:1"});
}

TEST_CASE("a port inside a host wins, and a path needs none") {
  using List = std::vector<std::string>;
  CHECK(pair({"a:9", "b"}, {1, 2}) == List{"tcp://a:9", "tcp://b:2"});
  CHECK(pair({"a:8", "b:9"}, {1}) == List{"tcp://a:8", "tcp://b:9"});
  CHECK(pair({"a:8", "b:9"}, {1, 2, 3}) == List{"tcp://a:8", "tcp://b:9"});
  CHECK(pair({"/x", "b"}, {1}) == List{"ipc:///x", "tcp://b:1"});
  CHECK(pair({"/x"}, {}) == List{"ipc:///x"});
}

TEST_CASE("counts that do not match are told with both numbers") {
  CHECK(pair({"a", "b"}, {1, 2, 3}).front() ==
        "number of hosts (2) does not match the number of ports (3)");
  CHECK(pair({"a", "b:1"}, {}).front() == "host 'a' has no port");
}

TEST_CASE("hosts and ports come as words, comma lists and lists") {
  using List = std::vector<std::string>;
  const List both = {"tcp://h:1", "tcp://h:2"};
  CHECK(hosts_of("host = \"h:1,h:2\"") == both);
  CHECK(hosts_of("host = \"h:1 , h:2\"") == both);
  CHECK(hosts_of("host = [\"h:1\", \"h:2\"]") == both);
  CHECK(hosts_of("host = [\"h:1, h:2\"]") == both);
  CHECK(hosts_of("host = \"h\"\nport = [1, 2]") == both);
  CHECK(hosts_of("host = \"h\"\nport = \"1,2\"") == both);
  CHECK(hosts_of("host = \"h\"\nport = [\"1\", 2]") == both);
  CHECK(hosts_of("port = 7") == List{"tcp://127.0.0.1:7"});
}

TEST_CASE("each host is a replica, whether the file says so or not") {
  const std::string two = "[[executor]]\nname = \"r\"\nexternal = true\nhost = \"h:1,h:2\"\n";
  for (const char* more : {"", "replicas = 1\n", "replicas = 2\n"}) {
    CAPTURE(more);
    const LoadResult result = load(two + more);
    REQUIRE(result.ok());
    const graph::Node* node = result.flow->graph.find("r");
    REQUIRE(node != nullptr);
    CHECK(node->replicas == 2);
    CHECK(node->external);
    CHECK(node->with.find(graph::kForwarderHosts)->if_list()->size() == 2);
  }
  const LoadResult three = load(two + "replicas = 3\n");
  CHECK(codes(three) == Names{"E0143"});
  CHECK(three.diagnostics.all()[0].message.find(
            "Number of hosts (2) does not match the number of replicas (3)") != std::string::npos);
  CHECK(codes(load("[[executor]]\nexternal = true\nhost = \"h:1\"\nreplicas = 2\n")) ==
        Names{"E0143"});
}

TEST_CASE("keys of where it runs are warned of, and their programs are not looked for") {
  LoadOptions options = quiet();
  const LoadResult result = load(
      "[[executor]]\nname = \"r\"\nexternal = true\nhost = \"h:1\"\nuses = \"no-such-thing\"\n"
      "uses_after = \"nor-this\"\nwith = { a = 1 }\n",
      options);
  REQUIRE(result.ok());
  CHECK(codes(result) == Names{"W0210", "W0210", "W0210"});
  CHECK(result.flow->graph.nodes().size() == 1);
  CHECK(result.flow->graph.nodes()[0].uses == graph::kForwarder);
}

TEST_CASE("an external executor may join, with its inputs reduced") {
  const std::string branches =
      "[[executor]]\nname = \"a\"\n[[executor]]\nname = \"b\"\nneeds = \"gateway\"\n";
  const std::string join =
      "[[executor]]\nname = \"r\"\nexternal = true\nhost = \"h:1\"\nneeds = [\"a\", \"b\"]\n";
  CHECK(load(branches + join).ok());
  CHECK(codes(load(branches + join + "no_reduce = true\n")) == Names{"E0144"});
  CHECK(load("[[executor]]\nexternal = true\nhost = \"h:1\"\nno_reduce = true\n").ok());
}

}  // namespace
}  // namespace flow::config
