// The broker's tables: slots (places of the graph that want a process) and instances (processes).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "broker/effects.h"
#include "graph/graph.h"
#include "wire/membership.h"

namespace flow::broker {

inline constexpr std::size_t kMaxConnections = 4608;
inline constexpr std::size_t kMaxWaiters = 64;
inline constexpr std::size_t kMaxRemembered = 1024;  // dead instances whose reason is kept
inline constexpr std::uint32_t kMaxGateways = 64;
inline constexpr std::size_t kMaxLanes = 4096;    // of a flow, retired ones included
inline constexpr std::size_t kMaxGroups = 4096;   // the same
inline constexpr std::size_t kMaxMarks = 65'536;  // of one publisher

struct CoreOptions {
  graph::FlowDecl flow;
  graph::Graph graph;
  std::string spec;                 // the flow file's text, for the store
  std::string state_dir;            // where workspaces are by default
  std::int64_t wall_offset_ms = 0;  // wall clock at Instant 0, for people
  bool restarted = false;  // a broker ran here before: members may know more than the store

  Duration beat = std::chrono::milliseconds(200);
  Duration suspect_after = std::chrono::milliseconds(800);
  Duration dead_after = std::chrono::seconds(3);
  Duration grace = std::chrono::milliseconds(500);  // after a start nobody is declared dead
  Duration store_wait = std::chrono::seconds(1);    // for the store's first answer
  Duration push_every = std::chrono::milliseconds(2);
  Duration first_push_every = std::chrono::milliseconds(20);  // while slots come up
  Duration gateway_hold = std::chrono::milliseconds(50);  // workers learn of new instances first
  Duration drain_limit = std::chrono::seconds(30);
  // How long a shard that nobody serves waits for replicas that may hold newer writes.
  Duration replica_patience = std::chrono::seconds(10);
};

enum class FlowState : std::uint8_t { kStarting, kReady, kDegraded, kDraining, kDown };

enum class Probed : std::uint8_t { kListening, kRefused, kUnknown };

struct Slot {
  wire::Role role = wire::Role::kWorker;
  NodeIndex node = kGatewayNode;
  std::uint16_t shard = 0;
  std::uint16_t replica = 0;
  InstanceId holder;  // none: empty
  std::uint32_t incarnations = 0;
  std::string host;       // of the last holder
  std::string last_left;  // why the last holder left
  Instant since{};        // empty since, or held since
};

struct Instance {
  InstanceId id;
  std::string name;  // its slot
  wire::Role role = wire::Role::kWorker;
  NodeIndex node = kGatewayNode;
  std::uint16_t shard = 0;
  std::uint16_t replica = 0;
  std::optional<ConnectionId> connection;
  wire::InstanceState state = wire::InstanceState::kStarting;
  std::string reason;
  Instant since{};
  Instant heard{};
  bool recalled = false;  // known from the store or a gateway, not heard by this broker yet
  bool frozen = false;    // silent, but so many are that the broker doubts itself
  std::optional<wire::Ready> ready;
  wire::Beat beat;
  Instant far_lost_at = kNever;  // of an external executor: nobody answers at the far end since
  std::uint32_t pid = 0;
  std::string host;
  std::string version;
  wire::DevicesAsked devices;
  std::uint64_t sent_version = 0;
  std::uint64_t acked_version = 0;  // or what it must have taken over before
  std::uint64_t oldest_plan = 0;    // gateways
  std::uint64_t retired_in = 0;     // version that said so, 0: not yet said
  Instant retired_at{};
  std::string saved_health;
  Instant saved_at{};
  std::uint64_t listed_in = 0;       // version it is in from, 0: not yet
  std::vector<wire::LaneMark> seen;  // ascending: the members of lanes it can publish to
  bool told = false;                 // it said so itself; else it is what it must have seen before

  // Of a replica: whether it has all that was written: it served, and no group went on without it.
  bool current = false;
  InstanceId copies;               // the sibling it was told to copy
  bool follows = false;            // from which on it has everything, else it takes what that has
  std::vector<InstanceId> merged;  // siblings of which it has everything
  Instant copy_at{};               // not before

  bool serves() const { return state == wire::InstanceState::kServing; }
  // It serves, but what it forwards to does not.
  bool cut_off() const { return serves() && far_lost_at != kNever; }
  bool behind() const { return state == wire::InstanceState::kBehind; }

  // Its process is there and its sockets are bound, but what it would publish could be lost: it
  // does not yet see every lane that serves. In the topology, not planned.
  bool waits() const { return state == wire::InstanceState::kStarting && ready.has_value(); }
  bool comes_up() const { return state == wire::InstanceState::kStarting && !ready.has_value(); }
};

// A lane as the topology shows it, and how far that is known.
struct Lane {
  wire::TopologyLane entry;
  std::uint64_t pushed_in = 0;   // version to know it from, 0: not yet said
  std::uint64_t retired_in = 0;  // version that said so, 0: not yet said
  Instant retired_at{};
  bool recalled = false;  // known from the store or a gateway

  bool serves() const { return entry.state == wire::InstanceState::kServing; }
  bool retired() const { return entry.state == wire::InstanceState::kRetired; }
};

// A group as the topology shows it.
struct Group {
  wire::TopologyGroup entry;
  std::uint64_t pushed_in = 0;
  std::uint64_t retired_in = 0;
  Instant retired_at{};

  bool retired() const { return entry.state == wire::InstanceState::kRetired; }
};

// What is known of a shard of a node that replicates.
struct ShardMemory {
  std::vector<std::uint16_t> complete;  // replicas that served last: they have all writes
  Instant empty_since = kNever;         // nobody serves, but somebody could
};

// The contract's word for an instance's state.
std::string_view state_name(const Instance& instance);

struct Connection {
  InstanceId instance;
  Instant heard{};
  Instant asked{};
  bool was_asked = false;
};

struct Waiter {
  ConnectionId connection;
  std::uint64_t request = 0;
  FlowState state = FlowState::kReady;
  Instant until{};
};

struct Counters {
  std::uint64_t hellos = 0;
  std::uint64_t refused = 0;
  std::uint64_t unknown = 0;     // messages of connections that had not said hello
  std::uint64_t overflow = 0;    // connections beyond the limit
  std::uint64_t unexpected = 0;  // messages a broker does not take
  std::uint64_t rejected = 0;    // topologies members did not accept
  std::uint64_t late = 0;        // rounds forgotten because the broker itself was late
  std::uint64_t frozen = 0;      // rounds in which too many were silent at once
  std::uint64_t pushes = 0;
  std::uint64_t joined = 0;
  std::uint64_t lost = 0;
  std::uint64_t drained = 0;
  std::uint64_t lanes_formed = 0;
  std::uint64_t lanes_retired = 0;
  std::uint64_t lanes_refused = 0;  // beyond the limit
  std::uint64_t groups_formed = 0;
  std::uint64_t copies = 0;         // replicas told to copy a sibling
  std::uint64_t marks_stray = 0;    // of lanes that are gone or never were, of others than members
  std::uint64_t marks_refused = 0;  // messages with more than the limit
};

}  // namespace flow::broker
