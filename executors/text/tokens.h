// Text to words, for the text index and the hashing encoder.
//
// A word is a run of ASCII letters and digits, lowercased, and of bytes from 0x80 on, as they are
// (so a word of any script in UTF-8 stays one word). Words joined by single - + . _ also count as
// one compound, and a + right behind a word belongs to it:
//
//   "libzmq3-dev: C++"  ->  libzmq3  dev  libzmq3-dev*  c  c++*      (* compound)
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace flow::executors {

struct Token {
  std::string_view text;
  bool compound = false;
};

// The tokens of one text at a time; memory is kept for the next.
class Tokenizer {
 public:
  // Valid until the next call.
  const std::vector<Token>& tokens_of(std::string_view text);

 private:
  std::string lowered_;
  std::vector<Token> tokens_;
};

}  // namespace flow::executors
