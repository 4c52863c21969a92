#include "executors/fail/fail.h"

#include <limits>
#include <stdexcept>

#include "executors/settings/settings.h"

namespace flow::executors {

Fail::Fail(const ExecutorConfig& config)
    : message_(config.get("message", "failed on purpose")),
      every_(int_between(config, "every", 1, 1, std::numeric_limits<std::int64_t>::max())) {
  on_default(&Fail::fail);
}

void Fail::fail(const Request&) {
  if (++seen_ % every_ == 0) throw std::runtime_error(message_);
}

}  // namespace flow::executors
