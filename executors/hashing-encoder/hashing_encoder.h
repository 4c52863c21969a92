// hashing-encoder: text to embedding by feature hashing, no model needed.
//
// Features are the words of the text (executors/text/tokens.h) and the 3-byte pieces of each word
// with its borders marked. Each is hashed with XXH3 to one of `with.dim` (256) places with a sign
// (Weinberger et al.: Feature Hashing for Large Scale Multitask Learning, ICML 2009), weighted by
// 1 + ln(how often it occurs), pieces half as much as words. The sum has length 1. Deterministic:
// the same text gives the same numbers everywhere. A document without text, or without a word in
// it, gets no embedding.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "executors/text/tokens.h"
#include "flow/executor.h"

namespace flow::executors {

// Turns texts into vectors of `dim` numbers. Keeps scratch memory: one thread.
class TextHasher {
 public:
  explicit TextHasher(std::size_t dim) : embedding_(dim) {}

  // Valid until the next call; empty for a text without words.
  std::span<const float> encode(std::string_view text);

 private:
  void collect(std::string_view text);
  void add(std::uint64_t feature, float weight);

  Tokenizer tokenizer_;
  std::vector<std::uint64_t> features_;
  std::vector<char> bordered_;  // a word with its borders
  std::vector<float> embedding_;
};

class HashingEncoder : public Executor {
 public:
  explicit HashingEncoder(const ExecutorConfig& config);
  void encode(Documents& documents, const Request& request);

 private:
  TextHasher hasher_;
};

}  // namespace flow::executors
