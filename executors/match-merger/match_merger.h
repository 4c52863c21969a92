// match-merger: one list of matches from the matches of several parts, the usual `uses_after` of a
// sharded index.
//
// The matches of a document are concatenated over the parts in their order, sorted by a score, and
// cut. `with.score` names the score; by default it is `metric`, else the first score of the first
// match that has one; without any score the order of the parts stays. `with.order` is "descending"
// or "ascending", by default ascending for a distance (l2). `with.top` (0 = all) and the request
// parameter `top` cut. A match without the score goes last; equal ones keep their order.
//
// As `uses_after` written as a string it gets the `with` of its index, so it accepts (and ignores)
// the keys of the indexes.
#pragma once

#include <string>

#include "flow/executor.h"

namespace flow::executors {

class MatchMerger : public Executor {
 public:
  explicit MatchMerger(const ExecutorConfig& config);
  Documents merge(DocumentsMatrix& parts, const Request& request);

 private:
  void sort(std::vector<Document>& matches) const;

  std::string score_;
  std::string order_;
  std::size_t top_;
};

}  // namespace flow::executors
