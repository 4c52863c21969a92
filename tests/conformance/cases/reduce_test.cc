// Cases R: how the documents of branches and shards become one list.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/json.h"
#include "case.h"

using namespace flow;
using namespace flow::testing;

namespace {

// The documents of a join whose needs answered with `left` and `right` (JSON lists).
Value merged(std::string_view left, std::string_view right) {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("left", "answer-parameter", "", "needs = \"gateway\"") +
                         kit("right", "answer-parameter", "", "needs = \"gateway\"") +
                         executor("join", "pass-through", R"(needs = ["left", "right"])"));
  const ValueMap parameters{{"left__docs", std::string(left)}, {"right__docs", std::string(right)}};
  const Value reply = flow.post("/x", {"--parameters", to_json(parameters)});
  CHECK(code(reply) == "OK");
  return reply;
}

Names ids_in(const Value& document, std::string_view field) {
  Names found;
  const ValueList* children = at(document, field).if_list();
  if (children == nullptr) return found;
  for (const Value& child : *children)
    found.push_back(text_of(at(child, "id")));
  return found;
}

std::string three_branches(std::string_view join) {
  std::string file;
  for (const char* name : {"p1", "p2", "p3"})
    file += executor(name, "pass-through", "needs = \"gateway\"");
  return file + std::string(join);
}

}  // namespace

TEST_CASE("R-01 the first shard that has a field gives it, children come together") {
  for (const int n : {3, 5}) {
    CaseSandbox sandbox;
    const std::string document =
        R"(document = ['{"modality":"text","scores":{"s":{"value":0}}}', )"
        R"('{"modality":"image","scores":{"s":{"value":1}},"tags":{"c":"d"}}', )"
        R"('{"scores":{"s":{"value":2}},"tags":{"a":"b"}}'])";
    Flow flow(sandbox,
              kit("executor0", "fields",
                  fmt::format("{}, n = {}, text = \"{{instance}}\"", document, n), "shards = 3"));
    const Value reply = post_json(flow, "/search", "[{},{},{},{},{}]");
    REQUIRE(count(reply) == 5);
    for (std::size_t i = 0; i < 5; ++i) {
      const Value& one = flow::testing::document(reply, i);
      CHECK(text_of(at(one, "text")) == "executor0/shard-0/rep-0");
      CHECK(text_of(at(one, "modality")) == "text");
      CHECK(text_of(at(one, "tags")) == R"({"c":"d"})");
      CHECK(text_of(at(at(at(one, "scores"), "s"), "value")) == "0");
      for (const char* children : {"matches", "chunks"}) {
        const Names found = ids_in(one, children);
        CHECK(std::set<std::string>(found.begin(), found.end()).size() == std::size_t(3 * n));
      }
    }
  }
}

TEST_CASE("R-02 fields set in different branches are all there behind the join") {
  CaseSandbox sandbox;
  const auto branch = [](const char* name, std::string_view document) {
    return kit(name, "fields", fmt::format("document = '{}'", document), "needs = \"gateway\"");
  };
  Flow flow(sandbox, branch("pod0", R"({"text":"text"})") +
                         branch("pod1", R"({"tags":{"a":"b"},"modality":"image"})") +
                         branch("pod2", R"({"embedding":[0,0,0]})") +
                         executor("pod3", "pass-through", R"(needs = ["pod0", "pod1", "pod2"])"));
  const Value reply = post_json(flow, "/x", "[{},{},{},{},{}]");
  REQUIRE(count(reply) == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(text_of(at(document(reply, i), "text")) == "text");
    CHECK(text_of(at(document(reply, i), "modality")) == "image");
    CHECK(text_of(at(document(reply, i), "tags")) == R"({"a":"b"})");
    CHECK(at(document(reply, i), "embedding").if_list()->size() == 3);
  }
}

