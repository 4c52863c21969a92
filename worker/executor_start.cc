#include "executor_start.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "handlers.h"

namespace flow::worker {
namespace {

Status check_unused(const ExecutorConfig& config) {
  const std::vector<std::string> unused = config.unused();
  if (unused.empty()) return {};
  const std::vector<std::string>& known = config.asked();
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  std::string message = fmt::format("unknown key '{}' in with", unused.front());
  if (const auto meant = did_you_mean(unused.front(), candidates))
    message += fmt::format("; did you mean '{}'?", *meant);
  return Error{Errc::kInvalidArgument, std::move(message)};
}

Result<std::unique_ptr<Executor>> construct(const ExecutorFactory& factory,
                                            const ExecutorConfig& config) {
  try {
    return factory(config);
  } catch (const ConfigError& error) {
    return Error{Errc::kInvalidArgument, error.what()};
  } catch (...) {
    return Error{Errc::kExecutorError, describe_exception()};
  }
}

}  // namespace

Result<std::unique_ptr<Executor>> start_executor(const ExecutorFactory& factory,
                                                 const ExecutorConfig& config) {
  Result<std::unique_ptr<Executor>> executor = construct(factory, config);
  if (!executor) return executor;
  if (Status used = check_unused(config); !used) return std::move(used).error();
  return executor;
}

void close_executor(Executor& executor, const std::string& name) {
  try {
    executor.close();
  } catch (...) {
    log::error("close() of {} failed: {}", name, describe_exception());
  }
}

}  // namespace flow::worker
