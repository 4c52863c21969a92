#include "executors/set-text/set_text.h"

namespace flow::executors {

SetText::SetText(const ExecutorConfig& config) : text_(config.get("text", "")) {
  on_default(&SetText::set);
}

void SetText::set(Documents& documents, const Request&) {
  for (Document& document : documents)
    document.set_text(text_);
}

}  // namespace flow::executors
