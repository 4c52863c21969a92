// Cases P: which shards and replicas get a request, and when the flow goes on.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <future>
#include <map>
#include <set>

#include "base/json.h"
#include "case.h"

using namespace flow;
using namespace flow::testing;
using std::chrono::milliseconds;

namespace {

// Appends a document a shard that gets the request.
std::string counted(std::string_view name, int shards, std::string_view polling) {
  return executor(name, "append-name",
                  fmt::format("shards = {}\n{}", shards,
                              polling.empty() ? "" : fmt::format("polling = {}", polling)));
}

// How many documents come back for one, when only `target` runs.
std::size_t shards_asked(Flow& flow, const std::string& endpoint, const std::string& target) {
  const Value reply = flow.post(endpoint, {"--text", "d", "--target", target + "$"});
  CHECK(code(reply) == "OK");
  return count(reply) - 1;
}

struct Sizes {
  int shards;
  int replicas;
};

}  // namespace

TEST_CASE("P-01 indexing asks one shard") {
  Sandbox sandbox;
  Flow flow(sandbox, counted("a", 2, ""));
  CHECK(count(flow.post("/index", {"--text", "d"})) == 2);
}

TEST_CASE("P-02 with polling ANY only a search asks every shard") {
  Sandbox sandbox;
  Flow flow(sandbox, counted("a", 2, "\"any\""));
  CHECK(count(flow.post("/index", {"--text", "d"})) == 2);
  CHECK(count(flow.post("/search", {"--text", "d"})) == 3);
  CHECK(count(flow.post("/custom", {"--text", "d"})) == 2);
}

TEST_CASE("P-03 with polling ALL only indexing asks one shard") {
  Sandbox sandbox;
  Flow flow(sandbox, counted("a", 2, "\"all\""));
  CHECK(count(flow.post("/index", {"--text", "d"})) == 2);
  CHECK(count(flow.post("/search", {"--text", "d"})) == 3);
  CHECK(count(flow.post("/custom", {"--text", "d"})) == 3);
}

TEST_CASE("P-05 polling may be said for each endpoint, * stands for the others") {
  Sandbox sandbox;
  Flow flow(sandbox, counted("a", 2, R"({ "/any" = "ANY", "/all" = "ALL", "*" = "ANY" })") +
                         counted("b", 2, R"({ "/any" = "ANY", "/all" = "ALL", "*" = "ALL" })"));
  for (const char* name : {"a", "b"}) {
    CHECK(shards_asked(flow, "/all", name) == 2);
    CHECK(shards_asked(flow, "/any", name) == 1);
  }
  CHECK(shards_asked(flow, "/no_polling", "a") == 1);
  CHECK(shards_asked(flow, "/no_polling", "b") == 2);
}

TEST_CASE("P-07 an endpoint that is named goes over the defaults") {
  Sandbox sandbox;
  Flow flow(sandbox, counted("a", 3, R"({ "/custom" = "ALL", "/search" = "ANY", "*" = "ANY" })"));
  CHECK(shards_asked(flow, "/index", "a") == 1);
  CHECK(shards_asked(flow, "/search", "a") == 1);
  CHECK(shards_asked(flow, "/custom", "a") == 3);
  CHECK(shards_asked(flow, "/other", "a") == 1);
}

TEST_CASE("P-09 endpoints are exact") {
  Sandbox sandbox;
  Flow flow(sandbox, counted("a", 2, R"({ "/custom" = "ALL" })"));
  CHECK(shards_asked(flow, "/custom", "a") == 2);
  CHECK(shards_asked(flow, "/custom/", "a") == 1);
  CHECK(shards_asked(flow, "/Custom", "a") == 1);
}

TEST_CASE("P-10 requests one after the other visit every replica of every shard") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("executor", "append-name",
                              "shards = 2\nreplicas = 3\npolling = \"ANY\"\nno_reduce = true"));
  Client client = flow.client();
  std::set<std::string> names;
  for (int i = 0; i < 6; ++i) {
    const Reply reply = client.post("/x", one_document("1", "client"));
    REQUIRE(reply.documents.size() == 2);
    CHECK(reply.documents[0].text() == "client");
    names.emplace(reply.documents[1].text());
  }
  std::set<std::string> expected;
  for (int i = 0; i < 6; ++i)
    expected.insert(fmt::format("executor/shard-{}/rep-{}", i / 3, i % 3));
  CHECK(names == expected);
}

