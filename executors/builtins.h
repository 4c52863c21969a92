// The executors that come with Flow, by the name flow files use. docs/executors.md describes them.
#pragma once

#include <vector>

#include "flow/executor.h"

namespace flow::executors {

std::vector<NamedExecutor> builtins();

}  // namespace flow::executors
