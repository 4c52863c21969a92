// text-index: documents by the words of their text, ranked by BM25, kept in its workspace.
//
//   /index   stores the documents; one with a known id is replaced. Without text it is found by
//            nothing
//   /update  the same, but an unknown id is an error and then nothing is stored. While this replica
//            catches up it is no error
//   /delete  removes by id; unknown ids are ignored
//   /search  adds to each document the best stored ones that share a word with its text as matches
//            with the score `bm25`, best first, of equal ones the one written earlier first. A
//            match is the stored document without its embedding
//
// A write older than what is stored of a document is ignored for it (document_store.h).
//
// `with`: top (10), k1 (1.2), b (0.75), fsync ("none", "interval", "always"), max_documents. The
// request parameter `top` goes over `with.top`. Words: executors/text/tokens.h.
#pragma once

#include <memory>

#include "executors/index_store/document_store.h"
#include "executors/text-index/postings.h"
#include "flow/executor.h"

namespace flow::executors {

class TextIndex : public Executor {
 public:
  // Loads what the workspace holds.
  explicit TextIndex(const ExecutorConfig& config);

  void index(Documents& documents, const Request& request);
  void update(Documents& documents, const Request& request);
  void remove(Documents& documents, const Request& request);
  void search(Documents& documents, const Request& request);
  void close() override;
  Replicated* replicated() override { return store_.get(); }

 private:
  void put(const Documents& documents, WriteVersion version);

  std::size_t top_;
  Postings postings_;
  std::unique_ptr<DocumentStore> store_;
};

}  // namespace flow::executors
