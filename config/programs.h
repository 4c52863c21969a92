// Which program an executor's `uses` means. Looks at the file system, changes nothing.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace flow::config {

// The executors that flow-worker has inside, by the name `uses` gives them; "BaseExecutor" too.
std::span<const std::string_view> builtin_executors();
bool is_builtin(std::string_view uses);

// The program to start for `uses`, as an absolute path:
//   with a "/": that path, from `flow_file_dir`;
//   a built-in: flow-worker in `builtin_dir` (just "flow-worker", unchecked, if that is empty);
//   else the first found in `executor_path` (folders with ":" between), `flow_file_dir`, `path`.
// kNotFound names the places that were searched; kInvalidArgument: it is there but cannot be run.
Result<std::string> find_program(std::string_view uses, std::string_view flow_file_dir,
                                 std::string_view executor_path, std::string_view path,
                                 std::string_view builtin_dir);

}  // namespace flow::config
