#include "executors/hashing-encoder/hashing_encoder.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "executors/settings/settings.h"

namespace flow::executors {
namespace {

constexpr std::uint64_t kPieceBit = 1;  // lowest bit of a feature: a piece, not a word
constexpr float kPieceWeight = 0.5F;
constexpr std::size_t kPiece = 3;

// 1 + ln(count) for the counts that short texts have.
float damped(std::size_t count) {
  constexpr std::array<float, 5> kFew{0, 1, 1.6931472F, 2.0986123F, 2.3862944F};
  if (count < kFew.size()) return kFew[count];
  return 1.0F + std::log(static_cast<float>(count));
}

}  // namespace

std::span<const float> TextHasher::encode(std::string_view text) {
  collect(text);
  if (features_.empty()) return {};
  std::sort(features_.begin(), features_.end());
  std::fill(embedding_.begin(), embedding_.end(), 0.0F);
  for (std::size_t i = 0; i < features_.size();) {
    std::size_t next = i + 1;
    while (next < features_.size() && features_[next] == features_[i])
      ++next;
    const float kind = (features_[i] & kPieceBit) != 0 ? kPieceWeight : 1.0F;
    add(features_[i], kind * damped(next - i));
    i = next;
  }
  float sum = 0;
  for (const float value : embedding_)
    sum += value * value;
  if (sum == 0) return {};
  const float scale = 1.0F / std::sqrt(sum);
  for (float& value : embedding_)
    value *= scale;
  return embedding_;
}

void TextHasher::collect(std::string_view text) {
  features_.clear();
  for (const Token& token : tokenizer_.tokens_of(text)) {
    features_.push_back(XXH3_64bits(token.text.data(), token.text.size()) & ~kPieceBit);
    if (token.compound) continue;
    bordered_.assign(1, '^');
    bordered_.insert(bordered_.end(), token.text.begin(), token.text.end());
    bordered_.push_back('$');
    for (std::size_t i = 0; i + kPiece <= bordered_.size(); ++i) {
      features_.push_back(XXH3_64bits(bordered_.data() + i, kPiece) | kPieceBit);
    }
  }
}

// The high half of a feature picks the place, its second bit the sign.
void TextHasher::add(std::uint64_t feature, float weight) {
  const std::uint64_t place = ((feature >> 32) * embedding_.size()) >> 32;
  embedding_[place] += (feature & 2) != 0 ? weight : -weight;
}

HashingEncoder::HashingEncoder(const ExecutorConfig& config)
    : hasher_(static_cast<std::size_t>(int_between(config, "dim", 256, 8, 65'536))) {
  on_default(&HashingEncoder::encode);
}

void HashingEncoder::encode(Documents& documents, const Request&) {
  for (Document& document : documents) {
    const auto embedding = hasher_.encode(document.text());
    if (!embedding.empty()) document.set_embedding(embedding);
  }
}

}  // namespace flow::executors
