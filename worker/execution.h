// The seam between the worker's logic and what runs handlers.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "base/value.h"
#include "contents.h"
#include "wire/part.h"

namespace flow::worker {

struct Executed {
  Instant ended;  // when the handler was back; the instant it began where none ran
  std::optional<Error> error;
  std::optional<ValueMap> results{};  // the dictionary the handler answered with
};

// Two implementations: HandlerExecution runs an Executor, the simulator takes simulated time.
class Execution {
 public:
  virtual ~Execution() = default;

  // Whether what serves this endpoint takes the parts of a join unreduced.
  virtual bool wants_matrix(std::string_view endpoint) const = 0;

  // Runs what serves the endpoint of `header`; contents stay as they are where nothing does.
  virtual Executed run(const wire::PartHeader& header, Contents& contents, Instant begun,
                       Duration remaining) = 0;

  virtual Instant now() const = 0;
};

}  // namespace flow::worker
