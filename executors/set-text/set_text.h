// set-text: the text of every document becomes `with.text`. Other fields stay.
#pragma once

#include <string>

#include "flow/executor.h"

namespace flow::executors {

class SetText : public Executor {
 public:
  explicit SetText(const ExecutorConfig& config);
  void set(Documents& documents, const Request& request);

 private:
  std::string text_;
};

}  // namespace flow::executors
