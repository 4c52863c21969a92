// An executor's birth and end, with everything it may throw turned into words.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "flow/executor.h"

namespace flow::worker {

// Constructs it. kInvalidArgument: what it was handed is wrong, also a key in `with` that it did
// not ask for; kExecutorError: its constructor threw.
Result<std::unique_ptr<Executor>> start_executor(const ExecutorFactory& factory,
                                                 const ExecutorConfig& config);

// What it throws is logged.
void close_executor(Executor& executor, const std::string& name);

}  // namespace flow::worker
