// Taking part in the replication of writes.
//
// Where a flow file says `replicate`, every replica of a shard gets every write, in whatever order
// they arrive. An executor that is to end in the same state on all of them keeps the version of
// what is written (Request::version()) with each entry, and ignores a write that is older than
// what it holds; a removed entry leaves its version behind for a while (a tombstone). A replica
// that missed writes copies what a sibling holds, piece by piece, through Replicated; while it does
// (Request::catching_up()) it gets writes like all others, but no searches.
//
// Everything here is called on the data thread, between two requests and never inside a handler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/write_version.h"

namespace flow {

// What a replica holds, in a few numbers. Two replicas that hold the same entries (ids, versions,
// removed or not) are equal, however they came by them. Contents are not compared: one version is
// one content. Unequal replicas may still serve the same documents (they may have forgotten
// different tombstones), so compare to save a copy, not to decide that one has failed.
struct Held {
  WriteVersion newest;        // highest version held; none: no versioned write yet
  std::uint64_t digest = 0;   // of all entries, independent of their order
  std::uint64_t entries = 0;  // documents and tombstones

  friend bool operator==(const Held&, const Held&) = default;
};

// A part of what a replica holds, for merge() of a sibling.
struct SnapshotPiece {
  std::vector<std::byte> bytes;  // opaque; never empty, also when nothing is held
  std::string cursor;            // where the next piece begins: printable, at most 64 bytes
  bool last = false;             // at this moment nothing is held behind `cursor`
};

class Replicated {
 public:
  virtual ~Replicated() = default;

  // Costs nothing: kept up to date with every write.
  virtual Held held() const = 0;

  // The entries behind `cursor` (empty: from the start), as many as fit into `limit` bytes, but
  // at least one: a single entry larger than `limit` is a piece of its own. The same cursor may be
  // asked for again, and any number of siblings may copy at once: nothing is kept between calls.
  //
  // Writes and searches go on between pieces. What is written or removed after a piece was made is
  // held behind its cursor, whatever its version, so pieces up to the first `last` hold everything
  // that was held when that one was made; asking again from the last cursor gives what came since.
  // What the executor itself puts in order between two calls moves no cursor.
  //
  // kInvalidArgument: not a cursor. kNotFound: a cursor of another process (this replica was
  // started again): begin anew with an empty one.
  virtual Result<SnapshotPiece> next_piece(std::string_view cursor, std::size_t limit) = 0;

  // Takes over the entries of a sibling's piece that are newer than what is held here. The order of
  // pieces does not matter, merging one twice changes nothing, and writes may come in between.
  //
  // A piece comes from another process: it is checked as a whole before anything changes.
  // kInvalidArgument: damaged, or of an executor that keeps something else; kTooLarge: it does not
  // fit into the limits here; kInternal: it could not be stored. After each nothing has changed.
  virtual Status merge(std::span<const std::byte> piece) = 0;
};

}  // namespace flow
