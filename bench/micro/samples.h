// What the small benchmarks work on: the usual, not the extreme.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/frames.h"
#include "base/value.h"
#include "route/gather.h"
#include "wire/document_list.h"
#include "wire/part.h"
#include "wire/topology.h"

namespace flow::bench {

// `count` documents with ids from `first_id` on and a text of `text_size` bytes, as received: each
// an encoded blob.
wire::DocumentList encoded_documents(std::size_t count, std::size_t text_size,
                                     std::size_t first_id = 0);

// The same documents with a score that the others do not have.
wire::DocumentList scored_documents(std::size_t count, std::size_t text_size,
                                    std::string_view score);

// The same documents with a tag `lang`: "en" and "de" in turn.
wire::DocumentList tagged_documents(std::size_t count, std::size_t text_size);

// The header of a part on its way to the answer of a chain of two.
wire::PartHeader chain_header();

// One executor with two shards, and what a shard of it sends.
wire::Topology two_shards();
route::PartPointer part_of_shard(std::uint16_t shard, Bytes documents);

// A map such as parameters are: eight entries, one of them a list.
ValueMap parameters();

// An encoded message as it arrives, in buffers of its own.
Received deliver(const Frames& frames);

}  // namespace flow::bench
