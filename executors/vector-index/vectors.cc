#include "executors/vector-index/vectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace flow::executors {
namespace {

constexpr std::size_t kBlock = 128;  // rows that stay in the cache while all queries pass

float inverse_length(float squared) {
  return squared > 0 ? 1.0F / std::sqrt(squared) : 0.0F;
}

}  // namespace

Vectors::Vectors(Metric metric)
    : metric_(metric),
      kernel_(metric == Metric::kL2 ? squared_distance_kernel() : dot_kernel()),
      dot_(dot_kernel()) {}

std::vector<std::vector<Hit>> Vectors::search(const std::vector<std::span<const float>>& queries,
                                              std::size_t top, Versions versions) const {
  std::vector<TopK> best(queries.size(), TopK(std::max<std::size_t>(top, 1), versions));
  std::vector<float> scales(queries.size(), 1.0F);
  if (metric_ == Metric::kCosine) {
    for (std::size_t q = 0; q < queries.size(); ++q) {
      float squared = 0;
      dot_(queries[q].data(), queries[q].data(), 1, queries[q].size(), &squared);
      scales[q] = inverse_length(squared);
    }
  }
  for (std::size_t begin = 0; begin < rows(); begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, rows());
    for (std::size_t q = 0; q < queries.size(); ++q) {
      search_block(queries[q], scales[q], begin, end, best[q]);
    }
  }
  std::vector<std::vector<Hit>> hits;
  hits.reserve(queries.size());
  for (TopK& one : best)
    hits.push_back(one.take());
  return hits;
}

void Vectors::search_block(std::span<const float> query, float query_scale, std::size_t begin,
                           std::size_t end, TopK& best) const {
  std::array<float, kBlock> scores;  // NOLINT: written by the kernel
  kernel_(query.data(), &numbers_[begin * dim_], end - begin, dim_, scores.data());
  for (std::size_t i = begin; i < end; ++i) {
    float score = scores[i - begin];
    if (metric_ == Metric::kCosine) score *= query_scale * scale_[i];
    if (metric_ == Metric::kL2) score = -score;
    if (best.wants(score) && alive_[i] != 0) best.offer({score, static_cast<Slot>(i)});
  }
}

double Vectors::shown_score(double score) const {
  return metric_ == Metric::kL2 ? std::sqrt(std::max(0.0, -score)) : score;
}

// One row of numbers for each document, as long as those that are here.
Status Vectors::fits(std::size_t count, std::size_t bytes) const {
  const std::size_t dim = bytes / sizeof(float) / count;
  if (dim != 0 && dim * count * sizeof(float) == bytes && (dim_ == 0 || dim == dim_)) return {};
  return Error{Errc::kInternal, fmt::format("holds {} documents with {} bytes of embeddings, "
                                            "expected {} numbers each",
                                            count, bytes, dim_)};
}

Status Vectors::check(std::span<const wire::Document> documents,
                      std::span<const std::byte> attachment) const {
  if (Status status = fits(documents.size(), attachment.size()); !status) return status;
  for (std::size_t at = 0; at < attachment.size(); at += sizeof(float)) {
    float number = 0;
    std::memcpy(&number, attachment.data() + at, sizeof number);
    if (!std::isfinite(number)) {
      return Error{Errc::kInvalidArgument, "holds an embedding with a number that is not finite"};
    }
  }
  return {};
}

Status Vectors::added(Slot first, std::span<const wire::Document> documents,
                      std::span<const std::byte> attachment) {
  const std::size_t count = documents.size();
  if (Status status = fits(count, attachment.size()); !status) return status;
  if (first != rows()) return Error{Errc::kInternal, "holds documents that are not the next ones"};
  const std::size_t dim = attachment.size() / sizeof(float) / count;
  dim_ = dim;
  const std::size_t old = numbers_.size();
  numbers_.resize(old + count * dim);
  std::memcpy(&numbers_[old], attachment.data(), attachment.size());
  for (std::size_t i = 0; i < count; ++i) {
    const float* added = &numbers_[old + i * dim];
    float squared = 0;
    dot_(added, added, 1, dim, &squared);
    scale_.push_back(inverse_length(squared));
    alive_.push_back(1);
  }
  return {};
}

void Vectors::removed(Slot slot, const wire::Document&) {
  alive_[slot] = 0;
}

void Vectors::renumbered(std::span<const Slot> now, std::size_t live) {
  for (std::size_t old = 0; old < now.size(); ++old) {
    if (now[old] == kNoSlot || now[old] == old) continue;
    std::memmove(&numbers_[now[old] * dim_], &numbers_[old * dim_], dim_ * sizeof(float));
    scale_[now[old]] = scale_[old];
  }
  numbers_.resize(live * dim_);
  numbers_.shrink_to_fit();
  scale_.resize(live);
  alive_.assign(live, 1);
  if (live == 0) dim_ = 0;
}

void Vectors::append_attachment(Slot slot, std::vector<std::byte>& out) const {
  const auto bytes = std::as_bytes(row(slot));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace flow::executors
