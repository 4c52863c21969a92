// Cases T: how executors are connected, which one answers, what is refused at load.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "case.h"
#include "config/flow_writer.h"

using namespace flow;
using namespace flow::testing;

namespace {

std::string pass(std::string_view name, std::string_view needs = {}) {
  return executor(name, "pass-through", needs.empty() ? "" : fmt::format("needs = {}", needs));
}

std::string add(std::string_view name) {
  return executor(name, "add-text", fmt::format("with = {{ text = \"{}\" }}", name));
}

// A listening socket on a port nobody else has.
class TakenPort {
 public:
  TakenPort() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(socket_, 1) == 0);
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~TakenPort() { ::close(socket_); }
  TakenPort(const TakenPort&) = delete;
  TakenPort& operator=(const TakenPort&) = delete;
  int port() const { return port_; }

 private:
  int socket_;
  int port_ = 0;
};

}  // namespace

TEST_CASE("T-01 an empty flow answers with what came") {
  Sandbox sandbox;
  Flow flow(sandbox, "");
  const Value reply = post_json(flow, "/x", R"([{"id":"1"},{"id":"2","text":"b"}])");
  CHECK(code(reply) == "OK");
  CHECK(text_of(at(reply, "docs")) == R"([{"id":"1"},{"id":"2","text":"b"}])");
}

TEST_CASE("T-03 a chain runs in the order it was declared in") {
  Sandbox sandbox;
  Flow flow(sandbox, add("a") + add("b") + add("c"));
  CHECK(text_list(flow.post("/x", {"--text", ""})) == Names{"abc"});
}

TEST_CASE("T-05 an unnamed executor that needs everything is the joiner") {
  const auto loaded = load(pass("p1", "\"gateway\"") + pass("p2", "\"gateway\"") +
                           pass("p3", "\"gateway\"") + "[[executor]]\nneeds = \"*\"\n");
  CHECK(needs_of(loaded, "joiner") == Names{"p1", "p2", "p3"});
}

TEST_CASE("T-06 needing everything behind one executor is needing this one") {
  const auto loaded = load(pass("p1", "\"gateway\"") + pass("r1", "\"*\""));
  CHECK(needs_of(loaded, "r1") == Names{"p1"});
}

TEST_CASE("T-07 needing everything means those nobody needs yet") {
  const std::string three = pass("p1", "\"gateway\"") + pass("p2", "\"gateway\"") +
                            pass("p3", "\"gateway\"") + pass("r1", R"(["p1", "p2"])") +
                            pass("r2", "\"*\"");
  CHECK(needs_of(load(three), "r2") == Names{"p3", "r1"});
  CHECK(needs_of(load(three + pass("p4")), "p4") == Names{"r2"});
}

TEST_CASE("T-08 one need may stand alone or in a list, but a list must not be empty") {
  const std::string first = pass("p1");
  CHECK(needs_of(load(first + pass("p2", R"(["p1"])")), "p2") == Names{"p1"});
  CHECK(needs_of(load(first + pass("p2", R"("p1")")), "p2") == Names{"p1"});
  const auto refused = load(first + pass("p2", "[]"));
  CHECK_FALSE(refused.ok());
  CHECK(errors(refused).find("needs") != std::string::npos);
}

TEST_CASE("T-09 joins of joins keep every document once") {
  Sandbox sandbox;
  std::string file = pass("p1");
  for (const char* name : {"p2", "p3", "p4", "p5"})
    file += pass(name, "\"gateway\"");
  file += pass("r1", R"(["p2", "p4"])") + pass("r2", R"(["p3", "p5"])") +
          pass("r3", R"(["p1", "r1"])") + pass("r4", R"(["r2", "r3"])");
  Flow flow(sandbox, file);
  const Value reply = post_json(flow, "/x", R"([{"id":"1"},{"id":"2"}])");
  CHECK(ids(reply) == Names{"1", "2"});
  CHECK(executed(reply).size() == 9);
}

TEST_CASE("T-10 needing everything and the list spelled out are the same flow") {
  const std::string two = pass("executor0", "\"gateway\"") + pass("executor1", "\"gateway\"");
  const auto all = load(two + pass("joiner", "\"*\""));
  const auto listed = load(two + pass("joiner", R"(["executor0", "executor1"])"));
  const auto more = load(two + pass("joiner", "\"*\"") + pass("last"));
  REQUIRE((all.ok() && listed.ok() && more.ok()));
  CHECK(all.flow->value == listed.flow->value);
  CHECK_FALSE(all.flow->value == more.flow->value);
}

TEST_CASE("T-11 branches fork again behind a join") {
  Sandbox sandbox;
  Flow flow(sandbox, append("p2", R"("gateway")") + append("p3", R"("gateway")") +
                         append("joiner", R"(["p2", "p3"])") + append("p5", R"("joiner")") +
                         append("p6", R"("joiner")") + append("p7", R"(["p5", "p6"])"));
  CHECK(texts(flow.client().post("/x", one_document("1", "d"))) == "d,p2,p3,joiner,p5,p6,p7");
}

