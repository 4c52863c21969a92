// Runs the handlers of an Executor.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "execution.h"
#include "flow/executor.h"

namespace flow::worker {

// The endpoint of a handler for every endpoint that is not bound itself.
inline constexpr std::string_view kCatchAll = "/default";

// Is told when a handler is entered and left, so that another thread can see it.
class ExecutionWatch {
 public:
  virtual ~ExecutionWatch() = default;

  // For these requests, one or more; they are the caller's, and may be gone when this is back.
  virtual void enter(std::span<const Running> requests, Instant now) = 0;
  virtual void leave() = 0;
};

// "Type: text" of the exception being handled, with the type's name as the source spells it.
std::string describe_exception();

// The data thread owns one. What a handler throws becomes kExecutorError with the exception's type
// and text; a payload that does not verify becomes kInvalidArgument, a dictionary result above
// kMaxResultBytes kTooLarge. All references outlive it.
class HandlerExecution final : public Execution {
 public:
  // `executor_name` is whose parameters the handlers see. The executor binds nothing any more.
  HandlerExecution(const Executor& executor, std::string executor_name, const Clock& clock,
                   ExecutionWatch& watch);
  ~HandlerExecution() override;

  // What Request::catching_up() says from now on; false at first.
  void set_catching_up(bool catching_up) override;

  // kInvalidArgument when an endpoint is bound twice.
  Status check() const;

  bool wants_matrix(std::string_view endpoint) const override;
  bool run(Ticket ticket, const wire::PartHeader& header, Contents& contents, Instant begun,
           Duration remaining, Executed& executed) override;
  void together(std::span<const Running> requests) override { together_ = requests; }
  Instant now() const override { return clock_.now(); }

 private:
  class Call;

  const Executor::Binding* find(std::string_view endpoint) const;

  const Executor& executor_;
  const Clock& clock_;
  ExecutionWatch& watch_;
  std::span<const Running> together_;  // for the next run()
  std::unique_ptr<Call> call_;
  const Executor::Binding* catch_all_ = nullptr;
};

}  // namespace flow::worker
