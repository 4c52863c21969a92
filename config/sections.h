// The tables of a flow file but [[executor]]: read and checked, each into its struct.
#pragma once

#include "config/flow_file.h"
#include "config/table_reader.h"

namespace flow::config {

void read_flow(const TomlNode& tree, graph::FlowDecl& flow, graph::Diagnostics& diagnostics);
void read_gateway(const TomlNode& table, graph::GatewayDecl& gateway,
                  graph::Diagnostics& diagnostics);
void read_redis(const TomlNode& table, graph::RedisDecl& redis, graph::Diagnostics& diagnostics);

// `number` from 1 names the test where it has no name.
TestDecl read_test(const TomlNode& table, std::size_t number, graph::Diagnostics& diagnostics);

}  // namespace flow::config
