// Makes one of the parts that meet: at a join, behind shards, at the gateway. Pure.
//
// In two steps, so that nobody opens documents that are not needed: first the headers, which tell
// whether the request failed; then the documents. First the shards of each need, ascending:
// reduced, or concatenated where that need has no_reduce; then the needs in declared order. Parts
// are taken in the order of Joined::parts. A payload that alone is the outcome stays the bytes it
// was.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "route/filter.h"
#include "route/gather.h"
#include "wire/document_list.h"
#include "wire/part.h"
#include "wire/topology.h"

namespace flow::route {

// The name of a need as the flow file has it (also where it is answered by a uses_after), "gateway"
// for the gateway. Valid as long as the topology.
std::string_view need_name(const wire::Topology& topology, NodeIndex need);

// What a header has room for.
inline constexpr std::size_t kMaxHops = 256;
inline constexpr std::size_t kMaxResults = 128 * 1024;

// Merges the headers of `parts` (at least one) into the first's: all hops (each instance of a node
// once; up to kMaxHops), the union of the dictionary results (keys of the left win), the union of
// the missing shards, here and elsewhere. For a need with allow_partial that was polled ALL, failed
// parts are removed from `parts` when another of its shards succeeded, and every shard without a
// successful part is missing. Of the replicas of a shard the lowest one's part is left in `parts`.
//
// Of the failures left, the first in order ends in the first part, with the payload of its part:
// the documents the failing executor got. Then the other payloads mean nothing.
//
// kInvalidArgument when results do not verify, kTooLarge when they have more than kMaxResults.
Status merge_headers(std::vector<PartPointer>& parts, const wire::Topology& topology);

// Adds `more` to `results`, both encoded maps; keys of `results` win. Fails as merge_headers()
// does.
Status unite_results(Bytes& results, const Bytes& more);

// Whether a single part needs merge_headers() all the same: it may stand for shards that are
// missing.
bool may_miss_shards(const wire::PartHeader& header, const wire::Topology& topology);

// What becomes of the documents of several needs.
enum class Form {
  kReduced,       // one list
  kConcatenated,  // one list, nothing is merged between needs
  kPerNeed,       // a list a need, empty ones too
  kPerShard,      // a list a part
};

// The form in which `node` gets its documents. `runs`: its handler is called; `wants_matrix`: that
// one takes parts.
Form form_for(const wire::TopologyNode& node, bool runs, bool wants_matrix);

struct Piece {
  std::string_view source;  // name of the need; valid as long as the topology
  wire::DocumentList documents;
};

// kReduced, kConcatenated: untouched bytes, or one list. Otherwise pieces.
using MergedDocuments = std::variant<Bytes, wire::DocumentList, std::vector<Piece>>;

// Whether the next executor's filter judges what the shards of `need` make together, so that it is
// applied where their parts meet, and not by each shard before it sends: polled ALL or HASH.
bool filtered_where_gathered(NodeIndex need, std::span<const wire::PlanEntry> plan);

// The documents of parts without a failure. Shares the payloads, so that they can be merged again.
// kInvalidArgument names the need whose documents do not verify. `filter`: of the node where they
// meet, for the needs of which filtered_where_gathered() says so.
Result<MergedDocuments> merge_documents(std::span<const PartPointer> parts,
                                        const wire::Topology& topology, Form form,
                                        const Filter* filter = nullptr);

// The same as one payload, for those who only pass it on: kReduced or kConcatenated. kTooLarge when
// a list cannot hold that many documents, or when it would have more than about `limit` bytes.
Result<Bytes> merge_payload(std::span<const PartPointer> parts, const wire::Topology& topology,
                            Form form, std::size_t limit, const Filter* filter = nullptr);

}  // namespace flow::route
