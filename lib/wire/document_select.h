// Some of the documents of an encoded list.
#pragma once

#include <vector>

#include "base/bytes.h"

namespace flow::wire {

// A list of the documents of `list` for which `keep` is true, by position: copies of their blobs,
// nothing is read or encoded. These very bytes when all are kept, no bytes when none is. `list` is
// one that DocumentList::open() or encode() gave, `keep` as long as it has documents.
Bytes select_documents(const Bytes& list, const std::vector<bool>& keep);

}  // namespace flow::wire
