#include "executors/text-index/postings.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace flow::executors {
namespace {

constexpr std::uint32_t kDead = std::numeric_limits<std::uint32_t>::max();

void append_varint(std::vector<std::uint8_t>& out, std::uint32_t number) {
  for (; number >= 0x80; number >>= 7)
    out.push_back(static_cast<std::uint8_t>(number | 0x80));
  out.push_back(static_cast<std::uint8_t>(number));
}

std::uint32_t read_varint(const std::uint8_t*& at) {
  std::uint32_t number = 0;
  for (int shift = 0;; shift += 7) {
    const std::uint32_t byte = *at++;
    number |= (byte & 0x7F) << shift;
    if (byte < 0x80) return number;
  }
}

// Calls visit(slot, frequency) for every posting.
template <typename Visit>
void for_each_posting(const std::vector<std::uint8_t>& bytes, const Visit& visit) {
  const std::uint8_t* at = bytes.data();
  const std::uint8_t* const end = at + bytes.size();
  Slot next = 0;
  while (at != end) {
    const Slot slot = next + read_varint(at);
    visit(slot, read_varint(at));
    next = slot + 1;
  }
}

}  // namespace

std::size_t Postings::WordHash::operator()(std::string_view word) const {
  return XXH3_64bits(word.data(), word.size());
}

const Postings::Counts& Postings::count_words(std::string_view text) {
  counts_.clear();
  for (const Token& token : tokenizer_.tokens_of(text))
    counts_.emplace_back(token.text, 1);
  std::sort(counts_.begin(), counts_.end());
  std::size_t kept = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (kept > 0 && counts_[kept - 1].first == counts_[i].first) {
      ++counts_[kept - 1].second;
    } else {
      counts_[kept++] = counts_[i];
    }
  }
  counts_.resize(kept);
  return counts_;
}

Status Postings::check(std::span<const wire::Document>,
                       std::span<const std::byte> attachment) const {
  if (attachment.empty()) return {};
  return Error{Errc::kInvalidArgument, "holds numbers beside its documents"};
}

Status Postings::added(Slot first, std::span<const wire::Document> documents,
                       std::span<const std::byte>) {
  for (std::size_t i = 0; i < documents.size(); ++i) {
    std::uint32_t length = 0;
    for (const auto& [word, frequency] : count_words(documents[i].text())) {
      auto found = lists_.find(word);
      if (found == lists_.end()) found = lists_.try_emplace(std::string(word)).first;
      append(found->second, static_cast<Slot>(first + i), frequency);
      ++found->second.live;
      length += frequency;
    }
    lengths_.push_back(length);
    scores_.push_back(0);
    total_length_ += length;
    ++live_;
  }
  return {};
}

void Postings::append(List& list, Slot slot, std::uint32_t frequency) {
  append_varint(list.bytes, slot - list.next);
  append_varint(list.bytes, frequency);
  list.next = slot + 1;
}

void Postings::removed(Slot slot, const wire::Document& document) {
  for (const auto& counted : count_words(document.text())) {
    const auto found = lists_.find(counted.first);
    if (found != lists_.end() && --found->second.live == 0) lists_.erase(found);
  }
  total_length_ -= lengths_[slot];
  lengths_[slot] = kDead;
  --live_;
}

void Postings::renumbered(std::span<const Slot> now, std::size_t live) {
  for (auto& entry : lists_) {
    List fresh;
    for_each_posting(entry.second.bytes, [&fresh, now](Slot slot, std::uint32_t frequency) {
      if (now[slot] != kNoSlot) append(fresh, now[slot], frequency);
    });
    fresh.live = entry.second.live;
    fresh.bytes.shrink_to_fit();
    entry.second = std::move(fresh);
  }
  for (std::size_t old = 0; old < now.size(); ++old) {
    if (now[old] != kNoSlot) lengths_[now[old]] = lengths_[old];
  }
  lengths_.resize(live);
  scores_.assign(live, 0);
}

void Postings::append_attachment(Slot, std::vector<std::byte>&) const {}

std::vector<Postings::QueryWord> Postings::words_of(std::string_view query) {
  std::vector<QueryWord> words;
  const auto total = static_cast<double>(live_);
  for (const auto& [word, count] : count_words(query)) {
    const auto found = lists_.find(word);
    if (found == lists_.end()) continue;
    const auto with_word = static_cast<double>(found->second.live);
    const double idf = std::log(1.0 + (total - with_word + 0.5) / (with_word + 0.5));
    words.push_back({&found->second, idf * count});
  }
  std::sort(words.begin(), words.end(),
            [](const QueryWord& a, const QueryWord& b) { return a.list->live < b.list->live; });
  return words;
}

// Rare words first: once the best `top` are ahead by more than all words left can add, documents
// that have only those words need no look.
std::vector<Hit> Postings::search(std::string_view query, std::size_t top, Versions versions) {
  const std::vector<QueryWord> words = words_of(query);
  double can_add = 0;
  for (const QueryWord& word : words)
    can_add += word.idf * (parameters_.k1 + 1);
  double could_have = 0;
  bool known_only = false;
  for (const QueryWord& word : words) {
    const bool hopeful = !known_only && could_have > can_add && touched_.size() >= top;
    known_only = known_only || (hopeful && bar_of(top) > can_add * (1 + 1e-9));
    accumulate(word, known_only);
    can_add -= word.idf * (parameters_.k1 + 1);
    could_have += word.idf * (parameters_.k1 + 1);
  }
  TopK best(std::max<std::size_t>(top, 1), versions);
  for (const Slot slot : touched_) {
    best.offer({scores_[slot], slot});
    scores_[slot] = 0;
  }
  touched_.clear();
  return best.take();
}

void Postings::accumulate(const QueryWord& word, bool known_only) {
  const double mean = static_cast<double>(total_length_) / static_cast<double>(live_);
  const double fixed = parameters_.k1 * (1 - parameters_.b);
  const double per_token = mean > 0 ? parameters_.k1 * parameters_.b / mean : 0;
  for_each_posting(word.list->bytes, [&](Slot slot, std::uint32_t frequency) {
    if (lengths_[slot] == kDead) return;
    double& score = scores_[slot];
    if (score == 0) {
      if (known_only) return;
      touched_.push_back(slot);
    }
    const double f = frequency;
    score += word.idf * f * (parameters_.k1 + 1) / (f + fixed + per_token * lengths_[slot]);
  });
}

double Postings::bar_of(std::size_t top) const {
  TopK best(top);
  for (const Slot slot : touched_)
    best.offer({scores_[slot], slot});
  return best.bar();
}

}  // namespace flow::executors