TEST_CASE("P-11 with polling ALL one replica of every shard gets the request") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "append-shard", "", "shards = 3\nreplicas = 3\npolling = \"ALL\""));
  CHECK(text_list(flow.post("/x", {"--text", "client"})) == Names{"client", "0", "1", "2"});
}

TEST_CASE("P-13 a flow has a process for every instance, and no others") {
  Sandbox sandbox;
  const std::vector<Sizes> sizes{{1, 1}, {1, 2}, {2, 1}, {3, 2}, {4, 3}};
  std::string file;
  for (const Sizes& size : sizes) {
    file += executor(fmt::format("e{}{}", size.shards, size.replicas), "pass-through",
                     fmt::format("shards = {}\nreplicas = {}", size.shards, size.replicas));
  }
  file += executor("both", "pass-through",
                   "shards = 2\nuses_before = \"pass-through\"\nuses_after = \"match-merger\"");
  Flow flow(sandbox, file);
  std::map<std::string, int> processes = processes_of(flow);
  for (const char* name : {"supervisor", "gateway", "broker", "redis"})
    CHECK(processes[name] == 1);
  CHECK(processes.size() == sizes.size() + std::size_t{1 + 4});
  for (const Sizes& size : sizes) {
    const std::string name = fmt::format("e{}{}", size.shards, size.replicas);
    CHECK(processes[name] == size.shards * size.replicas);
  }
  CHECK(processes["both"] == 2 + 2);
}

TEST_CASE("P-15 a slow request holds up one replica only") {
  const std::string more = R"(with = { ms = { "/slow" = 500, "/fast" = 0 } })";
  Sandbox scaled_sandbox;
  Sandbox plain_sandbox;
  Flow scaled(scaled_sandbox, executor("slow", "sleep", more + "\nreplicas = 2"));
  Flow plain(plain_sandbox, executor("slow", "sleep", more));
  Client first = scaled.client();
  Client second = plain.client();
  const Instant began = now();
  std::atomic<int> scaled_left = 4;
  std::atomic<int> plain_left = 4;
  for (const char* endpoint : {"/slow", "/fast", "/slow", "/fast"}) {
    first.submit(endpoint, {}, {}, [&](const Reply& reply) { scaled_left -= reply.ok() ? 1 : 0; });
    second.submit(endpoint, {}, {}, [&](const Reply& reply) { plain_left -= reply.ok() ? 1 : 0; });
  }
  CHECK(eventually([&] { return scaled_left == 0; }));
  const Duration with_two = now() - began;
  CHECK(plain_left > 0);
  CHECK(eventually([&] { return plain_left == 0; }));
  const Duration with_one = now() - began;
  CHECK(with_two >= milliseconds(500));
  CHECK(with_two < milliseconds(1000));
  CHECK(with_one >= milliseconds(1000));
  CHECK(with_one < milliseconds(2000));
}

TEST_CASE(
    "P-18 with ALL_ASYNC the first shard's answer goes on, the other shards work all the same") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "append-shard", "gate_shard = 0, " + sandbox.gated(),
                         "shards = 2\npolling = \"ALL_ASYNC\""));
  CHECK(text_list(flow.post("/x", {"--text", "d"})) == Names{"d", "1"});
  CHECK(sandbox.saw("a/shard-0/rep-0 begins"));
  CHECK(sandbox.logged("a/shard-0/rep-0 ends") == 0);
  sandbox.open_gate();
  CHECK(sandbox.saw("a/shard-0/rep-0 ends"));
  CHECK(sandbox.logged("a/shard-1/rep-0 ends") == 1);
}

TEST_CASE("P-19 with ALL_ASYNC a failure is no answer as long as another shard may succeed") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "append-shard",
                         "fail = \"broken\", fail_shard = 0, gate_shard = 1, " + sandbox.gated(),
                         "shards = 2\npolling = \"ALL_ASYNC\""));
  Client client = flow.client();
  std::promise<std::string> answer;
  client.submit("/x", one_document("1", "d"), {},
                [&answer](const Reply& reply) { answer.set_value(texts(reply)); });
  CHECK(sandbox.saw("a/shard-0/rep-0 fails"));
  sandbox.open_gate();
  CHECK(answer.get_future().get() == "d,1");
  for (int i = 0; i < 20; ++i)
    CHECK(texts(client.post("/x", one_document("1", "d"))) == "d,1");
}

