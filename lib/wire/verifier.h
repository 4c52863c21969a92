// The verifier of documents and values (headers are checked as they are read,
// table_reader_internal.h): walks a FlatBuffers buffer by its schema before anyone reads it.
//
// The stock verifier follows shared offsets as often as they occur, so a small hostile buffer can
// cost minutes. This walk counts every table and every vector element it visits and stops at a
// budget that honest buffers cannot reach: each element occupies at least 4 bytes of its own.
// Reads are unaligned-safe. Cost is linear in the buffer's size.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"

namespace flatbuffers {
struct TypeTable;
}

namespace flow::wire {

struct VerifyLimits {
  int depth = 32;            // nested tables
  std::size_t tables = 64;   // tables in all
  std::size_t elements = 0;  // elements of vectors of tables and strings; 0: bytes / 4
};

// kInvalidArgument says what is wrong and where (byte offset).
Status verify(std::span<const std::byte> buffer, const flatbuffers::TypeTable& root,
              const VerifyLimits& limits);

}  // namespace flow::wire
