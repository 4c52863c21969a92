// Some of the documents of an encoded list, as copies of their blobs: nothing is encoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace flow::wire {

// A list of the documents of `list` for which `keep` is true, by position: copies of their blobs,
// nothing is read or encoded. These very bytes when all are kept, no bytes when none is. `list` is
// one that DocumentList::open() or encode() gave, `keep` as long as it has documents.
Bytes select_documents(const Bytes& list, const std::vector<bool>& keep);

// Adds the ids of the documents of a payload to `ids`, in order; views into it. Checks as much as
// it reads, the list's frame and each document down to its id, at any alignment: for those who only
// pass the documents on. kInvalidArgument names the document's position.
Status read_ids(const Bytes& payload, std::vector<std::string_view>& ids);

// Whether no document of a list that read_ids() took has chunks or matches.
bool all_flat(const Bytes& list);

// The same documents in another order: first number order[0], then number order[1]. `list` is one
// that read_ids() took, `order` has each of its positions once.
Bytes reorder_documents(const Bytes& list, std::span<const std::size_t> order);

// The documents of all lists, one list after the other: copies of their blobs. Lists that
// read_ids() took, not all empty, of at most kMaxDocuments documents and 2^31-1 bytes together.
Bytes concatenate_documents(std::span<const Bytes> lists);

// Deals the documents of a list out: document i goes to `parts[to[i]]`, in the order they have. A
// part that gets all of them is these very bytes, one that gets none no bytes. `list` is one that
// read_ids() took, `to` as long as it has documents, each below the number of parts.
void deal_documents(const Bytes& list, std::span<const std::uint16_t> to, std::span<Bytes> parts);

}  // namespace flow::wire
