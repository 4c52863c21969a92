// Who serves the nodes of one request: what the planner chose, and what is heard of them since.
//
// One instance a node, or the members of a lane or group. The memory is reused from request to
// request.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/polling.h"
#include "base/time.h"

namespace flow::route {

inline constexpr std::uint32_t kMaxWindow = 1024;
inline constexpr std::uint64_t kMaxWindowBytes = 32ULL << 20;
inline constexpr std::uint64_t kMaxHangingBytes = 64ULL << 20;

// Position of an endpoint in the planner's table. Endpoints that no instance binds by name share
// entry 0.
using EndpointIndex = std::uint16_t;

// Why a request could not be planned.
struct Blocked {
  // What is lacking when there is nobody. kShard stands for shard 0, and so on.
  enum Lack : std::uint32_t { kInstance = 0, kWholeLane = 1, kSomeLane = 2, kShard = 3 };

  NodeIndex node;
  bool nobody = false;       // no instance that could serve it lives; false: all are full, or
  bool unconnected = false;  // the shards are there, but no lane of them yet
  std::uint32_t lack = kInstance;
};

// One instance's share in a request; a line of the cache.
struct alignas(64) Choice {
  std::uint32_t slot = 0;  // the planner's own index of the target
  InstanceId instance;
  std::uint16_t shard = 0;
  std::uint16_t replica = 0;
  bool charged = false;       // until released
  bool received = false;      // the instance has reported it
  bool finished = false;      // and that it sent its part on,
  bool here = false;          // its part has reached the gateway
  Instant finished_at{};      // which was heard then
  std::uint64_t receipt = 0;  // number of the report that it was received; they grow
  Duration charge{};          // expected service time
  std::uint32_t share = 0;    // of an execution, in Planner::kWhole
};

class Choices {
 public:
  // Those of a node, by shard, then replica; none when the request does not reach it.
  std::span<Choice> of(NodeIndex node) {
    const Range range = ranges_[node.value];
    return {members_.data() + range.first, range.count};
  }
  std::span<const Choice> of(NodeIndex node) const {
    const Range range = ranges_[node.value];
    return {members_.data() + range.first, range.count};
  }
  std::span<Choice> all() { return members_; }
  std::span<const Choice> all() const { return members_; }

  // nullptr when the instance does not serve the node.
  Choice* find(NodeIndex node, InstanceId instance) {
    for (Choice& choice : of(node)) {
      if (choice.instance == instance) return &choice;
    }
    return nullptr;
  }

  // Whether any is charged.
  bool charged() const {
    for (const Choice& choice : members_) {
      if (choice.charged) return true;
    }
    return false;
  }

  // For another request, which is planned next.
  void clear() {
    members_.clear();
    shards_.clear();
  }

 private:
  friend class Planner;
  struct Range {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };

  // The planner then sets the range of each node, or forgets all.
  void begin(std::size_t nodes) {
    ranges_.resize(nodes);
    members_.clear();
  }
  void forget() {
    ranges_.assign(ranges_.size(), {});
    members_.clear();
  }

  std::vector<Range> ranges_;  // by node
  std::vector<Choice> members_;
  std::vector<std::uint16_t> shards_;  // by node: the shard of the first plan; empty: none yet
};

}  // namespace flow::route
