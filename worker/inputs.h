// Makes one input of the parts of a join. Pure.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "contents.h"
#include "part_pool.h"
#include "wire/part.h"
#include "wire/topology.h"

namespace flow::worker {

// "gateway" for the gateway. Valid as long as the topology.
std::string_view need_name(const wire::Topology& topology, NodeIndex need);

// Merges the headers of `parts` (in declared order) into the first one's: the first failure, all
// hops (each instance of a node once), the union of the dictionary results.
Status merge_headers(std::span<PartPointer> parts);

// Fills `contents` with the documents of all parts, first the shards of each need (reduced, or
// concatenated where that node has no_reduce), then the needs: reduced, or with `unreduced` one
// part a need. kInvalidArgument names the need whose documents do not verify. Takes the payloads.
Status merge_contents(std::span<PartPointer> parts, const wire::Topology& topology, bool unreduced,
                      Contents& contents);

}  // namespace flow::worker
