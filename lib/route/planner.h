// The planner: which instance serves each node of a request, and whether it may go in now.
//
// Keeps, for every instance, what this gateway has outstanding there and how long its executions
// take, per endpoint. A request is planned onto the targets with the least expected delay; targets
// whose delays differ by less than 10 % + 100 us count as equal: the one with fewer outstanding is
// taken, and of those they take turns. A request is admitted only when every node has a target with
// room in its window:
//
//   window = concurrency x (2 + (3 x lead + feedback + 1 ms) / service)
//
// lead: the sum of the service times on the longest path before the node; feedback: how long a
// finish takes to be known here. Without the lead, slots held from admission starve every pipeline
// (simulated; docs/decisions). Bounds: 1,024 requests and 32 MiB an instance, though an idle one
// always has room for one. Nodes that no answer waits for hold up admission only at 1,024 requests
// or 64 MiB.
//
// Pure; one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "route/shape.h"
#include "wire/part.h"
#include "wire/topology.h"

namespace flow::route {

inline constexpr std::uint32_t kMaxWindow = 1024;
inline constexpr std::uint64_t kMaxWindowBytes = 32ULL << 20;
inline constexpr std::uint64_t kMaxHangingBytes = 64ULL << 20;

// Position of an endpoint in the planner's table. Endpoints that no instance binds by name share
// entry 0.
using EndpointIndex = std::uint16_t;

// One node of one request: who serves it and what that was expected to cost.
struct Choice {
  std::uint32_t slot = 0;  // the planner's own index of the target
  InstanceId instance;     // none: nothing is charged
  Duration charge{};       // expected service time
};

// Why a request could not be planned.
struct Blocked {
  NodeIndex node;
  bool nobody = false;  // no instance may be planned at all; false: all are full
};

class Planner {
 public:
  // Switches to a newer snapshot. Returns the instances that are gone; what was outstanding there
  // is forgotten.
  std::vector<InstanceId> update(std::shared_ptr<const wire::Topology> topology);

  // Takes an instance out for good: nobody listens there any more, whatever the topology still
  // says. False when it was not known.
  bool remove(InstanceId id);

  // Plans onto an instance only when there is no other, for kAvoidFor: something is wrong between
  // us.
  void avoid(InstanceId id, Instant now);

  EndpointIndex endpoint(std::string_view name) const;
  std::size_t endpoints() const { return endpoint_names_.size(); }

  // Chooses a target for every node and charges it. `skip[n]`: the node is passed over although it
  // binds the endpoint (target_executor); empty: none. On success fills `plan` and `choices` (one
  // per node, memory reused) and returns true. On failure nothing is charged, no
  // choice names an instance, and `blocked` tells why.
  bool plan(EndpointIndex endpoint, std::uint64_t bytes, const std::vector<bool>& skip, Instant now,
            std::vector<wire::PlanEntry>& plan, std::vector<Choice>& choices, Blocked& blocked);

  // The execution behind a choice has ended (or will never be heard of): takes the charge back.
  void release(Choice& choice, std::uint64_t bytes);

  // An execution took this long.
  void sample(const Choice& choice, NodeIndex node, EndpointIndex endpoint, Duration service,
              Instant now);

  // An instance reported how it does.
  void observe(const wire::Report& report, Instant now);

  // What is known of an instance; nullptr when it is not in the topology.
  struct Target {
    InstanceId id;
    NodeIndex node;
    bool plannable = false;
    std::uint32_t concurrency = 1;
    std::uint32_t outstanding = 0;
    std::uint64_t outstanding_bytes = 0;
    Duration work{};  // sum of the charges outstanding
    std::uint64_t last_used = 0;
    std::uint32_t queue = 0;  // from its last report
    Duration executing{};     // age of what it executed at the last report
    Instant reported_at{};
    Instant avoid_until{};
    Instant busy_at{};  // when a report last showed work; it is silent while it has none
    struct Estimate {
      Duration service{};
      Instant sampled_at{};
      bool known = false;
    };
    std::vector<Estimate> estimates;  // by endpoint
    std::string name;
    std::string data_address;
  };
  const Target* find(InstanceId id) const;
  const Target* find_at(std::uint32_t slot,
                        std::uint32_t instance) const;  // by a Choice's slot, quicker

  const std::shared_ptr<const wire::Topology>& topology() const { return topology_; }
  const Shape& shape() const { return shape_; }
  bool binds(NodeIndex node, EndpointIndex endpoint) const { return binds_[endpoint][node.value]; }

  // Whether any instance of a node may be planned.
  bool serving(NodeIndex node) const { return !serving_[node.value].empty(); }

  // "encode/rep-0 (ipc://…), encode/rep-1 (…)": all instances of a node ever known, for error
  // messages.
  std::string addresses(NodeIndex node) const;

 private:
  struct NodeEstimate {
    Duration service{};
    Duration lead{};
    bool known = false;
  };

  void update_endpoints();
  void update_targets(std::vector<InstanceId>& gone);
  void refresh_leads(EndpointIndex endpoint, Instant now);
  Duration service_of(const Target& target, NodeIndex node, EndpointIndex endpoint,
                      Instant now) const;
  double window(const Target& target, NodeIndex node, EndpointIndex endpoint, bool run,
                Duration service) const;
  bool has_room(const Target& target, NodeIndex node, EndpointIndex endpoint, bool run,
                Duration service, std::uint64_t bytes) const;
  bool reached(NodeIndex node, const std::vector<wire::PlanEntry>& plan) const;
  Target* choose(NodeIndex node, EndpointIndex endpoint, bool run, std::uint64_t bytes, Instant now,
                 Duration& charge, bool& nobody);

  std::shared_ptr<const wire::Topology> topology_;
  Shape shape_;
  std::deque<Target> targets_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<InstanceId> removed_;  // still in the topology, known to be gone
  std::unordered_map<InstanceId, std::uint32_t> slot_of_;
  std::vector<std::vector<std::uint32_t>> serving_;  // by node: slots of plannable targets
  std::vector<std::map<std::string, std::string>> last_addresses_;  // by node: name, address
  std::vector<std::string> endpoint_names_;                         // [0]: all others
  std::vector<std::vector<bool>> binds_;                            // by endpoint, node
  std::vector<std::vector<NodeEstimate>> estimates_;                // by endpoint, node
  std::vector<Instant> leads_at_;                                   // by endpoint
  std::uint64_t turn_ = 0;
};

}  // namespace flow::route
