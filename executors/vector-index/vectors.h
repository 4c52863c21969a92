// The embeddings of an index: a matrix of float32 rows and exact search in it.
//
// Row = slot of the DocumentStore. Rows of removed documents stay, marked dead, until the store
// numbers its slots anew. Memory: 4 * dim + 8 bytes a row. One thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "executors/index_store/index_view.h"
#include "executors/index_store/top_k.h"
#include "executors/vector-index/kernels.h"

namespace flow::executors {

enum class Metric { kCosine, kInnerProduct, kL2 };

class Vectors final : public IndexView {
 public:
  explicit Vectors(Metric metric);

  // 0 until the first row came.
  std::size_t dim() const { return dim_; }
  std::size_t rows() const { return alive_.size(); }

  // The `top` best live rows for each query, best first; `score` is better when higher (a negated
  // distance for l2; see shown_score). Every query has dim() numbers. All queries share one pass
  // over the matrix. Of equal rows the older by `versions` (by slot) is better, see top_k.h.
  std::vector<std::vector<Hit>> search(const std::vector<std::span<const float>>& queries,
                                       std::size_t top, Versions versions = {}) const;

  // The number users see for a Hit's score.
  double shown_score(double score) const;

  Status check(std::span<const wire::Document> documents,
               std::span<const std::byte> attachment) const override;
  Status added(Slot first, std::span<const wire::Document> documents,
               std::span<const std::byte> attachment) override;
  void removed(Slot slot, const wire::Document& document) override;
  void renumbered(std::span<const Slot> now, std::size_t live) override;
  void append_attachment(Slot slot, std::vector<std::byte>& out) const override;

 private:
  Status fits(std::size_t count, std::size_t bytes) const;
  void search_block(std::span<const float> query, float query_scale, std::size_t begin,
                    std::size_t end, TopK& best) const;
  std::span<const float> row(Slot slot) const { return {&numbers_[slot * dim_], dim_}; }

  Metric metric_;
  RowKernel kernel_;
  RowKernel dot_;
  std::size_t dim_ = 0;
  std::vector<float> numbers_;  // row after row
  std::vector<float> scale_;    // cosine: 1 / length of each row
  std::vector<char> alive_;
};

}  // namespace flow::executors
