// Cases X: executors that run elsewhere, in another flow or in a worker of its own.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "case.h"

using namespace flow;
using namespace flow::testing;

namespace {

// A worker that listens on its own; ends with the test.
class Far {
 public:
  Far(Sandbox& sandbox, std::vector<std::string> arguments, std::string at = "tcp://127.0.0.1:0")
      : program_(sandbox.start(command(std::move(arguments), std::move(at)))) {
    REQUIRE(eventually([this] { return program_.out().find(kListens) != std::string::npos; }));
    const std::string said = program_.out();
    address_ = said.substr(said.find(kListens) + kListens.size());
    address_.pop_back();  // the line's end
  }

  const std::string& address() const { return address_; }
  std::string host() const { return address_.substr(std::string_view("tcp://").size()); }
  void kill() const { program_.signal(SIGKILL); }
  Program& program() { return program_; }

 private:
  static constexpr std::string_view kListens = " listens at ";
  static std::vector<std::string> command(std::vector<std::string> arguments, std::string at) {
    std::vector<std::string> words = {"/usr/bin/env", "flow-worker", "--listen", std::move(at)};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
  }

  Program program_;
  std::string address_;
};

Far appender(Sandbox& sandbox, const std::string& text) {
  return {sandbox, {"--uses", "append", "--with", fmt::format(R"({{"text":"{}"}})", text)}};
}

std::string external(std::string_view name, std::string_view host, std::string_view more = {}) {
  return fmt::format("[[executor]]\nname = \"{}\"\nexternal = true\nhost = {}\n{}\n", name, host,
                     more);
}

std::string quoted(std::string_view text) {
  return fmt::format("\"{}\"", text);
}

std::string gateway_of(const Flow& flow) {
  return quoted(flow.dir() + "/gateway.ipc");
}

std::string fifty() {
  std::string list = "[";
  for (int i = 0; i < 50; ++i)
    list += fmt::format(R"({}{{"id":"d{}","text":"t"}})", i == 0 ? "" : ",", i);
  return list + "]";
}

// 50 documents in; how many come out, and of which code.
std::string fifty_through(Flow& flow) {
  const Value reply = post_json(flow, "/index", fifty());
  return fmt::format("{} {}", code(reply), count(reply));
}

}  // namespace

TEST_CASE("X-06 hosts as a word with commas or as a list are all used") {
  CaseSandbox sandbox;
  const Far one = appender(sandbox, "one");
  const Far two = appender(sandbox, "two");
  std::string hosts;
  SUBCASE("commas") {
    hosts = fmt::format("\"{},{}\"", one.host(), two.host());
  }
  SUBCASE("a list") {
    hosts = fmt::format("[\"{}\", \"{}\"]", one.address(), two.host());
  }
  Flow flow(sandbox, external("far", hosts));
  Names seen;
  for (int i = 0; i < 4; ++i) {
    const Names texts = text_list(flow.post("/x", {"--text", "t"}));
    REQUIRE(texts.size() == 2);
    seen.push_back(texts[1]);
  }
  CHECK(std::ranges::count(seen, "one") > 0);
  CHECK(std::ranges::count(seen, "two") > 0);
}

TEST_CASE("X-07 two hosts and three replicas do not go together") {
  const std::string text = errors(load(external("far", "[\"a:1\", \"b:1\"]", "replicas = 3")));
  CHECK(text.starts_with("E0143"));
  CHECK(text.find("Number of hosts (2) does not match the number of replicas (3)") !=
        std::string::npos);
}

TEST_CASE("X-08 two hosts and three ports do not go together") {
  const std::string text = errors(load(external("far", "\"a,b\"", "port = [1, 2, 3]")));
  CHECK(text.starts_with("E0142"));
  CHECK(text.find("number of hosts (2) does not match the number of ports (3)") !=
        std::string::npos);
}

TEST_CASE("X-10 fifty documents through a sharded external are fifty documents") {
  for (const int shards : {1, 2}) {
    CAPTURE(shards);
    CaseSandbox inner_sandbox;
    CaseSandbox outer_sandbox;
    Flow inner(inner_sandbox, executor("sharded", "pass-through",
                                       fmt::format("shards = {}\npolling = \"ALL\"", shards)));
    Flow outer(outer_sandbox, external("far", gateway_of(inner)));
    CHECK(fifty_through(outer) == "OK 50");
  }
}

TEST_CASE("X-10 two flows share one external, and it does not mind when one of them ends") {
  CaseSandbox far_sandbox;
  CaseSandbox first_sandbox;
  CaseSandbox second_sandbox;
  const Far far = appender(far_sandbox, "shared");
  Flow second(second_sandbox, external("far", quoted(far.host())));
  {
    Flow first(first_sandbox, external("far", quoted(far.host())));
    CHECK(fifty_through(first) == "OK 51");
    CHECK(fifty_through(second) == "OK 51");
  }
  CHECK(fifty_through(second) == "OK 51");
}

TEST_CASE("X-10 two externals joined, an external before a fork, an external that joins") {
  CaseSandbox sandbox;
  const Far far(sandbox, {"--uses", "pass-through"});
  const auto away = [&far](std::string_view name, std::string_view more = {}) {
    return external(name, quoted(far.host()), more);
  };
  std::string flow_text;
  SUBCASE("joined") {
    flow_text = away("one", "needs = \"gateway\"") + away("two", "needs = \"gateway\"") +
                executor("j", "pass-through", "needs = [\"one\", \"two\"]");
  }
  SUBCASE("before a fork") {
    flow_text = away("far") + executor("a", "pass-through", "needs = \"far\"") +
                executor("b", "pass-through", "needs = \"far\"") +
                executor("j", "pass-through", "needs = [\"a\", \"b\"]");
  }
  SUBCASE("as the join") {
    flow_text = executor("a", "pass-through") +
                executor("b", "pass-through", "needs = \"gateway\"") +
                away("far", "needs = [\"a\", \"b\"]");
  }
  Flow flow(sandbox, flow_text);
  CHECK(fifty_through(flow) == "OK 50");
}

