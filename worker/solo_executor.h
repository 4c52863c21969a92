// Runs the handlers of one executor for requests that are not part of any flow of ours.
#pragma once

#include <memory>

#include "base/result.h"
#include "base/time.h"
#include "contents.h"
#include "flow/executor.h"
#include "handlers.h"
#include "listener_core.h"
#include "wire/document_ids.h"
#include "wire/part.h"

namespace flow::worker {

// One thread constructs, uses and destroys it.
class SoloExecutor {
 public:
  // `config` and `clock` outlive it; `incarnation` is in the ids that handlers see.
  SoloExecutor(const ExecutorConfig& config, InstanceId incarnation, const Clock& clock);
  ~SoloExecutor();

  // Constructs the executor; see start_executor().
  Status start(const ExecutorFactory& factory);

  // Executes one request; what goes wrong is in the result.
  WorkDone run(Work work, std::uint64_t max_bytes);

  void close();

 private:
  // Nobody watches: the listener ends requests by their deadlines.
  class NoWatch final : public ExecutionWatch {
    void enter(std::span<const Running>, Instant) override {}
    void leave() override {}
  };

  Result<Bytes> execute(Work& work, WorkDone& done, std::uint64_t max_bytes);

  const ExecutorConfig& config_;
  const InstanceId incarnation_;
  const Clock& clock_;
  NoWatch watch_;
  Contents contents_;
  wire::DocumentIds ids_;
  wire::PartHeader header_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<HandlerExecution> execution_;
};

}  // namespace flow::worker
