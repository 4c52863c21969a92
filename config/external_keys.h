// What makes an executor external: `external`, `host`, `port`, and what no external executor has.
#pragma once

#include "config/table_reader.h"
#include "graph/flow.h"

namespace flow::config {

// Reads `external`, `host` and `port`; call it when the other keys have been read. Of an external
// executor it sets `hosts` and, where they are several, `replicas`; keys that only mean something
// where the executor runs are warned of and put back to their defaults, and those that would change
// what the flow means are errors.
void read_external(TableReader& reader, graph::ExecutorDecl& executor);

}  // namespace flow::config
