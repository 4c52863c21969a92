// add-text: `with.text` is added to the end of the text of every document. Other fields stay.
#pragma once

#include <string>

#include "flow/executor.h"

namespace flow::executors {

class AddText : public Executor {
 public:
  explicit AddText(const ExecutorConfig& config);
  void add(Documents& documents, const Request& request);

 private:
  std::string text_;
};

}  // namespace flow::executors
