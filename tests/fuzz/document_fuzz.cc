// Opens any bytes as a document list. What is accepted must be readable everywhere, and the same
// after it was changed and encoded anew.
#include <schemas/document_generated.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

#include "base/check.h"
#include "wire/document_json.h"
#include "wire/document_list.h"
#include "wire/verifier.h"

namespace {

using flow::Bytes;
using flow::wire::Document;
using flow::wire::DocumentList;

// Decodes every document and its children, so that nothing of the blob is left.
void decode(Document& document) {
  for (Document& chunk : document.change().chunks)
    decode(chunk);
  for (Document& match : document.change().matches)
    decode(match);
}

// The walk over the schema accepts every document that was accepted, whichever way that was.
void walk(std::span<const std::byte> list, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t place[2];
    std::memcpy(place, list.data() + 8 + 8 * i, sizeof place);
    FLOW_CHECK(flow::wire::verify(list.subspan(place[0], place[1]), *flow::fbs::DocumentTypeTable(),
                                  {.depth = 98, .tables = place[1] / 8})
                   .ok(),
               "what was accepted does not verify");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto list = DocumentList::open(Bytes::copy_of(std::as_bytes(std::span(data, size))));
  const auto verified = DocumentList::verify(Bytes::copy_of(std::as_bytes(std::span(data, size))));
  FLOW_CHECK(verified.ok() == list.ok(), "open() and verify() differ");
  if (!list) return 0;
  walk(std::as_bytes(std::span(data, size)), list->size());
  DocumentList changed = *list;
  for (Document& document : changed)
    decode(document);
  const Bytes encoded = changed.encode();
  const auto again = DocumentList::open(encoded);
  FLOW_CHECK(again.ok(), "what was accepted is accepted again");
  FLOW_CHECK(again->size() == list->size(), "no document gets lost");
  for (std::size_t i = 0; i < list->size(); ++i) {
    FLOW_CHECK(to_json((*again)[i]) == to_json((*list)[i]), "a document stays the same");
    FLOW_CHECK(to_json(changed[i]) == to_json((*list)[i]), "a document stays the same");
  }
  return 0;
}
