#include "executors/text-index/text_index.h"

#include <utility>

#include "executors/index_store/indexing.h"
#include "executors/settings/settings.h"

namespace flow::executors {
namespace {

Bm25 parameters_of(const ExecutorConfig& config) {
  return {number_between(config, "k1", 1.2, 0, 1000), number_between(config, "b", 0.75, 0, 1)};
}

}  // namespace

TextIndex::TextIndex(const ExecutorConfig& config)
    : top_(static_cast<std::size_t>(int_between(config, "top", 10, 1, kMaxTop))),
      postings_(parameters_of(config)),
      store_(open_store(config, "text-index", postings_)) {
  on("/index", &TextIndex::index);
  on("/update", &TextIndex::update);
  on("/delete", &TextIndex::remove);
  on("/search", &TextIndex::search);
}

void TextIndex::index(Documents& documents, const Request& request) {
  put(documents, request.version());
}

void TextIndex::update(Documents& documents, const Request& request) {
  if (!request.catching_up()) require_known(*store_, documents);
  put(documents, request.version());
}

void TextIndex::remove(Documents& documents, const Request& request) {
  require(store_->remove(ids_of(documents), request.version()));
}

void TextIndex::put(const Documents& documents, WriteVersion version) {
  require_ids(documents);
  Documents stored;
  stored.reserve(documents.size());
  for (const Document& document : documents) {
    Document bare = document;
    if (bare.has_embedding()) bare.change().embedding.reset();
    stored.push_back(std::move(bare));
  }
  require(store_->put(stored, {}, version));
}

void TextIndex::search(Documents& documents, const Request& request) {
  const std::size_t top = top_of(request, top_);
  for (Document& document : documents) {
    for (const Hit& hit : postings_.search(document.text(), top, store_->versions())) {
      add_match(document, *store_->at(hit.slot), "bm25", hit.score);
    }
  }
}

void TextIndex::close() {
  store_.reset();
}

}  // namespace flow::executors
