#include "executors/append/append.h"

#include <utility>

namespace flow::executors {

Append::Append(const ExecutorConfig& config) : text_(config.get("text", "")) {
  on_default(&Append::append);
}

void Append::append(Documents& documents, const Request&) {
  documents.push_back(document_with(ids_.next(), text_));
}

Document document_with(std::string id, std::string_view text) {
  wire::DocumentFields fields;
  fields.id = std::move(id);
  fields.text = text;
  return Document(std::move(fields));
}

}  // namespace flow::executors
