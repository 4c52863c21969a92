// A compiled graph as a picture, in text: for `dot`, for Mermaid, or to read as it is. Pure.
#pragma once

#include <string>

#include "graph/flow.h"
#include "graph/graph.h"

namespace flow::graph {

enum class PlotFormat { kDot, kMermaid, kText };

// Executors are nodes labelled with what they use and how often they run, framed together with
// their uses_before and uses_after; edges to shards are labelled with their polling; the gateway is
// the way in and the way out. Hanging leaves are marked. `graph` is the one compiled from `flow`.
std::string plot(const FlowDecl& flow, const Graph& graph, PlotFormat format);

}  // namespace flow::graph
