#include "executors/vector-index/vector_index.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "executors/index_store/record_body.h"
#include "executors/index_store/snapshot_piece.h"
#include "tests/executors/fake_call.h"

namespace flow::executors::testing {
namespace {

using Ids = std::vector<std::string>;
using Numbers = std::vector<float>;

Documents one(std::string_view id, const Numbers& numbers) {
  return list_of({vector_document(id, numbers)});
}

Ids search(VectorIndex& index, const Numbers& numbers, ValueMap parameters = {}) {
  return match_ids(run(index, "/search", one("q", numbers), std::move(parameters))[0]);
}

// What the index must find, the slow way.
class Model {
 public:
  explicit Model(std::string metric) : metric_(std::move(metric)) {}

  void put(const std::string& id, const Numbers& numbers) {
    remove(id);
    rows_.emplace_back(id, numbers);
  }
  void remove(const std::string& id) {
    std::erase_if(rows_, [&id](const auto& row) { return row.first == id; });
  }
  double score(const Numbers& a, const Numbers& b) const {
    double dot = 0;
    double aa = 0;
    double bb = 0;
    double distance = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      dot += double{a[i]} * double{b[i]};
      aa += double{a[i]} * double{a[i]};
      bb += double{b[i]} * double{b[i]};
      distance += std::pow(double{a[i]} - double{b[i]}, 2);
    }
    if (metric_ == "ip") return dot;
    return metric_ == "l2" ? std::sqrt(distance) : dot / std::sqrt(aa * bb);
  }
  std::vector<double> best_scores(const Numbers& query, std::size_t top) const {
    std::vector<double> scores;
    for (const auto& row : rows_)
      scores.push_back(score(query, row.second));
    std::sort(scores.begin(), scores.end());
    if (metric_ != "l2") std::reverse(scores.begin(), scores.end());
    if (scores.size() > top) scores.resize(top);
    return scores;
  }
  const Numbers& at(std::string_view id) const {
    for (const auto& row : rows_) {
      if (row.first == id) return row.second;
    }
    throw std::runtime_error("not in the model");
  }

