// Merging of document lists where branches meet.
//
// The left list comes first and wins. A document of the right list whose id the left one has is
// merged into it (into the last, where an id repeats): every field the left has not set is copied,
// tags and scores as a whole; chunks and matches are merged likewise, by id, at every depth. Any
// other document is appended, in order. A child appended to another parent is adopted: a chunk gets
// its id and granularity + 1, a match its adjacency + 1. Documents without an id are never the
// same.
//
// Only documents that gain something are decoded; all others stay the blobs they were. Pure.
#pragma once

#include <vector>

#include "wire/document_list.h"

namespace flow::route {

// Merges `right` into `left`. Repeated ids inside of `right` merge as well.
void reduce(wire::DocumentList& left, wire::DocumentList right);

// All parts from left to right. One part comes back as it is.
wire::DocumentList reduce_all(std::vector<wire::DocumentList> parts);

}  // namespace flow::route
