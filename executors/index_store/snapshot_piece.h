// A piece of a snapshot of a DocumentStore, and the cursor behind it. Pure functions.
//
//   offset  size
//   0       8     magic "FLOWPCE1"
//   8       8     XXH3 of all that follows
//   16      40    what the store holds, zero padded, as in its log
//   56      8     zero
//   64      …     the body of a log record (record_body.h): documents that are held, or ids that
//                 were removed, with versions
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace flow::executors {

inline constexpr std::size_t kPieceHeaderSize = 64;

// Of a store that holds `kind` (at most kMaxLogKind bytes).
std::vector<std::byte> make_piece(std::string_view kind, std::span<const std::byte> body);

// The body of a piece. kInvalidArgument says what is wrong with it: damaged, or of another kind.
Result<std::span<const std::byte>> open_piece(std::span<const std::byte> piece,
                                              std::string_view kind);

// How far a snapshot went. Serials order what a store holds by when it was written here.
struct SnapshotCursor {
  std::uint64_t life = 0;       // the process that gave the serials
  std::uint64_t document = 0;   // serial of the last document sent, 0: none
  std::uint64_t tombstone = 0;  // of the last tombstone
};

std::string to_string(const SnapshotCursor& cursor);

// kInvalidArgument when the text is no cursor.
Result<SnapshotCursor> parse_cursor(std::string_view text);

}  // namespace flow::executors
