#include "executors/rank-fusion/rank_fusion.h"

#include <doctest/doctest.h>

#include "tests/executors/fake_call.h"

namespace flow::executors::testing {
namespace {

using Ids = std::vector<std::string>;

Document ranked(std::string_view id, std::string_view score, const Ids& matches) {
  Document document;
  document.set_id(id);
  double value = 10;
  for (const std::string& name : matches) {
    Document match;
    match.set_id(name);
    match.set_score(score, value--);
    document.add_match(match);
  }
  return document;
}

DocumentsMatrix vectors_and_words() {
  DocumentsMatrix parts;
  parts.push_back({"vectors", list_of({ranked("q", "cosine", {"a", "b", "c"})})});
  parts.push_back({"words", list_of({ranked("q", "bm25", {"c", "d"})})});
  return parts;
}

TEST_CASE("matches of both parts are ranked by the sum of their reciprocal ranks") {
  RankFusion fusion((ExecutorConfig()));

  const Documents answer = run_parts(fusion, "/search", vectors_and_words());

  REQUIRE(answer.size() == 1);
  CHECK(match_ids(answer[0]) == Ids{"c", "a", "b", "d"});
  const Document best = answer[0].matches()[0];
  CHECK(best.score("rrf") == doctest::Approx(1.0 / 63 + 1.0 / 61));
  CHECK(best.score("cosine") == 8.0);
  CHECK(best.score("bm25") == 10.0);
  CHECK(answer[0].matches()[3].score("rrf") == doctest::Approx(1.0 / 62));
}

TEST_CASE("equal ranks stay in the order of the parts") {
  RankFusion fusion((ExecutorConfig()));
  DocumentsMatrix parts;
  parts.push_back({"x", list_of({ranked("q", "s", {"b"})})});
  parts.push_back({"y", list_of({ranked("q", "t", {"a"})})});
  CHECK(match_ids(run_parts(fusion, "/search", parts)[0]) == Ids{"b", "a"});
}

TEST_CASE("weights favour a need by name") {
  RankFusion fusion(ExecutorConfig(ValueMap{{"weights", ValueMap{{"words", 10}}}}));
  CHECK(match_ids(run_parts(fusion, "/search", vectors_and_words())[0]) == Ids{"c", "d", "a", "b"});
}

TEST_CASE("a weight of an unknown need fails and names the parts") {
  RankFusion fusion(ExecutorConfig(ValueMap{{"weights", ValueMap{{"word", 2}}}}));
  CHECK_THROWS_WITH(run_parts(fusion, "/search", vectors_and_words()),
                    "with.weights names 'word', but the parts come from vectors, words");
}

TEST_CASE("the list is cut at top, the parameter goes over the setting") {
  RankFusion fusion(ExecutorConfig(ValueMap{{"top", 2}}));
  CHECK(match_ids(run_parts(fusion, "/search", vectors_and_words())[0]).size() == 2);
  CHECK(match_ids(run_parts(fusion, "/search", vectors_and_words(), {{"top", 1}})[0]) == Ids{"c"});
  CHECK_THROWS_WITH(run_parts(fusion, "/search", vectors_and_words(), {{"top", "1"}}),
                    "parameter top is \"1\", expected an int from 1 to 10000");
}

TEST_CASE("documents without matches pass, those of later parts are kept") {
  RankFusion fusion((ExecutorConfig()));
  DocumentsMatrix parts;
  parts.push_back({"vectors", list_of({text_document("a", "1")})});
  parts.push_back({"words", list_of({text_document("b", "2"), text_document("a", "3")})});

  const Documents answer = run_parts(fusion, "/index", parts);

  REQUIRE(answer.size() == 2);
  CHECK(answer[0].text() == "1");
  CHECK(answer[1].text() == "2");
}

TEST_CASE("no parts and empty parts give an empty answer") {
  RankFusion fusion((ExecutorConfig()));
  CHECK(run_parts(fusion, "/search", {}).empty());
  DocumentsMatrix parts;
  parts.push_back({"vectors", {}});
  parts.push_back({"words", {}});
  CHECK(run_parts(fusion, "/search", parts).empty());
}

TEST_CASE("rank-fusion refuses settings it cannot use") {
  const auto made = [](ValueMap with) { RankFusion fusion{ExecutorConfig(std::move(with))}; };
  CHECK_THROWS_AS(made({{"k", -1}}), ConfigError);
  CHECK_THROWS_AS(made({{"top", 0}}), ConfigError);
  CHECK_THROWS_AS(made({{"weights", 3}}), ConfigError);
  CHECK_THROWS_AS(made({{"weights", ValueMap{{"a", "b"}}}}), ConfigError);
}

}  // namespace
}  // namespace flow::executors::testing