TEST_CASE("X-10 a flow is an executor of another, with its results, parameters and failures") {
  CaseSandbox inner_sandbox;
  CaseSandbox outer_sandbox;
  Flow inner(inner_sandbox, kit("adds", "add-parameter", "text = \"foo\"") +
                                kit("says", "describe") +
                                kit("fails", "pass", "endpoint = \"/fail\", fail = \"no\""));
  Flow outer(outer_sandbox,
             external("far", gateway_of(inner)) + kit("bar", "add-parameter", "text = \"bar\""));
  const Value reply = outer.post("/x", {"--text", ""});
  CHECK(code(reply) == "OK");
  CHECK(texts(reply) == "foobar");
  CHECK(at(at(at(reply, "parameters"), "__results__"), "says/rep-0").if_map() != nullptr);
  const Value told = outer.post("/x", {"--text", "", "--parameters", R"({"text_to_add":"_p"})"});
  CHECK(texts(told) == "_p_p");

  const Value failed = outer.post("/fail", {"--text", ""});
  CHECK(code(failed) == "EXECUTOR_ERROR");
  CHECK(header(failed, "executor") == "far");
  CHECK(header(failed, "instance") == "far/rep-0");
  CHECK(header(failed, "message") ==
        fmt::format("std::logic_error: no (fails/rep-0 at ipc://{}/gateway.ipc)", inner.dir()));
}

TEST_CASE("X-10 shards that a flow within a flow does without are named in the outer answer") {
  CaseSandbox inner_sandbox;
  CaseSandbox outer_sandbox;
  const auto missing = [](const Value& reply) {
    return text_of(at(at(reply, "header"), "missing"));
  };
  Flow inner(inner_sandbox, kit("index", "pass", "fail = \"no\", fail_shard = 1",
                                "shards = 3\npolling = \"ALL\"\nallow_partial = true"));
  CHECK(missing(inner.post("/x", {"--text", "t"})) == R"([{"executor":"index","shard":1}])");
  Flow outer(outer_sandbox, external("far", gateway_of(inner)) +
                                executor("b", "pass-through", "needs = \"gateway\"") +
                                executor("j", "pass-through", "needs = [\"far\", \"b\"]"));
  const Value reply = outer.post("/x", {"--text", "t"});
  CHECK(code(reply) == "OK");
  CHECK(missing(reply) == R"([{"executor":"far/index","shard":1}])");
}

TEST_CASE("X-11 an external that is the target is executed, others are passed over") {
  CaseSandbox sandbox;
  const Far far = appender(sandbox, "far");
  Flow flow(sandbox, append("a") + external("far", quoted(far.host())) + append("b"));
  const Value reply = flow.post("/x", {"--text", "t", "--target", "^far$"});
  CHECK(text_list(reply) == Names{"t", "far"});
  CHECK(executed(reply) == Names{"far"});
  CHECK(text_list(flow.post("/x", {"--text", "t", "--target", "a"})) == Names{"t", "a"});
}

TEST_CASE(
    "X-13 an external that is down at the start fails requests with its address, and works "
    "once it is up") {
  CaseSandbox sandbox;
  const std::string socket = sandbox.file("far.ipc");
  Flow flow(sandbox, external("far", quoted(socket)));
  const auto tells = [&flow, &socket](std::string_view state) {
    const Value instance = flow.instance("far/rep-0");
    const bool away = state != "ready";
    return flow.state() == state &&
           text_of(at(instance, "state")) == (away ? "degraded" : "ready") &&
           (text_of(at(instance, "reason")).find(socket) != std::string::npos) == away &&
           at(at(instance, "far_end"), "reachable") == Value(!away);
  };
  CHECK(eventually([&] { return tells("down"); }));
  const Value reply = flow.post("/x", {"--text", "t"});
  CHECK(code(reply) == "UNAVAILABLE");
  CHECK(header(reply, "executor") == "far");
  CHECK(header(reply, "message").find(socket) != std::string::npos);

  const std::vector<std::string> appends = {"--uses", "append", "--with", R"({"text":"up"})"};
  const Far far(sandbox, appends, "ipc://" + socket);
  CHECK(eventually([&] {
    return text_list(flow.post("/x", {"--text", "t"})) == Names{"t", "up"};
  }));
  CHECK(eventually([&] { return tells("ready"); }));
  far.kill();
  CHECK(eventually([&] { return tells("down"); }));
  CHECK(eventually([&] { return code(flow.post("/x", {"--text", "t"})) == "UNAVAILABLE"; }));
  const Far again(sandbox, appends, "ipc://" + socket);
  CHECK(eventually([&] { return code(flow.post("/x", {"--text", "t"})) == "OK"; }));
}

TEST_CASE("X-13 while one of two hosts is down all requests go to the other") {
  CaseSandbox sandbox;
  const Far up = appender(sandbox, "up");
  Far other = appender(sandbox, "other");
  Flow flow(sandbox, external("far", fmt::format("\"{},{}\"", up.host(), other.host())));
  const auto all = [&flow](std::string_view text) {
    for (int i = 0; i < 6; ++i) {
      const Value reply = flow.post("/x", {"--text", "t"});
      CHECK(code(reply) == "OK");
      if (!text.empty()) CHECK(text_list(reply) == Names{"t", std::string(text)});
    }
  };
  all("");
  other.kill();
  (void)other.program().wait();
  all("up");
}
