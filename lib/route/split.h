// Splits a payload over the shards of a node polled HASH: each document goes to the shard that its
// id says, wherever and whenever that is asked, so a later update or delete finds it there.
//
// Pure; one thread. The memory is reused from split to split.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace flow::route {

// XXH3-64 of the id, seed 0, modulo the number of shards. Data on disk depends on it: never change.
std::uint16_t shard_of(std::string_view id, std::size_t shards);

class Split {
 public:
  // Deals the documents out over `shards`; those of a shard keep their order, their blobs are
  // copied, nothing is encoded. On failure (kInvalidArgument: the payload is no list, or a document
  // has no readable id) every part is the payload.
  Status deal(const Bytes& payload, std::size_t shards);

  // The same payload for every shard: what goes on with a failure.
  void share(const Bytes& payload, std::size_t shards) { parts_.assign(shards, payload); }

  // Of the last deal() or share(); no bytes where a shard has no documents.
  const Bytes& part(std::size_t shard) const { return parts_[shard]; }

  void clear() { parts_.clear(); }

 private:
  std::vector<Bytes> parts_;
  std::vector<std::string_view> ids_;
  std::vector<std::uint16_t> shards_;  // by document
};

}  // namespace flow::route
