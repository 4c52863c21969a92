// The tables of a flow file but [[executor]] and [[test]]: read and checked, each into its struct.
#pragma once

#include "config/flow_file.h"
#include "config/table_reader.h"

namespace flow::config {

void read_flow(const TomlNode& tree, graph::FlowDecl& flow, graph::Diagnostics& diagnostics);
void read_gateway(const TomlNode& table, graph::GatewayDecl& gateway,
                  graph::Diagnostics& diagnostics);
void read_redis(const TomlNode& table, graph::RedisDecl& redis, graph::Diagnostics& diagnostics);

}  // namespace flow::config
