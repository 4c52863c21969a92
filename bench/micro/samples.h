// What the small benchmarks work on: the usual, not the extreme.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/bytes.h"
#include "base/frames.h"
#include "base/value.h"
#include "wire/document_list.h"
#include "wire/part.h"

namespace flow::bench {

// `count` documents with ids from `first_id` on and a text of `text_size` bytes, as received: each
// an encoded blob.
wire::DocumentList encoded_documents(std::size_t count, std::size_t text_size,
                                     std::size_t first_id = 0);

// The same documents with a score that the others do not have.
wire::DocumentList scored_documents(std::size_t count, std::size_t text_size,
                                    std::string_view score);

// The header of a part on its way to the answer of a chain of two.
wire::PartHeader chain_header();

// A map such as parameters are: eight entries, one of them a list.
ValueMap parameters();

// An encoded message as it arrives, in buffers of its own.
Received deliver(const Frames& frames);

}  // namespace flow::bench
