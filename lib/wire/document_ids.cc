#include "wire/document_ids.h"

#include <fmt/format.h>

namespace flow::wire {
namespace {

bool complete(const Document& document) {
  if (document.id().empty()) return false;
  if (document.chunk_count() > 0) {
    for (const Document& chunk : document.chunks()) {
      if (!complete(chunk)) return false;
    }
  }
  if (document.match_count() > 0) {
    for (const Document& match : document.matches()) {
      if (!complete(match)) return false;
    }
  }
  return true;
}

}  // namespace

// SplitMix64 (Steele, Lea, Flood 2014): every state gives another number.
std::string DocumentIds::next() {
  state_ += 0x9E3779B97F4A7C15ULL;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
  return fmt::format("{:016x}", mixed ^ (mixed >> 31));
}

bool DocumentIds::fill(Document& document) {
  if (complete(document)) return false;
  DocumentFields& fields = document.change();
  if (fields.id.empty()) fields.id = next();
  for (Document& chunk : fields.chunks) {
    fill(chunk);
    if (chunk.parent_id().empty()) chunk.change().parent_id = fields.id;
  }
  for (Document& match : fields.matches)
    fill(match);
  return true;
}

bool DocumentIds::fill(DocumentList& list) {
  bool any = false;
  for (Document& document : list)
    any = fill(document) || any;
  return any;
}

}  // namespace flow::wire