 private:
  std::string metric_;
  std::vector<std::pair<std::string, Numbers>> rows_;
};

void check_against(const Model& model, VectorIndex& index, const std::string& metric,
                   const Numbers& query) {
  const auto answer = run(index, "/search", one("q", query), {{"top", 7}});
  const auto matches = answer[0].matches();
  const auto expected = model.best_scores(query, 7);
  REQUIRE(matches.size() == expected.size());
  for (std::size_t i = 0; i < matches.size(); ++i) {
    CHECK(*matches[i].score(metric) == doctest::Approx(expected[i]).epsilon(1e-4));
    CHECK(model.score(query, model.at(matches[i].id())) ==
          doctest::Approx(expected[i]).epsilon(1e-4));
  }
}

TEST_CASE("searches agree with a slow model after random writes, also after reopening") {
  for (const std::string metric : {"cosine", "ip", "l2"}) {
    for (const int dim : {1, 7, 32, 77}) {
      const unsigned seed = std::random_device{}();
      CAPTURE(seed);
      CAPTURE(metric);
      CAPTURE(dim);
      std::mt19937 random(seed);
      std::normal_distribution<float> normal;
      const auto numbers = [&] {
        Numbers made(static_cast<std::size_t>(dim));
        for (float& x : made)
          x = normal(random);
        return made;
      };
      const TempFolder folder;
      const ValueMap with{{"metric", metric}, {"fsync", "none"}};
      Model model(metric);
      {
        VectorIndex index(config_in(folder, with));
        for (int step = 0; step < 60; ++step) {
          Documents batch;
          for (unsigned n = random() % 9; n > 0; --n) {
            batch.push_back(vector_document(fmt::format("d{}", random() % 150), numbers()));
          }
          const bool removes = random() % 4 == 0;
          for (const Document& document : batch) {
            const auto floats = document.embedding_floats();
            const std::string id(document.id());
            removes ? model.remove(id) : model.put(id, {floats.begin(), floats.end()});
          }
          run(index, removes ? "/delete" : "/index", batch);
        }
        check_against(model, index, metric, numbers());
        index.close();
      }
      VectorIndex reopened(config_in(folder, with));
      check_against(model, reopened, metric, numbers());
    }
  }
}

TEST_CASE("a match is the stored document without its embedding, the query keeps all it had") {
  const TempFolder folder;
  VectorIndex index(config_in(folder));
  Document document = vector_document("a", {1, 0});
  document.set_text("text of a");
  document.set_tag("k", 5);
  run(index, "/index", list_of({document}));
  Document query = vector_document("q", {2, 0});
  query.set_text("ask");

  const Documents answer = run(index, "/search", list_of({query}));

  REQUIRE(answer[0].matches().size() == 1);
  const Document match = answer[0].matches()[0];
  CHECK(match.text() == "text of a");
  CHECK(*match.tags().find("k") == Value(5));
  CHECK_FALSE(match.has_embedding());
  CHECK(match.adjacency() == 1);
  CHECK(match.score("cosine") == doctest::Approx(1.0));
  CHECK(answer[0].text() == "ask");
  CHECK(answer[0].embedding_floats().size() == 2);
}

TEST_CASE("the best come first, equal ones in the order they were written") {
  const TempFolder folder;
  VectorIndex index(config_in(folder, {{"top", 3}}));
  run(index, "/index",
      list_of({vector_document("far", {0, 1}), vector_document("b", {1, 0}),
               vector_document("a", {2, 0}), vector_document("c", {3, 0})}));
  CHECK(search(index, {1, 0}) == Ids{"b", "a", "c"});
  CHECK(search(index, {1, 0}, {{"top", 1}}) == Ids{"b"});
  CHECK(search(index, {1, 0}, {{"top", 100}}) == Ids{"b", "a", "c", "far"});
  run(index, "/index", one("b", {1, 0}));
  CHECK(search(index, {1, 0}) == Ids{"a", "c", "b"});
}

TEST_CASE("the nearest by l2 has the smallest score") {
  const TempFolder folder;
  VectorIndex index(config_in(folder, {{"metric", "l2"}}));
  run(index, "/index", list_of({vector_document("a", {5, 0}), vector_document("b", {1, 0})}));
  const auto matches = run(index, "/search", one("q", {0, 0}))[0].matches();
  REQUIRE(matches.size() == 2);
  CHECK(matches[0].id() == "b");
  CHECK(matches[0].score("l2") == doctest::Approx(1.0));
  CHECK(matches[1].score("l2") == doctest::Approx(5.0));
}

TEST_CASE("an update replaces known documents and refuses unknown ones as a whole") {
  const TempFolder folder;
  VectorIndex index(config_in(folder));
  run(index, "/index", list_of({vector_document("a", {1, 0}), vector_document("b", {0, 1})}));
  run(index, "/update", one("a", {0, 2}));
  CHECK(search(index, {0, 1}) == Ids{"b", "a"});

  CHECK_THROWS_WITH(
      run(index, "/update", list_of({vector_document("a", {1, 0}), vector_document("z", {1, 0})})),
      "document 'z' is not in the index; nothing was updated");
  CHECK(search(index, {0, 1}, {{"top", 2}}) == Ids{"b", "a"});
}

TEST_CASE("deleting ignores unknown ids, an empty index finds nothing") {
  const TempFolder folder;
  VectorIndex index(config_in(folder));
  CHECK(search(index, {1, 0}).empty());
  run(index, "/index", one("a", {1, 0}));
  run(index, "/delete", list_of({text_document("a", ""), text_document("z", "")}));
  CHECK(search(index, {1, 0}).empty());
}

TEST_CASE("a document that cannot be used is named and nothing of its request is stored") {
  const TempFolder folder;
  VectorIndex index(config_in(folder));
  run(index, "/index", one("a", {1, 0}));
  const Document good = vector_document("b", {1, 0});
  const auto index_with = [&](const Document& bad) { run(index, "/index", list_of({good, bad})); };

  CHECK_THROWS_WITH(index_with(text_document("t", "x")), "document 't' has no embedding");
  CHECK_THROWS_WITH(index_with(vector_document("c", {1, 2, 3})),
                    "the embedding of document 'c' has 3 numbers, the index has 2");
  CHECK_THROWS_WITH(index_with(vector_document("n", {1, std::nanf("")})),
                    "the embedding of document 'n' holds a number that is not finite");
  CHECK_THROWS_WITH(index_with(vector_document("", {1, 1})), "document number 1 has no id");
  CHECK_THROWS_WITH(run(index, "/search", one("q", {1})),
                    "the embedding of document 'q' has 1 numbers, the index has 2");
  CHECK(search(index, {1, 0}) == Ids{"a"});
}

TEST_CASE("two numbers of dimensions in one first request are refused") {
  const TempFolder folder;
  VectorIndex index(config_in(folder));
  CHECK_THROWS_WITH(
      run(index, "/index", list_of({vector_document("a", {1}), vector_document("b", {1, 2})})),
      "the embedding of document 'b' has 2 numbers, the index has 1");
}

TEST_CASE("settings and workspaces that cannot be used are refused") {
  const TempFolder folder;
  CHECK_THROWS_WITH_AS(VectorIndex(config_in(folder, {{"metric", "cos"}})),
                       "with.metric is \"cos\", expected one of cosine, ip, l2", ConfigError);
  CHECK_THROWS_WITH_AS(VectorIndex(config_in(folder, {{"fsync", "yes"}})),
                       "with.fsync is \"yes\", expected one of none, interval, always",
                       ConfigError);
  CHECK_THROWS_AS(VectorIndex(config_in(folder, {{"top", 0}})), ConfigError);
}

TEST_CASE("embeddings are copied with their documents, and checked before") {
  const TempFolder folder;
  const TempFolder other_folder;
  VectorIndex index(config_in(folder));
  VectorIndex other(config_in(other_folder));
  const Stamp stamp{{10, 1}};
  run(index, "/index", list_of({vector_document("a", {1, 0}), vector_document("b", {0, 1})}), {},
      stamp);
  const auto piece = index.replicated()->next_piece("", 1U << 20);
  REQUIRE(piece.ok());
  REQUIRE(other.replicated()->merge(piece->bytes).ok());
  CHECK(search(other, {0, 1}) == Ids{"b", "a"});
  CHECK(other.replicated()->held() == index.replicated()->held());
}

TEST_CASE("a piece with another number of numbers, or one that is not finite, is refused") {
  const Documents documents = list_of({text_document("z", "")});
  const auto merged = [&documents](std::vector<float> numbers) {
    const TempFolder folder;
    VectorIndex index(config_in(folder));
    run(index, "/index", one("a", {1, 0}));
    const auto body = put_body(documents.encode(), {}, std::as_bytes(std::span(numbers)));
    const Status status = index.replicated()->merge(make_piece("vector-index", body));
    CHECK(search(index, {1, 0}).size() == (status ? 2 : 1));
    return status ? "merged" : status.error().message;
  };
  CHECK(merged({1, 1}) == "merged");
  CHECK(merged({1, 1, 1}) ==
        "a snapshot piece does not fit: holds 1 documents with 12 bytes of embeddings, expected 2 "
        "numbers each");
  CHECK(merged({}).starts_with("a snapshot piece does not fit"));
  CHECK(merged({1, std::numeric_limits<float>::quiet_NaN()}) ==
        "a snapshot piece does not fit: holds an embedding with a number that is not finite");
}

}  // namespace
}  // namespace flow::executors::testing
