#include "executors/vector-index/vector_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "executors/index_store/indexing.h"
#include "executors/settings/settings.h"

namespace flow::executors {
namespace {

Metric metric_named(std::string_view name) {
  if (name == "ip") return Metric::kInnerProduct;
  return name == "l2" ? Metric::kL2 : Metric::kCosine;
}

}  // namespace

VectorIndex::VectorIndex(const ExecutorConfig& config)
    : metric_(one_of(config, "metric", "cosine", {"cosine", "ip", "l2"})),
      top_(static_cast<std::size_t>(int_between(config, "top", 10, 1, kMaxTop))),
      vectors_(metric_named(metric_)),
      store_(open_store(config, "vector-index", vectors_)) {
  on("/index", &VectorIndex::index);
  on("/update", &VectorIndex::update);
  on("/delete", &VectorIndex::remove);
  on("/search", &VectorIndex::search);
}

void VectorIndex::index(Documents& documents, const Request& request) {
  put(documents, request.version());
}

void VectorIndex::update(Documents& documents, const Request& request) {
  if (!request.catching_up()) require_known(*store_, documents);
  put(documents, request.version());
}

void VectorIndex::remove(Documents& documents, const Request& request) {
  require(store_->remove(ids_of(documents), request.version()));
}

void VectorIndex::put(const Documents& documents, WriteVersion version) {
  require_ids(documents);
  std::size_t dim = vectors_.dim();
  std::vector<std::byte> numbers;
  Documents stored;
  stored.reserve(documents.size());
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const auto embedding = embedding_of(documents[i], i, dim);
    dim = embedding.size();
    const auto bytes = std::as_bytes(embedding);
    numbers.insert(numbers.end(), bytes.begin(), bytes.end());
    Document bare = documents[i];
    bare.change().embedding.reset();
    stored.push_back(std::move(bare));
  }
  require(store_->put(stored, numbers, version));
}

void VectorIndex::search(Documents& documents, const Request& request) {
  const std::size_t top = top_of(request, top_);
  if (store_->size() == 0) return;
  std::vector<std::span<const float>> queries;
  queries.reserve(documents.size());
  for (std::size_t i = 0; i < documents.size(); ++i) {
    queries.push_back(embedding_of(documents[i], i, vectors_.dim()));
  }
  const auto hits = vectors_.search(queries, top, store_->versions());
  for (std::size_t i = 0; i < documents.size(); ++i) {
    for (const Hit& hit : hits[i]) {
      add_match(documents[i], *store_->at(hit.slot), metric_, vectors_.shown_score(hit.score));
    }
  }
}

std::span<const float> VectorIndex::embedding_of(const Document& document, std::size_t position,
                                                 std::size_t dim) const {
  const auto numbers = document.embedding_floats();
  const std::string name = name_of(document, position);
  if (numbers.empty()) {
    throw std::invalid_argument(
        document.has_embedding()
            ? fmt::format("the embedding of document {} is empty or not of type float32", name)
            : fmt::format("document {} has no embedding", name));
  }
  if (dim != 0 && numbers.size() != dim) {
    throw std::invalid_argument(
        fmt::format("the embedding of document {} has {} numbers, the index has {}", name,
                    numbers.size(), dim));
  }
  if (!std::all_of(numbers.begin(), numbers.end(), [](float x) { return std::isfinite(x); })) {
    throw std::invalid_argument(
        fmt::format("the embedding of document {} holds a number that is not finite", name));
  }
  return numbers;
}

void VectorIndex::close() {
  store_.reset();
}

}  // namespace flow::executors