TEST_CASE("P-20 a shard that cannot be reached fails the request, unless a part will do") {
  const std::string gateway = "[gateway]\nunavailable_after = \"300ms\"\n";
  const std::string shards = "shards = 3\npolling = \"ALL\"\nrestart = false\n";
  CaseSandbox strict_sandbox;
  CaseSandbox partial_sandbox;
  Flow strict(strict_sandbox, gateway + kit("a", "append-shard", "", shards));
  Flow partial(partial_sandbox,
               gateway + kit("a", "append-shard", "", shards + "allow_partial = true"));
  CHECK(text_list(strict.post("/x")) == Names{"0", "1", "2"});
  CHECK(text_list(partial.post("/x")) == Names{"0", "1", "2"});
  strict.kill("a/shard-1/rep-0");
  partial.kill("a/shard-1/rep-0");

  const Value refused = strict.post("/x");
  CHECK(code(refused) == "UNAVAILABLE");
  CHECK(header(refused, "message").find("shard-1") != std::string::npos);
  const Value answered = partial.post("/x");
  CHECK(code(answered) == "OK");
  CHECK(text_list(answered) == Names{"0", "2"});
  CHECK(text_of(at(at(answered, "header"), "missing")) == R"([{"executor":"a","shard":1}])");
}

TEST_CASE("P-22 an executor knows its shard and how many there are") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("one", "describe") + kit("many", "describe", "",
                                                  "shards = 3\nreplicas = 2\npolling = \"ALL\""));
  std::set<std::string> seen;  // shard/replica, by the instance's name and by its own word
  for (int request = 0; request < 4; ++request) {
    const Value reply = flow.post("/x");
    const Value& results = at(at(reply, "parameters"), "__results__");
    REQUIRE(results.if_map() != nullptr);
    CHECK(results.if_map()->size() == 4);
    for (const auto& entry : *results.if_map()) {
      const bool many = entry.first.starts_with("many/");
      CHECK(at(entry.second, "shards") == Value(many ? 3 : 1));
      CHECK(at(entry.second, "replicas") == Value(many ? 2 : 1));
      const std::string shard = text_of(at(entry.second, "shard_id"));
      const std::string replica = text_of(at(entry.second, "replica_id"));
      CHECK(entry.first ==
            (many ? fmt::format("many/shard-{}/rep-{}", shard, replica) : "one/rep-0"));
      if (many) seen.insert(entry.first);
    }
  }
  CHECK(seen.size() == 6);  // each replica of each shard has had its turn
}

TEST_CASE("P-23 a fast request overtakes a slow one in another shard") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "pass", "gate_text = \"slow\", " + sandbox.gated(),
                         "shards = 10\npolling = \"ANY\""));
  Client client = flow.client();
  std::atomic<bool> slow_answered = false;
  client.submit("/x", one_document("1", "slow"), {},
                [&slow_answered](const Reply&) { slow_answered = true; });
  CHECK(client.post("/x", one_document("2", "fast")).ok());
  CHECK_FALSE(slow_answered);
  sandbox.open_gate();
  CHECK(eventually([&] { return slow_answered.load(); }));
}

TEST_CASE("P-24 the documents of a request stay together") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "tag-instance", "", "shards = 2\npolling = \"ANY\""));
  int sent = 0;
  std::set<std::string> instances;
  PostOptions options;
  options.request_size = 2;
  flow.client().post_all(
      "/x",
      [&sent]() -> std::optional<wire::Document> {
        if (++sent > 100) return std::nullopt;
        return wire::Document();
      },
      options,
      [&instances](const Reply& reply) {
        REQUIRE(reply.documents.size() == 2);
        const ValueMap tags = reply.documents[0].tags();
        CHECK(tags == reply.documents[1].tags());
        instances.insert(*tags.find("instance")->if_string());
      });
  CHECK(instances == std::set<std::string>{"a/shard-0/rep-0", "a/shard-1/rep-0"});
}
