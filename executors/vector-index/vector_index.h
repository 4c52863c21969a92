// vector-index: exact nearest documents by embedding, kept in its workspace.
//
//   /index   stores the documents; one with a known id is replaced
//   /update  the same, but an unknown id is an error and then nothing is stored. While this replica
//            catches up it is no error
//   /delete  removes by id; unknown ids are ignored
//   /search  adds to each document its nearest stored ones as matches, best first, of equal ones
//            the one written earlier first. A match is the stored document without its embedding,
//            with the score `cosine`, `ip` or `l2` (the distance: smaller is better)
//
// A write older than what is stored of a document is ignored for it (document_store.h).
//
// `with`: metric, top (10), fsync ("none", "interval", "always"), max_documents. The request
// parameter `top` goes over `with.top`. A document without embedding, with another type than
// float32, with a number that is not finite or of another dimension than the index fails the
// request with an error that names it, and nothing of the request is stored.
#pragma once

#include <memory>
#include <string>

#include "executors/index_store/document_store.h"
#include "executors/vector-index/vectors.h"
#include "flow/executor.h"

namespace flow::executors {

class VectorIndex : public Executor {
 public:
  // Loads what the workspace holds.
  explicit VectorIndex(const ExecutorConfig& config);

  void index(Documents& documents, const Request& request);
  void update(Documents& documents, const Request& request);
  void remove(Documents& documents, const Request& request);
  void search(Documents& documents, const Request& request);
  void close() override;
  Replicated* replicated() override { return store_.get(); }

 private:
  void put(const Documents& documents, WriteVersion version);
  std::span<const float> embedding_of(const Document& document, std::size_t position,
                                      std::size_t dim) const;

  std::string metric_;
  std::size_t top_;
  Vectors vectors_;
  std::unique_ptr<DocumentStore> store_;
};

}  // namespace flow::executors
