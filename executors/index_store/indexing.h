// What the endpoints of both indexes share: settings, ids, and errors as exceptions of the SDK.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "executors/index_store/document_store.h"
#include "flow/executor.h"

namespace flow::executors {

// Opens the store in the executor's workspace with `with.fsync` and `with.max_documents`.
// ConfigError for bad values and for a workspace that cannot be used.
std::unique_ptr<DocumentStore> open_store(const ExecutorConfig& config, std::string kind,
                                          IndexView& view);

// Throws std::runtime_error with the error's message.
void require(const Status& status);

// std::invalid_argument for a document without an id.
void require_ids(const Documents& documents);

// std::runtime_error naming the first document that is not stored.
void require_known(const DocumentStore& store, const Documents& documents);

std::vector<std::string> ids_of(const Documents& documents);

// Adds a stored document as a match.
void add_match(Document& query, const Document& stored, std::string_view score_name, double score);

}  // namespace flow::executors
