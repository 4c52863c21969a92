// What a flow must answer, computed directly from its declaration: one function, no messages, no
// time, nothing of lib/graph or lib/route. The property test compares the engine with it.
//
// Where the semantics leave a choice (which shard serves ANY, whose part of ALL_ASYNC comes first)
// the caller makes it, through Choices.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/errc.h"
#include "base/value.h"
#include "graph/flow.h"
#include "model.h"
#include "script.h"

namespace flow::sim {

struct Asked {
  std::string endpoint;
  std::string target;  // target_executor
  ValueMap parameters;
  model::Documents documents;
};

// Shard `second` of node `first` ("n1", "n1/uses_after").
using Executions = std::multiset<std::pair<std::string, int>>;

struct Answer {
  Errc code = Errc::kOk;
  std::string message;   // of a failure: must be in the engine's
  std::string executor;  // whose failure it is
  // Of a failed request the failing executor's input; nothing where that is several lists.
  std::optional<model::Documents> documents;
  std::set<std::pair<std::string, int>> missing;  // executor, shard
  std::map<std::string, ValueMap> results;        // dictionary results, by node:shard
  Executions executions;  // handlers that were called, but for those that execute in batches
};

class Choices {
 public:
  virtual ~Choices() = default;
  // Which shard serves a node polled ANY.
  virtual int shard(const std::string& node, int shards) = 0;
  // One of `count` things that may come first.
  virtual int first(int count) = 0;
  // Whether a shard did not take part although it was to, where the flow permits that.
  virtual bool lost(const std::string& /*executor*/, int /*shard*/) { return false; }
};

struct ScriptedFlow {
  graph::FlowDecl declaration;
  Programs programs;
};

Answer interpret(const ScriptedFlow& flow, const Asked& asked, Choices& choices);

}  // namespace flow::sim
