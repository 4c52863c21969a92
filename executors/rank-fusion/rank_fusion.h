// rank-fusion: one list of matches from the lists of several branches, by reciprocal rank.
//
// A match at rank r (from 1) of the branch with weight w adds w / (k + r) to its score `rrf`
// (Cormack, Clarke, Büttcher: Reciprocal Rank Fusion outperforms Condorcet and individual Rank
// Learning Methods, SIGIR 2009). It keeps the scores the branches gave it. The answer holds the
// documents of the first part, then those only later parts have, each with its `top` best matches;
// equal ones in the order of the parts. Weights are by the name of the need, 1 by default.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "flow/executor.h"

namespace flow::executors {

class RankFusion : public Executor {
 public:
  explicit RankFusion(const ExecutorConfig& config);

  // std::runtime_error for a weight of a name that is no part.
  Documents fuse(DocumentsMatrix& parts, const Request& request);

 private:
  std::vector<double> weights_of(const DocumentsMatrix& parts) const;

  double k_;
  std::size_t top_;
  std::vector<std::pair<std::string, double>> weights_;
};

}  // namespace flow::executors
