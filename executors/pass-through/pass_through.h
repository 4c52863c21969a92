// pass-through: answers every request with what it got. The default of `uses`.
#pragma once

#include "flow/executor.h"

namespace flow::executors {

class PassThrough : public Executor {
 public:
  explicit PassThrough(const ExecutorConfig& config);
  void pass(const Request& request);
};

}  // namespace flow::executors
