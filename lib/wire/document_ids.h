// Ids for documents that come without one: 16 hex digits, unique for all practical purposes.
#pragma once

#include <cstdint>
#include <string>

#include "wire/document_list.h"

namespace flow::wire {

// One thread. Sources with different seeds give different ids (a 64-bit mix of seed and counter).
class DocumentIds {
 public:
  explicit DocumentIds(std::uint64_t seed) : state_(seed) {}

  std::string next();

  // Gives an id to every document, chunk and match of the list that has none; the others stay as
  // they are, encoded where they were. Whether there was one without.
  bool fill(DocumentList& list);
  bool fill(Document& document);

 private:
  std::uint64_t state_;
};

}  // namespace flow::wire
