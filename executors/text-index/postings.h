// The inverted index of the text index: for each word the documents it is in, and BM25 over them.
//
// Score of a document d for a query (Robertson, Zaragoza: The Probabilistic Relevance Framework:
// BM25 and Beyond, 2009; the idf with 1 added inside the logarithm, so that it is never negative):
//
//   sum over words w of the query:  ln(1 + (N - n + 0.5) / (n + 0.5)) * f * (k1 + 1)
//                                   / (f + k1 * (1 - b + b * length(d) / mean length))
//
// N live documents, n of them with w, f times w in d, length in tokens. A word that occurs twice in
// the query counts twice. A posting takes two bytes or a little more (gap to the slot before,
// f); removed documents leave theirs behind until the store numbers its slots anew, but count in no
// statistic. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "executors/index_store/index_view.h"
#include "executors/index_store/top_k.h"
#include "executors/text/tokens.h"

namespace flow::executors {

struct Bm25 {
  double k1 = 1.2;
  double b = 0.75;
};

class Postings final : public IndexView {
 public:
  explicit Postings(Bm25 parameters) : parameters_(parameters) {}

  // The `top` best live documents that share a word with the query, best first; of equal ones the
  // older by `versions` (by slot), see top_k.h.
  std::vector<Hit> search(std::string_view query, std::size_t top, Versions versions = {});

  std::size_t words() const { return lists_.size(); }

  Status check(std::span<const wire::Document> documents,
               std::span<const std::byte> attachment) const override;
  Status added(Slot first, std::span<const wire::Document> documents,
               std::span<const std::byte> attachment) override;
  void removed(Slot slot, const wire::Document& document) override;
  void renumbered(std::span<const Slot> now, std::size_t live) override;
  void append_attachment(Slot slot, std::vector<std::byte>& out) const override;

 private:
  struct List {
    std::vector<std::uint8_t> bytes;  // for each posting: gap, then f, as varints
    Slot next = 0;                    // one above the last slot
    std::uint32_t live = 0;           // documents alive with this word
  };
  struct QueryWord {
    const List* list = nullptr;
    double idf = 0;  // times how often the query has it
  };
  struct WordHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view word) const;
  };
  using Counts = std::vector<std::pair<std::string_view, std::uint32_t>>;

  // How often each word occurs, sorted by word. Valid until the next call.
  const Counts& count_words(std::string_view text);
  std::vector<QueryWord> words_of(std::string_view query);
  void accumulate(const QueryWord& word, bool known_only);
  double bar_of(std::size_t top) const;
  static void append(List& list, Slot slot, std::uint32_t frequency);

  Bm25 parameters_;
  std::unordered_map<std::string, List, WordHash, std::equal_to<>> lists_;
  std::vector<std::uint32_t> lengths_;  // by slot; kDead for removed ones
  std::uint64_t total_length_ = 0;
  std::size_t live_ = 0;

  Tokenizer tokenizer_;
  Counts counts_;
  std::vector<double> scores_;  // by slot, zero between searches
  std::vector<Slot> touched_;
};

}  // namespace flow::executors
