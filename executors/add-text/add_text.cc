#include "executors/add-text/add_text.h"

namespace flow::executors {

AddText::AddText(const ExecutorConfig& config) : text_(config.get("text", "")) {
  on_default(&AddText::add);
}

void AddText::add(Documents& documents, const Request&) {
  for (Document& document : documents)
    document.change().text += text_;
}

}  // namespace flow::executors