TEST_CASE("T-12 branches share what came before them once") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("foo", "append-count", "text = \"foo\"") +
                         kit("bar", "append-count", "text = \"bar\"", "needs = \"foo\"") +
                         kit("baz", "append-count", "text = \"baz\"", "needs = \"foo\"") +
                         pass("join", R"(["bar", "baz"])"));
  CHECK(text_list(flow.post("/search")) == Names{"foo got 0", "bar got 1", "baz got 1"});
}

TEST_CASE("T-14 nobody waits for an executor that nobody needs, but it runs") {
  CaseSandbox sandbox;
  Flow flow(sandbox, append("a") + kit("b", "pass", sandbox.gated(), "needs = \"a\"") +
                         append("c", "\"a\""));
  CHECK(text_list(flow.post("/x", {"--text", "d"})) == Names{"d", "a", "c"});
  CHECK(sandbox.saw("b/rep-0 begins"));
  CHECK(sandbox.logged("b/rep-0 ends") == 0);
  sandbox.open_gate();
  flow.stop();
  CHECK(sandbox.logged("b/rep-0 ends") == 1);
}

TEST_CASE("T-15 a floating executor delays no answer, and all of its work is done at the end") {
  CaseSandbox sandbox;
  Flow flow(sandbox, pass("first") + kit("second", "set-text", "text = \"x\", " + sandbox.gated(),
                                         "floating = true"));
  Client client = flow.client();
  for (int i = 0; i < 20; ++i) {
    const Reply reply = client.post("/x", one_document(std::to_string(i), ""));
    CHECK(reply.ok());
    CHECK(texts(reply) == "");
  }
  CHECK(sandbox.logged("second/rep-0 ends") == 0);
  sandbox.open_gate();
  flow.stop();
  CHECK(sandbox.logged("second/rep-0 ends") == 20);
}

TEST_CASE("T-18 a flow of floating executors alone answers with what came") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("only", "record", "floating = true"));
  CHECK(text_list(post_json(flow, "/x", R"({"id":"1","text":"d"})")) == Names{"d"});
  flow.stop();
  const std::vector<Value> seen = lines(sandbox, "only");
  REQUIRE(seen.size() == 1);
  CHECK(at(seen[0], "docs").if_list()->size() == 1);
}

TEST_CASE("T-21 the request itself is a part of a join that needs the gateway") {
  CaseSandbox sandbox;
  const std::string foo = executor("foo", "set-text", "with = { text = \"Hello World!\" }");
  const char* needs = R"(needs = ["foo", "gateway"])";
  SUBCASE("unreduced: two documents") {
    Flow flow(sandbox,
              foo + kit("bar", "mark-two", "", fmt::format("{}\nno_reduce = true", needs)));
    CHECK(text_list(flow.post("/x", {"--text", "1"})) == Names{"merged", "1"});
  }
  SUBCASE("reduced: one document, with the text of the first need") {
    Flow flow(sandbox, foo + kit("bar", "mark-two", "", needs));
    CHECK(text_list(flow.post("/x", {"--text", "1"})) == Names{"Hello World!"});
  }
}

TEST_CASE("T-22 an unknown need is refused by its name") {
  const auto alone = load(pass("a", "\"nobody\""));
  CHECK_FALSE(alone.ok());
  CHECK(errors(alone).find("'nobody'") != std::string::npos);
  const auto joined = load(pass("a") + pass("j", R"(["a", "nobody"])"));
  CHECK_FALSE(joined.ok());
  CHECK(errors(joined).find("'nobody'") != std::string::npos);
}

TEST_CASE("T-23 a circle of needs is refused") {
  const auto loaded = load(pass("a", "\"c\"") + pass("b", "\"a\"") + pass("c", "\"b\""));
  CHECK_FALSE(loaded.ok());
  for (const char* name : {"a", "b", "c"})
    CHECK(errors(loaded).find(name) != std::string::npos);
}

TEST_CASE("T-24 two executors of one name are refused") {
  const auto loaded = load(pass("a") + pass("a"));
  CHECK_FALSE(loaded.ok());
  CHECK(errors(loaded).find("'a'") != std::string::npos);
}

TEST_CASE("T-25 names that are none, needs of oneself and needs that are no names are refused") {
  CHECK(errors(load(pass("not-an identifier"))).find("not-an identifier") != std::string::npos);
  CHECK(errors(load(pass("a", "\"a\""))).find("'a'") != std::string::npos);
  const auto number = load(pass("a", "5"));
  CHECK_FALSE(number.ok());
  CHECK(errors(number).find("needs") != std::string::npos);
}

