// The keys of [[executor]] that are more than one value. Each function reads one key of the table,
// which is known from then on; what is wrong is reported and leaves `out` as it was.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "config/table_reader.h"
#include "graph/flow.h"

namespace flow::config {

// `shards`, or `parallel`.
void read_shards(TableReader& reader, std::uint32_t& out);

// A word for all endpoints, or a table of endpoints and "*". Words in any letter case; 1, 2, 3 are
// an older spelling.
void read_polling(TableReader& reader, graph::PollingDecl& out);

// A program: never empty.
void read_uses(TableReader& reader, Key key, graph::Placed<std::string>& out);

void read_env(TableReader& reader, std::map<std::string, std::string>& out);

// uses_before, uses_after: a program, which then gets `with`, or a table of a small executor.
void read_companion(TableReader& reader, Key key, const ValueMap& with,
                    std::optional<graph::CompanionDecl>& out);

// A filter: a table, or a string that holds JSON. Checked; `executor.when` is set if it is right.
void read_when(TableReader& reader, graph::ExecutorDecl& executor);

}  // namespace flow::config
