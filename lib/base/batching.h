// How many documents an executor gets at once, for those that are better at many.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace flow {

// Requests to `endpoint` are executed together: as soon as they have `size` documents, or when the
// first has waited for `timeout`. An execution never has more than `size` documents.
struct BatchRule {
  static constexpr Duration kTimeout = std::chrono::milliseconds(10);

  std::string endpoint;  // "*": every endpoint without a rule of its own
  std::uint32_t size = 1;
  Duration timeout = kTimeout;

  friend bool operator==(const BatchRule&, const BatchRule&) = default;
};

}  // namespace flow
