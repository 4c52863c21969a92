// How the shards of a node share its requests (docs/flow-files.md).
#pragma once

#include <cstdint>

namespace flow {

enum class Polling : std::uint8_t {
  kAny = 0,       // one shard gets the request
  kAll = 1,       // all do, their results are reduced
  kAllAsync = 2,  // all do, the first that succeeds goes on
  kHash = 3,      // the documents are split by id
};

// Whether every shard of a node takes part: what is planned is a lane, not one instance.
inline bool polls_lane(Polling polling) {
  return polling != Polling::kAny;
}

// Whether all shards get the same: it is published to the lane. Otherwise each member is sent its
// own part.
inline bool is_published(Polling polling) {
  return polling == Polling::kAll || polling == Polling::kAllAsync;
}

}  // namespace flow
