// fail: fails requests with `with.message`; each `with.every`-th request this instance gets, all
// of them by default. Others pass.
#pragma once

#include <cstdint>
#include <string>

#include "flow/executor.h"

namespace flow::executors {

class Fail : public Executor {
 public:
  explicit Fail(const ExecutorConfig& config);
  void fail(const Request& request);  // throws std::runtime_error

 private:
  std::string message_;
  std::int64_t every_;
  std::int64_t seen_ = 0;
};

}  // namespace flow::executors
