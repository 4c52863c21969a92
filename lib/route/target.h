// What the planner knows of an instance.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace flow::route {

// What a request to one endpoint comes to on an instance.
struct Standing {
  Duration service{};  // expected
  double room = 0;     // the window: as much may be occupied, in Target::occupied's measure
};

struct Target {
  InstanceId id;
  NodeIndex node;
  std::uint16_t shard = 0;
  std::uint16_t replica = 0;
  bool plannable = false;
  bool behind = false;   // gets what is replicated, nothing else
  bool doubted = false;  // avoided once, and no execution there succeeded since
  std::uint32_t concurrency = 1;
  std::uint32_t outstanding = 0;
  std::uint64_t outstanding_bytes = 0;
  std::uint64_t occupied = 0;  // sum of the shares outstanding
  Duration work{};             // sum of the charges outstanding
  std::uint64_t last_used = 0;
  Instant avoid_until{};
  struct Estimate {
    Duration service{};
    Instant sampled_at{};
    bool known = false;
    Standing standing;           // what followed from it,
    std::uint64_t followed = 0;  // and from the node's means; the number of their last change
  };
  std::vector<Estimate> estimates;  // by endpoint
  std::uint32_t queue = 0;          // from its last report
  Duration executing{};             // age of what it executed at the last report
  Instant reported_at{};
  Instant busy_at{};  // when a report last showed work; it is silent while it has none
  std::string name;
  std::string data_address;
};

}  // namespace flow::route
