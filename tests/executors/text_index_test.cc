#include "executors/text-index/text_index.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "executors/vector-index/vector_index.h"
#include "tests/executors/fake_call.h"

namespace flow::executors::testing {
namespace {

using Ids = std::vector<std::string>;
using Texts = std::map<std::string, std::string>;

void index_texts(TextIndex& index, const Texts& texts, const char* endpoint = "/index") {
  Documents documents;
  for (const auto& [id, text] : texts)
    documents.push_back(text_document(id, text));
  run(index, endpoint, documents);
}

std::vector<Document> search(TextIndex& index, std::string_view text, ValueMap parameters = {}) {
  return run(index, "/search", list_of({text_document("q", text)}), std::move(parameters))[0]
      .matches();
}

Ids found(TextIndex& index, std::string_view text) {
  Ids ids;
  for (const Document& match : search(index, text))
    ids.emplace_back(match.id());
  return ids;
}

// BM25 the slow way over whole texts of words between single spaces.
std::map<std::string, double> slow_bm25(const Texts& texts, const std::vector<std::string>& query) {
  std::map<std::string, std::map<std::string, double>> counts;
  double total = 0;
  for (const auto& [id, text] : texts) {
    std::string word;
    for (const char c : text + " ") {
      if (c != ' ') {
        word += c;
        continue;
      }
      ++counts[id][std::exchange(word, {})];
      ++total;
    }
  }
  const auto n = static_cast<double>(texts.size());
  std::map<std::string, double> scores;
  for (const std::string& word : query) {
    double with_word = 0;
    for (const auto& [id, count] : counts)
      with_word += count.contains(word) ? 1 : 0;
    const double idf = std::log(1 + (n - with_word + 0.5) / (with_word + 0.5));
    for (const auto& [id, count] : counts) {
      if (!count.contains(word)) continue;
      double length = 0;
      for (const auto& [other, times] : count)
        length += times;
      const double f = count.at(word);
      scores[id] += idf * f * 2.2 / (f + 1.2 * (0.25 + 0.75 * length / (total / n)));
    }
  }
  return scores;
}

TEST_CASE("scores are those computed by hand") {
  const TempFolder folder;
  TextIndex index(config_in(folder));
  index_texts(index, {{"1", "red red blue"}, {"2", "red"}, {"3", "green tree by lake"}});

  const auto matches = search(index, "red");

  // N = 3, n = 2, mean length 8/3, idf = ln(1 + 1.5/2.5) = 0.470004
  // 1: f = 2, 3 words: 0.470004 * 4.4 / (2 + 1.2 * (0.25 + 0.75 * 1.125)) = 0.624307
  // 2: f = 1, 1 word:  0.470004 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 0.375)) = 0.631455
  REQUIRE(matches.size() == 2);
  CHECK(matches[0].id() == "2");
  CHECK(*matches[0].score("bm25") == doctest::Approx(0.631455).epsilon(1e-5));
  CHECK(matches[1].id() == "1");
  CHECK(*matches[1].score("bm25") == doctest::Approx(0.624307).epsilon(1e-5));
}

TEST_CASE("names are found whole and in pieces, in any letter case") {
  const TempFolder folder;
  TextIndex index(config_in(folder));
  index_texts(index, {{"libzmq3-dev", "libzmq3-dev: lightweight messaging kernel"},
                      {"libzmq5", "libzmq5: lightweight messaging kernel"},
                      {"g++", "g++: GNU C++ compiler"}});
  CHECK(found(index, "libzmq3-dev") == Ids{"libzmq3-dev"});
  CHECK(found(index, "DEV") == Ids{"libzmq3-dev"});
  CHECK(found(index, "c++") == Ids{"g++"});
  CHECK(found(index, "Messaging") == Ids{"libzmq5", "libzmq3-dev"});
  CHECK(found(index, "unknown").empty());
  CHECK(found(index, "").empty());
}

TEST_CASE("replaced and removed documents count no more") {
  const TempFolder folder;
  TextIndex index(config_in(folder));
  index_texts(index, {{"a", "old words here"}, {"b", "other words"}, {"c", "more words yet"}});
  index_texts(index, {{"a", "new text"}}, "/update");
  run(index, "/delete", list_of({text_document("c", ""), text_document("z", "")}));

  CHECK(found(index, "old").empty());
  CHECK(found(index, "new") == Ids{"a"});
  const auto expected = slow_bm25({{"a", "new text"}, {"b", "other words"}}, {"words"});
  const auto matches = search(index, "words");
  REQUIRE(matches.size() == 1);
  CHECK(*matches[0].score("bm25") == doctest::Approx(expected.at("b")));
}

TEST_CASE("an update of an unknown document names it and stores nothing") {
  const TempFolder folder;
  TextIndex index(config_in(folder));
  index_texts(index, {{"a", "one"}});
  CHECK_THROWS_WITH(index_texts(index, {{"a", "two"}, {"z", "two"}}, "/update"),
                    "document 'z' is not in the index; nothing was updated");
  CHECK(found(index, "two").empty());
}

Stamp stamp(std::uint64_t time_ns, bool catching_up = false) {
  return {{time_ns, 1}, catching_up};
}

TEST_CASE("an older write changes no document, whatever endpoint it came by") {
  const TempFolder folder;
  TextIndex index(config_in(folder));
  run(index, "/index", list_of({text_document("a", "newer")}), {}, stamp(20));
  run(index, "/index", list_of({text_document("a", "older")}), {}, stamp(10));
  run(index, "/update", list_of({text_document("a", "older")}), {}, stamp(10));
  run(index, "/delete", list_of({text_document("a", "")}), {}, stamp(10));
  CHECK(found(index, "newer older") == Ids{"a"});
  CHECK(found(index, "older").empty());

  run(index, "/delete", list_of({text_document("a", ""), text_document("z", "")}), {}, stamp(30));
  run(index, "/index", list_of({text_document("a", "late"), text_document("z", "late")}), {},
      stamp(25));
  CHECK(found(index, "late").empty());
}

TEST_CASE("while it catches up an index stores updates of what it does not know yet") {
  const TempFolder folder;
  TextIndex index(config_in(folder));
  const Documents update = list_of({text_document("a", "updated")});
  CHECK_THROWS(run(index, "/update", update, {}, stamp(20)));
  run(index, "/update", update, {}, stamp(20, true));
  run(index, "/delete", list_of({text_document("b", "")}), {}, stamp(20, true));
  run(index, "/index", list_of({text_document("a", "copied"), text_document("b", "copied")}), {},
      stamp(10));
  CHECK(found(index, "updated copied") == Ids{"a"});
  CHECK(found(index, "copied").empty());
}

TEST_CASE("an index that copies another one answers as that one does") {
  const TempFolder folder;
  const TempFolder other_folder;
  TextIndex index(config_in(folder));
  TextIndex other(config_in(other_folder));
  run(index, "/index", list_of({text_document("b", "same"), text_document("a", "same")}), {},
      stamp(20));
  run(index, "/index", list_of({text_document("c", "same")}), {}, stamp(10));
  CHECK(found(index, "same") == Ids{"c", "b", "a"});  // by the time of admission
  run(other, "/index", list_of({text_document("c", "same")}), {}, stamp(10));

  REQUIRE(index.replicated() != nullptr);
  const auto piece = index.replicated()->next_piece("", 1U << 20);
  REQUIRE(piece.ok());
  CHECK(piece->last);
  CHECK(other.replicated()->merge(piece->bytes).ok());
  CHECK(other.replicated()->held() == index.replicated()->held());
  CHECK(found(other, "same") == Ids{"c", "b", "a"});
}

TEST_CASE("searches agree with a slow model after random writes and reopening") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto word = [&random] {
    return fmt::format("w{}", std::min(random() % 40, random() % 40));
  };
  const TempFolder folder;
  Texts model;
  for (int session = 0; session < 3; ++session) {
    TextIndex index(config_in(folder, {{"fsync", "none"}}));
    for (int step = 0; step < 80; ++step) {
      const std::string id = fmt::format("d{}", random() % 120);
      if (random() % 4 == 0) {
        run(index, "/delete", list_of({text_document(id, "")}));
        model.erase(id);
        continue;
      }
      std::string text = word();
      for (unsigned n = random() % 12; n > 0; --n)
        text += " " + word();
      index_texts(index, {{id, text}});
      model[id] = text;
    }
    for (int query = 0; query < 10; ++query) {
      const std::vector<std::string> words{word(), word(), word(), word()};
      auto scores = slow_bm25(model, words);
      std::vector<double> best;
      for (const auto& [id, score] : scores)
        best.push_back(score);
      std::sort(best.rbegin(), best.rend());
      best.resize(std::min<std::size_t>(best.size(), 5));
      const auto text = fmt::format("{} {} {} {}", words[0], words[1], words[2], words[3]);
      const auto matches = search(index, text, {{"top", 5}});
      REQUIRE(matches.size() == best.size());
      for (std::size_t i = 0; i < best.size(); ++i) {
        CHECK(*matches[i].score("bm25") == doctest::Approx(best[i]).epsilon(1e-9));
        CHECK(scores.at(std::string(matches[i].id())) == doctest::Approx(best[i]).epsilon(1e-9));
      }
    }
    index.close();
  }
}

TEST_CASE("renumbering after compaction keeps words, scores and order") {
  Postings postings{Bm25{}};
  const auto add = [&postings](Slot slot, std::string_view text) {
    const Document document = text_document("x", text);
    REQUIRE(postings.added(slot, {&document, 1}, {}).ok());
  };
  add(0, "red dead");
  add(1, "red blue");
  add(2, "red green");
  postings.removed(0, text_document("x", "red dead"));
  const auto before = postings.search("red green", 10);
  const std::vector<Slot> now{kNoSlot, 0, 1};
  postings.renumbered(now, 2);
  add(2, "red red");

  const auto after = postings.search("green", 10);

  REQUIRE(before.size() == 2);
  CHECK(before[0].slot == 2);
  REQUIRE(after.size() == 1);
  CHECK(after[0].slot == 1);
  CHECK(postings.search("dead", 10).empty());
  CHECK(postings.search("red", 10).size() == 3);
  CHECK(postings.words() == 3);
}

TEST_CASE("a workspace of the other index is refused") {
  const TempFolder folder;
  { VectorIndex index(config_in(folder)); }
  CHECK_THROWS_WITH_AS(TextIndex(config_in(folder)),
                       doctest::Contains("holds a vector-index, expected a text-index"),
                       ConfigError);
}

}  // namespace
}  // namespace flow::executors::testing
