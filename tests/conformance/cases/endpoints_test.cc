// Cases E: endpoints, parameters, targets, dictionary results, clients.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <future>
#include <set>

#include "case.h"
#include "system/load.h"

using namespace flow;
using namespace flow::testing;

namespace {

// Hands out documents with these texts, for Client::post_all.
class Texts {
 public:
  explicit Texts(Names texts) : texts_(std::move(texts)) {}
  std::optional<wire::Document> operator()() {
    if (next_ == texts_.size()) return std::nullopt;
    wire::Document document;
    document.set_text(texts_[next_++]);
    return document;
  }

 private:
  Names texts_;
  std::size_t next_ = 0;
};

ValueMap results_of(const Value& reply) {
  const Value& results = at(at(reply, "parameters"), "__results__");
  return results.if_map() != nullptr ? *results.if_map() : ValueMap();
}

Names keys(const ValueMap& map) {
  std::set<std::string> names;
  for (const auto& entry : map)
    names.insert(entry.first);
  return {names.begin(), names.end()};
}

}  // namespace

TEST_CASE("E-02 the catch-all handler gets any endpoint") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "set-text", "text = \"called\""));
  CHECK(text_list(flow.post("/anything", {"--text", "d"})) == Names{"called"});
}

TEST_CASE("E-03 what a handler returns replaces the documents") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "two-new"));
  CHECK(text_list(post_json(flow, "/x", "[{},{},{}]")) == Names{"new 1", "new 2"});
}

TEST_CASE("E-06 executors around the shards bind endpoints of their own") {
  CaseSandbox sandbox;
  const auto around = [](std::string_view place) {
    return fmt::format(
        "{} = {{ uses = \"case-kit\", with = {{ mode = \"set-text\", "
        "endpoint = \"/bar\", text = \"bar called\" }} }}\n",
        place);
  };
  Flow flow(sandbox,
            kit("main", "set-text", "endpoint = \"/foo\", text = \"foo called\"",
                "shards = 2\npolling = \"ANY\"\n" + around("uses_before") + around("uses_after")));
  CHECK(text_list(post_json(flow, "/foo", "{}")) == Names{"foo called"});
  CHECK(text_list(post_json(flow, "/non_foo", "{}")) == Names{""});
  CHECK(text_list(post_json(flow, "/bar", "{}")) == Names{"bar called"});
}

TEST_CASE("E-08 a handler is called with no documents, and gets the parameters") {
  Sandbox sandbox;
  Flow flow(sandbox, record("a"));
  const Value reply = flow.post("/x", {"--parameters", R"({"hello":"world"})"});
  CHECK(code(reply) == "OK");
  REQUIRE(lines(sandbox, "a").size() == 1);
  CHECK(text_of(lines(sandbox, "a")[0]) ==
        R"({"endpoint":"/x","parameters":{"hello":"world"},"docs":[],"instance":"a/rep-0"})");
}

TEST_CASE("E-14 answers come as they are finished: one shard keeps the order, two do not") {
  CaseSandbox sandbox;
  const std::string with = "gate_text = \"slow\", " + sandbox.gated();
  PostOptions options;
  options.request_size = 1;
  options.ordered = false;
  Names order;
  SUBCASE("one shard") {
    Flow flow(sandbox, kit("a", "pass", with));
    std::future<void> opened = std::async(std::launch::async, [&] {
      CHECK(sandbox.saw("a/rep-0 begins"));
      sandbox.open_gate();
    });
    flow.client().post_all("/x", Texts({"slow", "fast"}), options,
                           [&order](const Reply& reply) { order.push_back(texts(reply)); });
    opened.get();
    CHECK(order == Names{"slow", "fast"});
  }
  SUBCASE("two shards, ANY") {
    Flow flow(sandbox, kit("a", "pass", with, "shards = 2\npolling = \"ANY\""));
    flow.client().post_all("/x", Texts({"slow", "fast"}), options, [&](const Reply& reply) {
      order.push_back(texts(reply));
      sandbox.open_gate();
    });
    CHECK(order == Names{"fast", "slow"});
  }
}

TEST_CASE("E-16 a parameter for one executor reaches only this one") {
  Sandbox sandbox;
  Flow flow(sandbox, record("exec1") + record("exec2"));
  CHECK(code(flow.post("/x", {"--parameters", R"({"key_1":true,"exec2__key_2":false})"})) == "OK");
  CHECK(text_of(at(lines(sandbox, "exec1")[0], "parameters")) == R"({"key_1":true})");
  CHECK(text_of(at(lines(sandbox, "exec2")[0], "parameters")) == R"({"key_1":true,"key_2":false})");
}

TEST_CASE("E-17 which keys of the parameters are for an executor") {
  Sandbox sandbox;
  Flow flow(sandbox, record("executor") + record("executor_1"));
  const auto seen = [&](const std::string& parameters) {
    CHECK(code(flow.post("/x", {"--parameters", parameters})) == "OK");
    return std::pair(text_of(at(lines(sandbox, "executor").back(), "parameters")),
                     text_of(at(lines(sandbox, "executor_1").back(), "parameters")));
  };
  CHECK(seen(R"({"key":1,"executor__key":2,"wrong_executor__key":3})") ==
        std::pair<std::string, std::string>(R"({"key":2})", R"({"key":1})"));
  CHECK(seen(R"({"a":1,"executor__key":2,"wrong_executor__key":3})") ==
        std::pair<std::string, std::string>(R"({"a":1,"key":2})", R"({"a":1})"));
  CHECK(seen(R"({"key_1":0,"exec2__key_2":1})") ==
        std::pair<std::string, std::string>(R"({"key_1":0})", R"({"key_1":0})"));
  CHECK(seen(R"({"executor_1__key":5})") ==
        std::pair<std::string, std::string>("{}", R"({"key":5})"));
  const std::string plain = R"({"__results__":{"a":1},"__banana__":2,"key_1":3})";
  CHECK(seen(plain) == std::pair(plain, plain));
}

