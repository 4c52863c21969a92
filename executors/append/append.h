// append: adds one document with text `with.text` to the end of the list, with an id of its own.
#pragma once

#include <string>

#include "executors/settings/settings.h"
#include "flow/executor.h"

namespace flow::executors {

class Append : public Executor {
 public:
  explicit Append(const ExecutorConfig& config);
  void append(Documents& documents, const Request& request);

 private:
  std::string text_;
  IdSource ids_;
};

// A document with this id and text.
Document document_with(std::string id, std::string_view text);

}  // namespace flow::executors
