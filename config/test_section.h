// A [[test]] table: read and checked into its struct.
#pragma once

#include <cstddef>

#include "config/flow_file.h"
#include "config/toml_node.h"

namespace flow::config {

// `number` from 1 names the test where it has no name. Of `flow` the executors and the file are
// known: what a target matches, and where an input file lies.
TestDecl read_test(const TomlNode& table, std::size_t number, const graph::FlowDecl& flow,
                   graph::Diagnostics& diagnostics);

}  // namespace flow::config
