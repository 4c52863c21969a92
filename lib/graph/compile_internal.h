// Parts of compiling a flow.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "graph/diagnostic.h"
#include "graph/flow.h"
#include "graph/graph.h"

namespace flow::graph {

// What is legal, but looks like an oversight.
void warn(const FlowDecl& flow, const Graph& graph, Diagnostics& diagnostics);

// Node::polling: explicit endpoints in their order, then the built-in ones, then "*".
std::vector<std::pair<std::string, Polling>> polling_table(const PollingDecl& polling,
                                                           std::uint32_t shards);

}  // namespace flow::graph
