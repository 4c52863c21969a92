#include "executors/append-name/append_name.h"

#include "executors/append/append.h"

namespace flow::executors {

AppendName::AppendName(const ExecutorConfig& config) : instance_(config.instance) {
  on_default(&AppendName::append);
}

void AppendName::append(Documents& documents, const Request&) {
  documents.push_back(document_with(ids_.next(), instance_));
}

}  // namespace flow::executors