TEST_CASE("R-03 two documents of one id become one, their children too") {
  const Value reply = merged(
      R"([{"id":"d","text":"doc1","matches":[{"id":"m0"},{"id":"m2"}],"chunks":[{"id":"c0"},{"id":"c1"}]}])",
      R"([{"id":"d","text":"doc2","embedding":[1,2],"matches":[{"id":"m0"},{"id":"m1"}],"chunks":[{"id":"c0"},{"id":"c2"}]}])");
  REQUIRE(count(reply) == 1);
  CHECK(text_of(at(document(reply, 0), "text")) == "doc1");
  CHECK(at(document(reply, 0), "embedding").if_list()->size() == 2);
  CHECK(ids_in(document(reply, 0), "matches") == Names{"m0", "m2", "m1"});
  CHECK(ids_in(document(reply, 0), "chunks") == Names{"c0", "c1", "c2"});
}

TEST_CASE("R-04 lists merge by id, and so do their overlapping matches") {
  const auto with = [](const char* id, const char* text, int first) {
    return fmt::format(R"({{"id":"{}","text":"{}","matches":[{{"id":"m{}"}},{{"id":"m{}"}}]}})", id,
                       text, first, first + 1);
  };
  const auto four = [](const char* id, const char* text) {
    return fmt::format(R"({{"id":"{}","text":"{}","matches":[{{"id":"m0"}},{{"id":"m1"}},)"
                       R"({{"id":"m2"}},{{"id":"m3"}}]}})",
                       id, text);
  };
  const Value reply =
      merged(fmt::format("[{},{}]", with("r0", "da1", 0), with("r2", "da1", 1)),
             fmt::format("[{},{},{}]", with("r0", "da2", 2), four("r1", "da2"), four("r2", "da2")));
  CHECK(ids(reply) == Names{"r0", "r2", "r1"});
  for (std::size_t i = 0; i < 3; ++i) {
    Names matches = ids_in(document(reply, i), "matches");
    std::ranges::sort(matches);
    CHECK(matches == Names{"m0", "m1", "m2", "m3"});
  }
  CHECK(text_list(reply) == Names{"da1", "da1", "da2"});
}

TEST_CASE("R-08 what the executor of a join returns is the answer") {
  CaseSandbox sandbox;
  Flow flow(sandbox, three_branches(kit("join", "fake-document", "", "needs = \"*\"")));
  CHECK(text_list(post_json(flow, "/x", "[{},{}]")) == Names{"fake_document"});
}

TEST_CASE("R-10 the order is the first list's, then that of those not seen yet") {
  CHECK(ids(merged(R"([{"id":"a"},{"id":"b"},{"id":"c"}])",
                   R"([{"id":"c"},{"id":"x"},{"id":"a"},{"id":"y"}])")) ==
        Names{"a", "b", "c", "x", "y"});
}

TEST_CASE("R-14 a text and a tensor do not displace each other") {
  const Value reply = merged(R"([{"id":"d","text":"t"}])", R"([{"id":"d","tensor":[1,2,3]}])");
  CHECK(text_of(at(document(reply, 0), "text")) == "t");
  CHECK(at(document(reply, 0), "tensor").if_list()->size() == 3);
}

TEST_CASE("R-16 the uri and the mime type are fields of their own") {
  CHECK(text_of(at(
            document(merged(R"([{"id":"d","uri":"a.png"}])", R"([{"id":"d","uri":"b.jpg"}])"), 0),
            "uri")) == "a.png");
  const Value reply =
      merged(R"([{"id":"d","mime_type":"text/plain"}])", R"([{"id":"d","uri":"b.jpg"}])");
  CHECK(text_of(at(document(reply, 0), "mime_type")) == "text/plain");
  CHECK(text_of(at(document(reply, 0), "uri")) == "b.jpg");
}

TEST_CASE("R-17 an embedding without numbers is an embedding") {
  const Value reply = merged(R"([{"id":"d","embedding":[]}])", R"([{"id":"d","embedding":[1,2]}])");
  const Value& embedding = at(document(reply, 0), "embedding");
  REQUIRE(embedding.if_list() != nullptr);
  CHECK(embedding.if_list()->empty());
}

