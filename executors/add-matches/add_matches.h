// add-matches: gives every document `with.n` (1) matches "m-<shard>-<i>" and chunks
// "c-<shard>-<i>", i from 0. For trying out polling and mergers.
#pragma once

#include <cstdint>

#include "flow/executor.h"

namespace flow::executors {

class AddMatches : public Executor {
 public:
  explicit AddMatches(const ExecutorConfig& config);
  void add(Documents& documents, const Request& request);

 private:
  std::int64_t count_;
  std::uint32_t shard_;
};

}  // namespace flow::executors
