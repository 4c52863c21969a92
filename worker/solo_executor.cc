#include "solo_executor.h"

#include <fmt/format.h>

#include <utility>

#include "executor_start.h"
#include "wire/value_codec.h"

namespace flow::worker {
namespace {

constexpr std::string_view kCaller = "gateway";  // whom documents come from, for a matrix

}  // namespace

SoloExecutor::SoloExecutor(const ExecutorConfig& config, InstanceId incarnation, const Clock& clock)
    : config_(config),
      incarnation_(incarnation),
      clock_(clock),
      ids_((std::uint64_t{incarnation.value} << 32U) ^
           static_cast<std::uint64_t>(clock.now().time_since_epoch().count())) {
  contents_.set_first_need(kCaller);
}

SoloExecutor::~SoloExecutor() = default;

Status SoloExecutor::start(const ExecutorFactory& factory) {
  Result<std::unique_ptr<Executor>> executor = start_executor(factory, config_);
  if (!executor) return std::move(executor).error();
  executor_ = std::move(*executor);
  execution_ = std::make_unique<HandlerExecution>(*executor_, config_.name, clock_, watch_);
  return execution_->check();
}

WorkDone SoloExecutor::run(Work work, std::uint64_t max_bytes) {
  WorkDone done;
  done.number = work.number;
  Result<Bytes> payload = execute(work, done, max_bytes);
  if (payload) {
    done.payload = *std::move(payload);
    return done;
  }
  done.failure = std::make_unique<wire::Failure>(
      wire::Failure{payload.error().code, payload.error().message, config_.name, config_.instance});
  done.payload = std::move(work.payload);
  return done;
}

Result<Bytes> SoloExecutor::execute(Work& work, WorkDone& done, std::uint64_t max_bytes) {
  done.begun = done.ended = clock_.now();
  if (done.begun >= work.deadline) {
    work.payload = Bytes();
    return Error{Errc::kDeadlineExceeded,
                 fmt::format("the time was up before {} began", config_.name)};
  }
  if (work.passes) return work.payload;
  header_.request = {incarnation_, work.number};
  header_.endpoint = std::move(work.endpoint);
  header_.parameters = std::move(work.parameters);
  contents_.reset(work.payload);
  // Handlers run at once: there is always an outcome.
  Executed executed;
  execution_->run({}, header_, contents_, done.begun, work.deadline - done.begun, executed);
  done.executed = true;
  done.ended = executed.ended;
  if (executed.error) return *std::move(executed.error);
  if (executed.results) {
    ValueMap named;
    named.set(config_.instance, *std::move(executed.results));
    done.results = wire::encode_value(named);
  }
  return contents_.finish(max_bytes, ids_);
}

void SoloExecutor::close() {
  if (executor_ != nullptr) close_executor(*executor_, config_.instance);
}

}  // namespace flow::worker
