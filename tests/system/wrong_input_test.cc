// What a wrong file, program, address or document costs: a clear error, and nothing else.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow_process.h"

using namespace flow;
using namespace flow::testing;

namespace {

bool says(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// `flowctl up` of a flow that must not come up.
Finished refused(Sandbox& sandbox, std::string_view executors,
                 std::vector<std::string> arguments = {}) {
  const std::string file =
      sandbox.write("t.toml", fmt::format("[flow]\nname = \"t\"\n{}", executors));
  arguments.insert(arguments.begin(), {"up", file});
  Finished finished = sandbox.flowctl(std::move(arguments));
  CHECK(finished.out == "");
  CHECK(sandbox.leftovers() == "");
  return finished;
}

// A tcp port of this machine that is taken as long as this lives.
class TakenPort {
 public:
  TakenPort() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    void* raw = &address;
    REQUIRE(bind(fd_, static_cast<sockaddr*>(raw), size) == 0);
    REQUIRE(listen(fd_, 1) == 0);
    REQUIRE(getsockname(fd_, static_cast<sockaddr*>(raw), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~TakenPort() { close(fd_); }
  TakenPort(const TakenPort&) = delete;
  TakenPort& operator=(const TakenPort&) = delete;
  int port() const { return port_; }

 private:
  int fd_;
  int port_ = 0;
};

}  // namespace

TEST_CASE("a file that is no TOML is refused with its place") {
  Sandbox sandbox;
  const Finished finished = refused(sandbox, "[[executor]]\nname = \"a\nuses = \"append\"\n");
  CHECK(finished.code == 78);
  CHECK(says(finished.err, "t.toml:4:"));
  CHECK(says(finished.err, "error[E"));
}

TEST_CASE("all mistakes of a file are reported in one run") {
  Sandbox sandbox;
  const Finished finished = refused(sandbox,
                                    "[[executor]]\nname = \"a\"\nreplica = 2\nneeds = \"nobody\"\n"
                                    "[[executor]]\nname = \"a\"\nreplicas = \"many\"\n");
  CHECK(finished.code == 78);
  for (const char* place : {"t.toml:5:", "t.toml:6:", "t.toml:8:", "t.toml:9:"})
    CHECK(says(finished.err, place));
  CHECK(says(finished.err, "did you mean 'replicas'"));
}

TEST_CASE("a file that is not there is named") {
  Sandbox sandbox;
  const Finished finished = sandbox.flowctl({"up", sandbox.file("missing.toml")});
  CHECK(finished.code == 78);
  CHECK(says(finished.err, "missing.toml"));
  CHECK(sandbox.leftovers() == "");
}

TEST_CASE("a program that does not exist is refused before anything starts") {
  Sandbox sandbox;
  SUBCASE("by name") {
    const Finished finished = refused(sandbox, executor("a", "no-such-program"));
    CHECK(finished.code == 78);
    CHECK(says(finished.err, "no-such-program"));
    CHECK(says(finished.err, "t.toml:5:"));
  }
  SUBCASE("by path") {
    const Finished finished = refused(sandbox, executor("a", "./programs/mine"));
    CHECK(finished.code == 78);
    CHECK(says(finished.err, "programs/mine"));
  }
}

TEST_CASE("a program that ends while the flow starts ends everything, with what it said last") {
  Sandbox sandbox;
  sandbox.write("broken", "#!/bin/sh\necho \"the model file is missing\" >&2\nexit 3\n", true);
  const Finished finished =
      refused(sandbox, executor("fine", "pass-through") + executor("bad", "broken"));
  CHECK(finished.code == 1);
  CHECK(says(finished.err, "bad/rep-0"));
  CHECK(says(finished.err, "exit status 3"));
  CHECK(says(finished.err, "the model file is missing"));
}

TEST_CASE("a program that no one can run is refused") {
  Sandbox sandbox;
  sandbox.write("plain", "no program\n");
  const Finished finished = refused(sandbox, executor("a", "./plain"));
  CHECK(finished.code == 78);
  CHECK(says(finished.err, "plain"));
}

TEST_CASE("a program that never becomes ready costs --wait-ready and is named") {
  Sandbox sandbox;
  sandbox.write("silent", "#!/bin/sh\nexec sleep 600\n", true);
  const Finished finished =
      refused(sandbox, executor("fine", "pass-through") + executor("bad", "silent"),
              {"--wait-ready", "1500ms"});
  CHECK(finished.code == 75);
  CHECK(says(finished.err, "bad/rep-0"));
  CHECK_FALSE(says(finished.err, "fine/rep-0"));
}

TEST_CASE("a wrong value for an executor is said with key and value") {
  Sandbox sandbox;
  const Finished finished =
      refused(sandbox, executor("index", "vector-index", R"(with = { metric = "foo" })"));
  CHECK(finished.code == 1);
  CHECK(says(finished.err, "index/rep-0"));
  CHECK(says(finished.err, "metric"));
  CHECK(says(finished.err, "foo"));
  CHECK(says(finished.err, "cosine"));  // what would be right
}

TEST_CASE("an unknown key for an executor is said with what was meant") {
  Sandbox sandbox;
  const Finished finished = refused(sandbox, executor("a", "append", R"(with = { txt = "foo" })"));
  CHECK(finished.code == 1);
  CHECK(says(finished.err, "a/rep-0"));
  CHECK(says(finished.err, "txt"));
  CHECK(says(finished.err, "did you mean 'text'"));
}

TEST_CASE("a taken port of the gateway is named (T-32)") {
  Sandbox sandbox;
  const TakenPort taken;
  const std::string address = fmt::format("tcp://127.0.0.1:{}", taken.port());
  const Finished finished = refused(sandbox, fmt::format("[gateway]\naddress = \"{}\"\n", address) +
                                                 executor("a", "pass-through"));
  CHECK(finished.code == 1);
  CHECK(says(finished.err, address));
  CHECK(says(finished.err, "in use"));
}

TEST_CASE("without redis-server on PATH the flow does not start, and that is why") {
  Sandbox sandbox;
  sandbox.set("PATH", sandbox.file("nothing-here"));
  const Finished finished = refused(sandbox, executor("a", "pass-through"));
  CHECK(finished.code == 1);
  CHECK(says(finished.err, "redis-server"));
  CHECK(says(finished.err, "No such file"));
}

TEST_CASE("a flow that runs already is not started twice") {
  Sandbox sandbox;
  Flow flow(sandbox, append("a"));
  const Finished second = sandbox.flowctl({"up", sandbox.file("t.toml"), "--detach"});
  CHECK(second.code == 1);
  CHECK(says(second.err, "'t' is running already"));
  CHECK(says(second.err, "flowctl down t"));
  CHECK(texts(flow.post("/x", {"--text", "d"})) == "d,a");  // and the first one does not mind
}

TEST_CASE("with nothing running down is content, status and post are not") {
  Sandbox sandbox;
  CHECK(sandbox.flowctl({"down"}).code == 0);
  CHECK(sandbox.flowctl({"down", "t"}).code == 0);
  CHECK(sandbox.flowctl({"status"}).code == 69);
  CHECK(sandbox.flowctl({"status", "t"}).code == 69);
  CHECK(sandbox.flowctl({"post", "/x", "--text", "d"}).code == 69);
  CHECK(sandbox.flowctl({"post", "/x", "--flow", "t", "--text", "d"}).code == 69);
  const Finished nobody = sandbox.flowctl(
      {"post", "/x", "--text", "d", "--gateway", "ipc://" + sandbox.file("nobody.ipc")});
  CHECK(nobody.code == 69);
  CHECK(says(nobody.err, "nobody.ipc"));
  CHECK(sandbox.leftovers() == "");
}

TEST_CASE("a line that is no document ends the input there; what was before it is answered") {
  Sandbox sandbox;
  Flow flow(sandbox, append("a"));
  const std::string input =
      "{\"text\":\"one\"}\n{\"text\":\"two\"}\n{\"text\":}\n{\"text\":\"four\"}\n{}\n";
  const std::string file = sandbox.write("docs.jsonl", input);
  const auto check = [](const Finished& finished, const std::string& name) {
    CHECK(finished.code == 65);
    CHECK(says(finished.err, name + ":3"));
    CHECK(says(finished.out, "\"one\""));
    CHECK(says(finished.out, "\"two\""));
    CHECK_FALSE(says(finished.out, "four"));
  };
  check(sandbox.flowctl({"post", "/x", "--input", file}), file);
  check(sandbox.flowctl({"post", "/x", "--input", file, "--request-size", "1"}), file);
  check(sandbox.flowctl({"post", "/x", "--input", "-"}, input), "");
}

TEST_CASE("a document with an unknown field, or parameters that are none, cost exit 65") {
  Sandbox sandbox;
  Flow flow(sandbox, append("a"));
  const Finished field = sandbox.flowctl({"post", "/x", "--json", R"({"txt":"d"})"});
  CHECK(field.code == 65);
  CHECK(says(field.err, "did you mean \"text\""));
  CHECK(sandbox.flowctl({"post", "/x", "--json", "{"}).code == 65);
  CHECK(sandbox.flowctl({"post", "/x", "--parameters", "[1]"}).code == 65);
  CHECK(sandbox.flowctl({"post", "/x", "--input", sandbox.file("no.jsonl")}).code == 65);
  CHECK(sandbox.flowctl({"post", "/x", "--timeout", "soon"}).code == 2);
  CHECK(sandbox.flowctl({"post"}).code == 2);
}

TEST_CASE("a request above the limit is refused, the next one is served") {
  Sandbox sandbox;
  Flow flow(sandbox, "[gateway]\nmax_request = \"64KiB\"\n" + append("a"));
  Client client = flow.client();
  const Reply large = client.post("/x", one_document("1", std::string(100'000, 'x')));
  CHECK(large.code() == Errc::kTooLarge);
  CHECK(texts(client.post("/x", one_document("1", "d"))) == "d,a");
}
