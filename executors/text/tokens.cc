#include "executors/text/tokens.h"

#include <array>

namespace flow::executors {
namespace {

// What a byte becomes: 0 between words, itself or its lower case in words.
constexpr std::array<char, 256> make_letters() {
  std::array<char, 256> letters{};
  for (int i = 0; i < 256; ++i) {
    const auto c = static_cast<char>(i);
    const bool upper = c >= 'A' && c <= 'Z';
    const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || i >= 0x80;
    letters[static_cast<std::size_t>(i)] =
        upper ? static_cast<char>(c - 'A' + 'a') : (kept ? c : '\0');
  }
  return letters;
}

constexpr std::array<char, 256> kLetters = make_letters();

char letter(char c) {
  return kLetters[static_cast<unsigned char>(c)];
}

bool joins(char c) {
  return c == '-' || c == '+' || c == '.' || c == '_';
}

}  // namespace

const std::vector<Token>& Tokenizer::tokens_of(std::string_view text) {
  tokens_.clear();
  lowered_.assign(text);
  for (char& c : lowered_) {
    if (const char lower = letter(c); lower != '\0') c = lower;
  }
  const std::string_view all = lowered_;
  const std::size_t size = all.size();
  for (std::size_t at = 0; at < size;) {
    if (letter(all[at]) == '\0') {
      ++at;
      continue;
    }
    const std::size_t start = at;
    std::size_t words = 0;
    while (true) {
      const std::size_t word = at;
      while (at < size && letter(all[at]) != '\0')
        ++at;
      tokens_.push_back({all.substr(word, at - word), false});
      ++words;
      if (at + 1 < size && joins(all[at]) && letter(all[at + 1]) != '\0') {
        ++at;
        continue;
      }
      break;
    }
    const std::size_t plain_end = at;
    while (at < size && all[at] == '+')
      ++at;
    if (words > 1 || at > plain_end) {
      tokens_.push_back({all.substr(start, at - start), true});
    }
  }
  return tokens_;
}

}  // namespace flow::executors