TEST_CASE("T-26 an executor without a name is called by its place") {
  CHECK(node_names(load(pass("a") + "[[executor]]\n")) == Names{"a", "executor1"});
}

TEST_CASE("T-27 every executor on the way is in the answer, in its turn") {
  CaseSandbox sandbox;
  const std::string with = sandbox.logged();
  Flow flow(sandbox, kit("a1", "pass", with) + kit("a2", "pass", with) +
                         kit("b1", "pass", with, "needs = \"gateway\"") +
                         kit("merge", "pass", with, R"(needs = ["a2", "b1"])"));
  const Value reply = flow.post("/x", {"--text", "d"});
  const Names hops = hops_of(reply);
  CHECK(executed(reply) == Names{"a1", "a2", "b1", "merge"});
  REQUIRE(hops.size() == 4);
  CHECK(std::ranges::find(hops, "a1") < std::ranges::find(hops, "a2"));
  CHECK(hops.back() == "merge");
  CHECK(at(at(reply, "header"), "total_us").number() > 0);
  const Names log = sandbox.log();
  const auto turn = [&log](std::string_view line) { return std::ranges::find(log, line); };
  CHECK(turn("a2/rep-0 ends") < turn("merge/rep-0 begins"));
  CHECK(turn("b1/rep-0 ends") < turn("merge/rep-0 begins"));
  CHECK(turn("a1/rep-0 begins") < turn("a2/rep-0 begins"));
  flow.stop();
}

TEST_CASE("T-27 a flow of one executor has one hop") {
  Sandbox sandbox;
  Flow flow(sandbox, "[[executor]]\n");
  CHECK(executed(flow.post("/x", {"--text", "d"})) == Names{"executor0"});
}

TEST_CASE("T-30 chunks of four branches come together") {
  CaseSandbox sandbox;
  const auto chunks = [](std::string_view name, std::string_view needs) {
    return kit(name, "two-chunks", "", fmt::format("needs = \"{}\"", needs));
  };
  Flow flow(sandbox, pass("a1") + chunks("a11", "a1") + chunks("a12", "a1") +
                         pass("r1", R"(["a11", "a12"])") + pass("a2", "\"gateway\"") +
                         chunks("a21", "a2") + chunks("a22", "a2") +
                         pass("r2", R"(["a21", "a22"])") + pass("join", R"(["r1", "r2"])"));
  std::string ten = "[{}";
  for (int i = 1; i < 10; ++i)
    ten += ",{}";
  const Value reply = post_json(flow, "/x", ten + "]");
  REQUIRE(count(reply) == 10);
  std::size_t chunk_count = 0;
  for (std::size_t i = 0; i < 10; ++i)
    chunk_count += at(document(reply, i), "chunks").if_list()->size();
  CHECK(chunk_count == 80);
}

TEST_CASE("T-32 a port that is taken ends the start with its address") {
  Sandbox sandbox;
  const TakenPort taken;
  const std::string address = fmt::format("tcp://127.0.0.1:{}", taken.port());
  const std::string file = sandbox.write(
      "t.toml", fmt::format("[flow]\nname = \"t\"\n[gateway]\naddress = \"{}\"\n", address));
  const Finished up = sandbox.flowctl({"up", file});
  CHECK(up.code == 1);
  CHECK(up.err.find(address) != std::string::npos);
  CHECK(sandbox.leftovers() == "");
}

TEST_CASE("T-33 a flow file that is written back reads as the same flow") {
  config::LoadOptions options;
  options.find_programs = false;
  options.environment = [](std::string_view name) -> std::optional<std::string> {
    if (name == "COPIES") return "2";
    return std::nullopt;
  };
  const auto loaded = config::load_flow_text(R"([flow]
name = "t"
[[executor]]
name = "encode"
uses = "${ENCODER:-hashing-encoder}"
with = { dim = 64 }
replicas = "${COPIES}"
[[executor]]
name = "index"
uses = "vector-index"
shards = 3
polling = { "/custom" = "all", "*" = "ANY" }
when = { tags__lang = { "$eq" = "en" } }
[[executor]]
name = "both"
needs = ["index", "gateway"]
)",
                                             "t.toml", options);
  INFO(errors(loaded));
  REQUIRE(loaded.ok());
  CHECK(loaded.flow->decl.executors[0].uses.value == "hashing-encoder");
  CHECK(loaded.flow->decl.executors[0].replicas == 2);

  const std::string written = config::write_flow(loaded.flow->decl);
  const auto again = config::load_flow_text(written, "t.toml", options);

  INFO(written, errors(again));
  REQUIRE(again.ok());
  CHECK(again.flow->value == loaded.flow->value);
  CHECK(needs_of(again, "encode") == Names{"gateway"});
  CHECK(needs_of(again, "both") == Names{"index", "gateway"});
}
