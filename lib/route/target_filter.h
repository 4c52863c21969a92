// `target_executor`: a regular expression that says which executors of a flow a request runs on;
// all others pass it over, their uses_before and uses_after too. Matched from the start of the
// executor's name, as the field's users know it (RE2 syntax).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wire/topology.h"

namespace flow::route {

// Remembers the last patterns used, at most kPatterns; one thread.
class TargetFilter {
 public:
  static constexpr std::size_t kPatterns = 64;
  static constexpr std::size_t kPatternBytes = 1024;

  // By node: true: passed over. Empty when the pattern is empty. kInvalidArgument tells why a
  // pattern is refused. The reference lives until the next call.
  Result<const std::vector<bool>*> skips(std::string_view pattern, const wire::Topology& topology);

 private:
  struct Known {
    std::string pattern;
    std::vector<bool> skips;
  };
  std::vector<Known> known_;
  std::size_t next_ = 0;  // overwritten in turn
  std::vector<bool> none_;
};

}  // namespace flow::route
