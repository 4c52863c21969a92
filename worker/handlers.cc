#include "handlers.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <optional>
#include <utility>

#include "route/parameters.h"
#include "wire/value_codec.h"

namespace flow::worker {
namespace {

// Leaves a handler that asked for something the message does not hold.
struct BadInput {
  Error error;
};

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return text == nullptr ? name : text.get();
}

}  // namespace

std::string describe_exception() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  const std::string name = type == nullptr ? "unknown exception" : demangled(type->name());
  try {
    throw;
  } catch (const std::exception& exception) {
    return fmt::format("{}: {}", name, exception.what());
  } catch (...) {
    return name;
  }
}

// Request and documents of the job at hand, as a handler sees them.
class HandlerExecution::Call final : public Executor::Call, public Request {
 public:
  explicit Call(std::string executor) : executor_(std::move(executor)) {}

  void begin(const wire::PartHeader& header, Contents& contents, Duration remaining) {
    header_ = &header;
    contents_ = &contents;
    remaining_ = remaining;
    parameters_.reset();
    results_.reset();
  }

  // What answer_results() was given, if it is small enough to travel.
  void take_results(Executed& executed) {
    if (!results_) return;
    const std::size_t bytes = wire::encode_value(*results_).size();
    if (bytes > kMaxResultBytes) {
      executed.error = {Errc::kTooLarge,
                        fmt::format("the dictionary result of executor '{}' has {} bytes, a result "
                                    "may have {}",
                                    executor_, bytes, kMaxResultBytes)};
    } else {
      executed.results = std::move(results_);
    }
    results_.reset();
  }

  const Request& request() const override { return *this; }
  Documents& documents() override {
    Result<Documents*> documents = contents_->documents();
    if (!documents) throw BadInput{std::move(documents).error()};
    return **documents;
  }
  DocumentsMatrix& matrix() override {
    Result<DocumentsMatrix*> matrix = contents_->matrix();
    if (!matrix) throw BadInput{std::move(matrix).error()};
    return **matrix;
  }
  void answer(Documents documents) override { contents_->answer(std::move(documents)); }
  void answer_results(ValueMap results) override { results_ = std::move(results); }

  std::string_view endpoint() const override { return header_->endpoint; }
  std::string id() const override {
    return fmt::format("{}-{}", header_->request.gateway.value, header_->request.sequence);
  }
  const ValueMap& parameters() const override {
    if (!parameters_) {
      Result<ValueMap> sent = wire::decode_value(header_->parameters.span());
      if (!sent) throw BadInput{std::move(sent).error()};
      parameters_ = route::parameters_for(*sent, executor_);
    }
    return *parameters_;
  }
  Duration remaining() const override { return remaining_; }
  WriteVersion version() const override { return header_->version(); }
  bool catching_up() const override { return catching_up_; }
  void set_catching_up(bool catching_up) { catching_up_ = catching_up; }

 private:
  std::string executor_;
  const wire::PartHeader* header_ = nullptr;
  Contents* contents_ = nullptr;
  Duration remaining_{};
  bool catching_up_ = false;
  mutable std::optional<ValueMap> parameters_;
  std::optional<ValueMap> results_;
};

HandlerExecution::HandlerExecution(const Executor& executor, std::string executor_name,
                                   const Clock& clock, ExecutionWatch& watch)
    : executor_(executor),
      clock_(clock),
      watch_(watch),
      call_(std::make_unique<Call>(std::move(executor_name))) {
  catch_all_ = find(kCatchAll);
}

HandlerExecution::~HandlerExecution() = default;

void HandlerExecution::set_catching_up(bool catching_up) {
  call_->set_catching_up(catching_up);
}

Status HandlerExecution::check() const {
  const auto& bindings = executor_.bindings();
  for (auto binding = bindings.begin(); binding != bindings.end(); ++binding) {
    for (auto other = bindings.begin(); other != binding; ++other) {
      if (other->endpoint == binding->endpoint) {
        return Error{Errc::kInvalidArgument,
                     fmt::format("endpoint '{}' is bound twice", binding->endpoint)};
      }
    }
  }
  return {};
}

const Executor::Binding* HandlerExecution::find(std::string_view endpoint) const {
  for (const Executor::Binding& binding : executor_.bindings()) {
    if (binding.endpoint == endpoint) return &binding;
  }
  return catch_all_;
}

bool HandlerExecution::wants_matrix(std::string_view endpoint) const {
  const Executor::Binding* binding = find(endpoint);
  return binding != nullptr && binding->wants_matrix;
}

bool HandlerExecution::run(Ticket /*ticket*/, const wire::PartHeader& header, Contents& contents,
                           Instant begun, Duration remaining, Executed& executed) {
  const Executor::Binding* binding = find(header.endpoint);
  const Running alone{header.request, header.attempt};
  const std::span<const Running> batch = std::exchange(together_, {});
  executed.ended = begun;
  if (binding == nullptr) return true;
  call_->begin(header, contents, remaining);
  watch_.enter(batch.empty() ? std::span(&alone, 1) : batch, begun);
  try {
    binding->handler(*call_);
  } catch (BadInput& bad) {
    executed.error = std::move(bad.error);
  } catch (...) {
    executed.error = Error{Errc::kExecutorError, describe_exception()};
  }
  watch_.leave();
  executed.ended = clock_.now();
  if (!executed.error) call_->take_results(executed);
  return true;
}

}  // namespace flow::worker
