// The topology as a FlatBuffers table: a message of its own, and a part of Hello.
#pragma once

#include <flatbuffers/flatbuffers.h>
#include <schemas/topology_generated.h>

#include "wire/table_reader_internal.h"
#include "wire/topology.h"

namespace flow::wire::internal {

flatbuffers::Offset<fbs::Topology> pack_topology(flatbuffers::FlatBufferBuilder& builder,
                                                 const Topology& topology);

// Checks limits (256 nodes, 4096 instances, 256 gateways) and that every node index names a node.
void unpack_topology(const TableReader& table, Topology& topology);

}  // namespace flow::wire::internal