TEST_CASE("E-19 parameters and a target together, over several requests") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("pod0", "add-parameter", "text = \"default \"") +
                         kit("pod1", "add-parameter", "text = \"default \""));
  const auto post = [&flow](std::vector<std::string> more) {
    more.insert(more.end(), {"--text", ""});
    return text_list(flow.post("/x", std::move(more)));
  };
  const std::string parameters = R"({"pod0__text_to_add":"param_pod0 "})";
  CHECK(post({"--parameters", parameters}) == Names{"param_pod0 default "});
  CHECK(post({"--target", "pod1"}) == Names{"default "});
  CHECK(post({"--target", "pod0", "--parameters", parameters}) == Names{"param_pod0 "});

  PostOptions options;
  options.request_size = 10;
  int replies = 0;
  flow.client().post_all("/x", Texts(Names(60, "")), options, [&replies](const Reply& reply) {
    ++replies;
    CHECK(reply.documents.size() == 10);
    for (const wire::Document& each : reply.documents)
      CHECK(each.text() == "default default ");
  });
  CHECK(replies == 6);
}

TEST_CASE("E-21 only the executors that match the target run") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("m1", "set-text", "with = { text = \"hello\" }") +
                         executor("m2", "set-text", "with = { text = \"goodbye\" }"));
  CHECK(text_list(flow.post("/x", {"--text", "d", "--target", "m1"})) == Names{"hello"});
  CHECK(text_list(flow.post("/x", {"--text", "d", "--target", "m"})) == Names{"goodbye"});
}

TEST_CASE("E-24 a join that does not bind the endpoint still merges its branches") {
  CaseSandbox sandbox;
  Flow flow(sandbox, append("a", "\"gateway\"") + append("b", "\"gateway\"") +
                         kit("j", "two-new", "endpoint = \"/other\"", R"(needs = ["a", "b"])"));
  CHECK(text_list(flow.post("/x", {"--text", "d"})) == Names{"d", "a", "b"});
}

TEST_CASE("E-25 changes deep inside of tags come back") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "change-nested"));
  const Value reply = post_json(
      flow, "/x", R"({"tags":{"hey":{"nested":true,"list":["e",{"inner":"v"}]},"hoy":[0,1]}})");
  CHECK(text_of(at(document(reply, 0), "tags")) ==
        R"({"hey":{"nested":false,"list":["e",{"inner":"changed"}]},"hoy":[0,7]})");
}

TEST_CASE("E-26 the dictionaries of all shards come back beside the client's parameters") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "describe", "", "shards = 2\npolling = \"ALL\""));
  const Value reply = flow.post("/x", {"--text", "d", "--parameters", R"({"foo":"bar"})"});
  CHECK(text_list(reply) == Names{"d"});
  CHECK(text_of(at(at(reply, "parameters"), "foo")) == "bar");
  const ValueMap results = results_of(reply);
  REQUIRE(keys(results) == Names{"a/shard-0/rep-0", "a/shard-1/rep-0"});
  CHECK(at(*results.find("a/shard-0/rep-0"), "shard_id") == Value(0));
  CHECK(at(*results.find("a/shard-1/rep-0"), "shard_id") == Value(1));
}

TEST_CASE("E-29 environment variables of an executor are its own, the parent's are everybody's") {
  CaseSandbox sandbox;
  sandbox.set("EVERYBODY", "sees this");
  Flow flow(sandbox, kit("exec1", "environment", "", R"(env = { KEY_1 = "one", KEY_2 = "two" })") +
                         kit("exec2", "environment"));
  const ValueMap results = results_of(flow.post("/x"));
  REQUIRE(keys(results) == Names{"exec1/rep-0", "exec2/rep-0"});
  CHECK(text_of(*results.find("exec1/rep-0")) ==
        R"({"KEY_1":"one","KEY_2":"two","EVERYBODY":"sees this"})");
  CHECK(text_of(*results.find("exec2/rep-0")) == R"({"EVERYBODY":"sees this"})");
}

TEST_CASE("E-30 clients at once get each their own answers, whatever is polled") {
  Sandbox sandbox;
  Flow flow(sandbox,
            executor("any", "pass-through", "shards = 3\npolling = \"ANY\"") +
                executor("all", "pass-through", "shards = 2\nreplicas = 2\npolling = \"ALL\"") +
                append("b", "\"gateway\"") +
                executor("j", "pass-through", R"(needs = ["all", "b"])"));
  Load first(flow.client());
  Load second(flow.client());
  Load third(flow.client());
  for (Load* load : {&first, &second, &third}) {
    CHECK(load->answer(100));
    CHECK(load->stop());
    INFO(load->summary());
    CHECK(load->failed() == 0);
    CHECK(load->wrong() == 0);
  }
}
