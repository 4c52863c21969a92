#include "executors/match-merger/match_merger.h"

#include <doctest/doctest.h>

#include "tests/executors/fake_call.h"

namespace flow::executors::testing {
namespace {

struct Scored {
  const char* id;
  double score;
};

Document with_matches(std::string_view id, std::string_view score,
                      const std::vector<Scored>& matches) {
  Document document;
  document.set_id(id);
  for (const Scored& one : matches) {
    Document match;
    match.set_id(one.id);
    if (!score.empty()) match.set_score(score, one.score);
    document.add_match(match);
  }
  return document;
}

DocumentsMatrix two_parts(std::string_view score) {
  DocumentsMatrix parts;
  parts.push_back({"shard-0", list_of({with_matches("q", score, {{"a", 0.9}, {"b", 0.2}})})});
  parts.push_back({"shard-1", list_of({with_matches("q", score, {{"c", 0.5}, {"d", 0.1}})})});
  return parts;
}

using Ids = std::vector<std::string>;

TEST_CASE("matches of all parts are sorted by the named score and cut") {
  MatchMerger merger(ExecutorConfig(ValueMap{{"score", "cosine"}, {"top", 3}}));

  const Documents answer = run_parts(merger, "/search", two_parts("cosine"));

  REQUIRE(answer.size() == 1);
  CHECK(match_ids(answer[0]) == Ids{"a", "c", "b"});
}

TEST_CASE("without a named score the one the matches carry is used, distances ascending") {
  MatchMerger merger((ExecutorConfig()));
  CHECK(match_ids(run_parts(merger, "/search", two_parts("bm25"))[0]) == Ids{"a", "c", "b", "d"});
  CHECK(match_ids(run_parts(merger, "/search", two_parts("l2"))[0]) == Ids{"d", "b", "c", "a"});
}

TEST_CASE("matches without scores keep the order of the parts") {
  MatchMerger merger((ExecutorConfig()));
  CHECK(match_ids(run_parts(merger, "/search", two_parts(""))[0]) == Ids{"a", "b", "c", "d"});
}

TEST_CASE("the parameter top goes over with.top, 0 keeps all") {
  MatchMerger merger(ExecutorConfig(ValueMap{{"top", 1}}));
  CHECK(match_ids(run_parts(merger, "/s", two_parts("ip"))[0]).size() == 1);
  CHECK(match_ids(run_parts(merger, "/s", two_parts("ip"), {{"top", 2}})[0]).size() == 2);
  CHECK(match_ids(run_parts(merger, "/s", two_parts("ip"), {{"top", 0}})[0]).size() == 4);
}

TEST_CASE("one part stays as it is and documents of later parts are kept") {
  MatchMerger merger((ExecutorConfig()));
  DocumentsMatrix parts;
  parts.push_back({"shard-0", list_of({text_document("a", "1")})});
  CHECK(run_parts(merger, "/index", parts).size() == 1);

  parts.push_back({"shard-1", list_of({text_document("b", "2"), text_document("a", "3")})});
  const Documents answer = run_parts(merger, "/index", parts);

  REQUIRE(answer.size() == 2);
  CHECK(answer[0].text() == "1");
  CHECK(answer[1].id() == "b");
}

TEST_CASE("the settings of an index are accepted") {
  const ExecutorConfig config(
      ValueMap{{"metric", "l2"}, {"top", 2}, {"fsync", "none"}, {"max_documents", 5}});
  MatchMerger merger(config);
  CHECK(config.unused().empty());
  CHECK(match_ids(run_parts(merger, "/search", two_parts("l2"))[0]) == Ids{"d", "b"});
}

}  // namespace
}  // namespace flow::executors::testing
