#include "config/programs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/text.h"

namespace flow::config {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWorker = "flow-worker";
constexpr std::array<std::string_view, 15> kBuiltins = {
    "pass-through", "append",      "set-text",    "add-text",        "append-name",
    "sleep",        "fail",        "record",      "hashing-encoder", "vector-index",
    "text-index",   "rank-fusion", "add-matches", "match-merger",    "BaseExecutor"};

enum class Found { kProgram, kNothing, kNoProgram };

Found look_at(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (error || !fs::exists(status)) return Found::kNothing;
  const bool runs = fs::is_regular_file(status) && ::access(path.c_str(), X_OK) == 0;
  return runs ? Found::kProgram : Found::kNoProgram;
}

std::string absolute_path(const fs::path& path) {
  std::error_code error;
  const fs::path full = fs::absolute(path, error);
  return (error ? path : full).lexically_normal().string();
}

Error not_executable(std::string_view uses, const fs::path& path) {
  return {Errc::kInvalidArgument,
          fmt::format("'{}' is not a program: {} is a folder or may not be executed", uses,
                      path.lexically_normal().string())};
}

void append_folders(std::vector<fs::path>& folders, std::string_view list) {
  for (const std::string_view folder : split(list, ':')) {
    if (!folder.empty()) folders.emplace_back(folder);
  }
}

}  // namespace

std::span<const std::string_view> builtin_executors() {
  return kBuiltins;
}

bool is_builtin(std::string_view uses) {
  return std::ranges::find(kBuiltins, uses) != kBuiltins.end();
}

Result<std::string> find_program(std::string_view uses, std::string_view flow_file_dir,
                                 std::string_view executor_path, std::string_view path,
                                 std::string_view builtin_dir) {
  const fs::path beside(flow_file_dir.empty() ? "." : flow_file_dir);
  if (uses.find('/') != std::string_view::npos) {
    const fs::path program = beside / uses;
    switch (look_at(program)) {
      case Found::kProgram: return absolute_path(program);
      case Found::kNoProgram: return not_executable(uses, program);
      case Found::kNothing: break;
    }
    return Error{Errc::kNotFound,
                 fmt::format("there is no program {}", program.lexically_normal().string())};
  }
  if (is_builtin(uses)) {
    if (builtin_dir.empty()) return std::string(kWorker);
    const fs::path worker = fs::path(builtin_dir) / kWorker;
    if (look_at(worker) == Found::kProgram) return absolute_path(worker);
    return Error{Errc::kNotFound,
                 fmt::format("the built-in executor '{}' is run by {}, which is not there", uses,
                             worker.string())};
  }
  std::vector<fs::path> folders;
  append_folders(folders, executor_path);
  folders.push_back(beside);
  append_folders(folders, path);
  std::vector<std::string> searched = {"the built-in executors"};
  fs::path no_program;
  for (const fs::path& folder : folders) {
    const Found found = look_at(folder / uses);
    if (found == Found::kProgram) return absolute_path(folder / uses);
    if (found == Found::kNoProgram && no_program.empty()) no_program = folder / uses;
    searched.push_back(folder.string());
  }
  if (!no_program.empty()) return not_executable(uses, no_program);
  return Error{Errc::kNotFound, fmt::format("there is no program '{}'; searched: {}", uses,
                                            fmt::join(searched, ", "))};
}

}  // namespace flow::config
