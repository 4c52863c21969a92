// A flow as Values: for `validate -o json`, for comparing, and for writing it back as a file. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/time.h"
#include "base/value.h"
#include "graph/flow.h"
#include "graph/graph.h"

namespace flow::config {

// As a flow file spells it, exactly: "30s", "1500ms", "16MiB", "1000B".
std::string duration_text(Duration duration);
std::string size_text(std::uint64_t bytes);

// Everything the file says or leaves to a default, under the keys of the file: flow, gateway,
// redis, executor (a list). Empty and absent settings are left out.
ValueMap declared_value(const graph::FlowDecl& flow);

// The compiled flow: name, gateway, redis, executors (one a node, so a uses_before and a uses_after
// too: the `executor` it belongs to, its settings, resolved `needs`, `successors` and `polling`
// and, where known, `program`), sink, hanging. `programs` is empty or has one path a node.
ValueMap compiled_value(const graph::FlowDecl& flow, const graph::Graph& graph,
                        std::span<const std::string> programs);

}  // namespace flow::config
