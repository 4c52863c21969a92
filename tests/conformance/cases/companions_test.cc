// Cases B: executors in front of and behind the shards.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>

#include "case.h"

using namespace flow;
using namespace flow::testing;

namespace {

std::string companion(std::string_view place, std::string_view mode, std::string_view text = "") {
  return fmt::format("{} = {{ uses = \"case-kit\", with = {{ mode = \"{}\", text = \"{}\" }} }}\n",
                     place, mode, text);
}

}  // namespace

TEST_CASE("B-12 both run with one shard too, each in a process of its own") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "append-count", "text = \"main\"",
                         companion("uses_before", "append-count", "before") +
                             companion("uses_after", "append-count", "after")));
  CHECK(text_list(flow.post("/x")) == Names{"before got 0", "main got 1", "after got 2"});
  std::set<pid_t> pids;
  for (const char* name : {"a/rep-0", "a/uses_before/rep-0", "a/uses_after/rep-0"})
    pids.insert(flow.pid(name));
  CHECK(pids.size() == 3);
  CHECK(processes_of(flow).at("a") == 3);
}

TEST_CASE("B-14 a merger of matches runs behind one shard and behind two") {
  Sandbox sandbox;
  const std::string merged = "uses_after = { uses = \"match-merger\" }\nwith = { n = 1 }\n";
  Flow flow(sandbox, executor("one", "add-matches", merged) +
                         executor("two", "add-matches", merged + "shards = 2\nreplicas = 2"));
  const auto matches = [&flow](const char* target) {
    const Value reply = flow.post("/search", {"--text", "d", "--target", target});
    REQUIRE(count(reply) == 1);
    Names found;
    for (const Value& match : *at(document(reply, 0), "matches").if_list())
      found.push_back(text_of(at(match, "id")));
    return found;
  };
  CHECK(matches("one") == Names{"m-0-0"});
  CHECK(matches("two") == Names{"m-0-0", "m-1-0"});
}

TEST_CASE("B-15 what stands behind the shards replaces their answers") {
  CaseSandbox sandbox;
  const auto sharded = [](const char* name, int shards) {
    return kit(name, "append-shard", "",
               fmt::format("shards = {}\npolling = \"ALL\"\n{}", shards,
                           companion("uses_after", "fake-of-parts")));
  };
  Flow flow(sandbox, sharded("three", 3) + sharded("five", 5));
  CHECK(text_list(flow.post("/x", {"--text", "d", "--target", "three"})) == Names{"fake_document"});
  CHECK(text_list(flow.post("/x", {"--text", "d"})) == Names{"fake_document"});
}

TEST_CASE("a merger of matches sorts what two shards of two replicas found, and keeps the best") {
  CaseSandbox sandbox;
  const auto match = [](const char* id, double score) {
    return fmt::format(R"({{"id":"{}","scores":{{"cos":{{"value":{}}}}}}})", id, score);
  };
  const std::string found =
      fmt::format("document = ['{{\"matches\":[{},{}]}}', '{{\"matches\":[{},{}]}}']",
                  match("a", 0.2), match("b", 0.9), match("c", 0.5), match("d", 0.3));
  Flow flow(sandbox, kit("index", "fields", found,
                         "shards = 2\nreplicas = 2\nuses_after = { uses = \"match-merger\", "
                         "with = { score = \"cos\", top = 3 } }"));
  for (int i = 0; i < 4; ++i) {
    const Value reply = post_json(flow, "/search", R"([{"id":"q1"},{"id":"q2"}])");
    CHECK(ids(reply) == Names{"q1", "q2"});
    for (std::size_t question = 0; question < count(reply); ++question) {
      Names best;
      for (const Value& each : *at(document(reply, question), "matches").if_list())
        best.push_back(text_of(at(each, "id")));
      CHECK(best == Names{"b", "c", "d"});
    }
  }
  const Value two =
      flow.post("/search", {"--json", R"({"id":"q"})", "--parameters", R"({"top":1})"});
  CHECK(at(document(two, 0), "matches").if_list()->size() == 1);
}
