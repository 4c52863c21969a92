#include "executors/hashing-encoder/hashing_encoder.h"

#include <doctest/doctest.h>

#include <numeric>

#include "tests/executors/fake_call.h"

namespace flow::executors::testing {
namespace {

using Words = std::vector<std::pair<std::string, bool>>;

Words words_of(std::string_view text) {
  Tokenizer tokenizer;
  Words words;
  for (const Token& token : tokenizer.tokens_of(text)) {
    words.emplace_back(token.text, token.compound);
  }
  return words;
}

std::vector<float> encoded(std::string_view text, std::size_t dim = 64) {
  TextHasher hasher(dim);
  const auto numbers = hasher.encode(text);
  return {numbers.begin(), numbers.end()};
}

float product(const std::vector<float>& a, const std::vector<float>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0F);
}

TEST_CASE("words are lowercased and compounds are found whole and in pieces") {
  CHECK(words_of("libzmq3-dev: C++, the LIB!") == Words{{"libzmq3", false},
                                                        {"dev", false},
                                                        {"libzmq3-dev", true},
                                                        {"c", false},
                                                        {"c++", true},
                                                        {"the", false},
                                                        {"lib", false}});
  CHECK(words_of("1.2.3") == Words{{"1", false}, {"2", false}, {"3", false}, {"1.2.3", true}});
}

TEST_CASE("text without words has no tokens, other scripts are kept") {
  CHECK(words_of("").empty());
  CHECK(words_of(" -- . +").empty());
  CHECK(words_of("Größe") == Words{{"größe", false}});
  CHECK(words_of("a--b-") == Words{{"a", false}, {"b", false}});
}

TEST_CASE("an embedding has length 1 and depends on the text alone") {
  const auto once = encoded("a message queue library");
  CHECK(once.size() == 64);
  CHECK(product(once, once) == doctest::Approx(1.0));
  CHECK(once == encoded("A MESSAGE queue, library"));
  CHECK(once != encoded("something else"));
}

TEST_CASE("texts that share words are nearer than texts that do not") {
  const auto query = encoded("message queue", 256);
  CHECK(product(query, encoded("queues of messages", 256)) >
        product(query, encoded("photo editor", 256)) + 0.2F);
}

TEST_CASE("documents without a word get no embedding") {
  HashingEncoder encoder(ExecutorConfig(ValueMap{{"dim", 32}}));

  const Documents answer =
      run(encoder, "/index",
          list_of({text_document("a", "word"), text_document("b", ""), text_document("c", "?!")}));

  CHECK(answer[0].embedding_floats().size() == 32);
  CHECK(answer[0].text() == "word");
  CHECK_FALSE(answer[1].has_embedding());
  CHECK_FALSE(answer[2].has_embedding());
}

TEST_CASE("a dimension out of range is refused") {
  CHECK_THROWS_WITH_AS(HashingEncoder(ExecutorConfig(ValueMap{{"dim", 4}})),
                       "with.dim is 4, expected an int from 8 to 65536", ConfigError);
}

}  // namespace
}  // namespace flow::executors::testing