TEST_CASE("R-19 of an id twice on the left the last one is merged into") {
  const Value reply = merged(R"([{"id":"a","text":"text1"},{"id":"a","text":"text2"}])",
                             R"([{"id":"a","modality":"m"}])");
  CHECK(text_list(reply) == Names{"text1", "text2"});
  CHECK(at(document(reply, 0), "modality").is_null());
  CHECK(text_of(at(document(reply, 1), "modality")) == "m");
}

TEST_CASE("R-20 an id twice on the right becomes one document") {
  const Value reply =
      merged(R"([{"id":"z"}])", R"([{"id":"a","text":"t"},{"id":"a","modality":"m"}])");
  CHECK(ids(reply) == Names{"z", "a"});
  CHECK(text_of(at(document(reply, 1), "text")) == "t");
  CHECK(text_of(at(document(reply, 1), "modality")) == "m");
}

TEST_CASE("R-22 matches merge like documents, new ones know where they belong") {
  const Value reply = merged(
      R"([{"id":"d","matches":[{"id":"m1","text":"L","adjacency":1}],"chunks":[{"id":"c1"}]}])",
      R"([{"id":"d","matches":[{"id":"m2"},{"id":"m1","text":"R","modality":"x"}],"chunks":[{"id":"c2"}]}])");
  const Value& one = document(reply, 0);
  REQUIRE(ids_in(one, "matches") == Names{"m1", "m2"});
  const ValueList& matches = *at(one, "matches").if_list();
  CHECK(text_of(at(matches[0], "text")) == "L");
  CHECK(text_of(at(matches[0], "modality")) == "x");
  CHECK(text_of(at(matches[1], "adjacency")) == "1");
  const Value& chunk = (*at(one, "chunks").if_list())[1];
  CHECK(text_of(at(chunk, "parent_id")) == "d");
  CHECK(text_of(at(chunk, "granularity")) == "1");
}

TEST_CASE("R-24 of two texts the first declared need's is taken, every time") {
  Sandbox sandbox;
  Flow flow(sandbox,
            executor("pause", "sleep", R"(with = { ms = { "/slow" = 2, "*" = 0 } })") +
                executor("left", "set-text", "needs = \"pause\"\nwith = { text = \"left\" }") +
                executor("right", "set-text", "needs = \"gateway\"\nwith = { text = \"right\" }") +
                executor("join", "pass-through", R"(needs = ["left", "right"])"));
  Client client = flow.client();
  int left = 0;
  for (int i = 0; i < 100; ++i) {
    const Reply reply = client.post(i % 2 == 0 ? "/slow" : "/fast", one_document("1", "t"));
    left += texts(reply) == "left" ? 1 : 0;
  }
  CHECK(left == 100);
}

TEST_CASE("R-27 without a reduction the lists of the shards come one after the other") {
  Sandbox sandbox;
  Flow flow(sandbox,
            executor("a", "pass-through", "shards = 2\npolling = \"ALL\"\nno_reduce = true"));
  CHECK(ids(post_json(flow, "/x", R"({"id":"d"})")) == Names{"d", "d"});
}

TEST_CASE("R-28 a reducer of one's own gets the parts, in every spelling") {
  CaseSandbox sandbox;
  const auto check = [&sandbox](const std::string& join) {
    Flow flow(sandbox, three_branches(join));
    const Value reply = post_json(flow, "/x", "[{},{},{},{},{}]");
    CHECK(count(reply) == 15);
    for (std::size_t i = 0; i < count(reply); ++i) {
      CHECK(text_of(at(at(document(reply, i), "tags"), "parts")) == "3");
      CHECK(text_of(at(at(document(reply, i), "tags"), "source")) == fmt::format("p{}", i / 5 + 1));
    }
  };
  const std::string needs = R"(needs = ["p1", "p2", "p3"])";
  SUBCASE("uses and no_reduce") {
    check(kit("r1", "chain", "", needs + "\nno_reduce = true"));
  }
  SUBCASE("uses alone, of a handler that takes parts") {
    check(kit("r1", "chain", "", needs));
  }
  SUBCASE("uses_before") {
    check(executor("r1", "pass-through",
                   needs + "\nuses_before = { uses = \"case-kit\", with = { mode = \"chain\" } }"));
  }
}
