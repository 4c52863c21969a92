// Finding the same document in several unreduced parts.
#pragma once

#include <cstddef>
#include <vector>

#include "flow/executor.h"

namespace flow::executors {

struct PartDocument {
  std::size_t part = 0;  // index into the matrix
  Document* document = nullptr;
};

// One document as the parts have it, in the order of the parts.
struct SamePart {
  std::vector<PartDocument> documents;
};

// Documents with the same id belong together; of an id that a part has several times, the n-th ones
// do. Order: that of the first part, then unseen documents in order of first sight. The pointers
// live as long as `parts`.
std::vector<SamePart> same_documents(DocumentsMatrix& parts);

}  // namespace flow::executors
