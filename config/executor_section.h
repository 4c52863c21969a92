// One [[executor]] table: read and checked. And the names executors get that have none.
#pragma once

#include <string>
#include <vector>

#include "config/table_reader.h"

namespace flow::config {

// The names of the executors in `list`, given or made: executor{n} where n executors are above, or
// joiner with needs = "*"; names given anywhere in the list are skipped.
std::vector<std::string> executor_names(const TomlNode& list);

// `name` is the one from executor_names. `above` is what `needs` means when it is missing.
graph::ExecutorDecl read_executor(const TomlNode& table, const std::string& name,
                                  const std::string& above, graph::Diagnostics& diagnostics);

// Keys of the language that this version does not run: type-checked like all others, then refused
// (E0190) unless they say what is the case anyway (shards = 1).
void read_later_keys(TableReader& reader);

}  // namespace flow::config
