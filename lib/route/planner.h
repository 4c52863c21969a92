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
// in executions; a request in a batch of up to n counts as an n-th of one. The timeout of batches
// counts as feedback: a request that waits for its batch keeps nobody busy.
//
// lead: the sum of the service times on the longest path before the node; feedback: how long a
// finish takes to be known here. Without the lead, slots held from admission starve every pipeline
// (simulated; docs/decisions). Bounds: 1,024 requests and 32 MiB an instance, though an idle one
// always has room for one. Nodes that no answer waits for hold up admission only at 1,024 requests
// or 64 MiB.
//
// A node with shards is planned as its polling for the endpoint says. ANY: the shards take turns,
// those without a serving instance or without room are passed by, and the replica is chosen within
// the shard; so sequential requests visit every idle instance within shards x replicas of them. A
// request that is planned again keeps the shard of its first plan. ALL, ALL_ASYNC: a lane, all of
// whose members serve; with ALL its room is that of its fullest member and its delay that of its
// slowest, with ALL_ASYNC those of the member with most room and of the quickest (the others are
// nodes that no answer waits for). Lanes that miss shards are taken only when there is no whole
// one, for ALL_ASYNC and allow_partial. HASH: a lane as with ALL, and always a whole one, since the
// documents of a missing shard would vanish. A node that is passed over takes any instance, or is
// left out (left_out.h) where it has nothing to gather or to filter.
//
// An endpoint that is replicated at a node is planned onto a group, as HASH: all replicas of all
// shards that serve or are behind. It has room when each of them has.
//
// Pure; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "route/choices.h"
#include "route/shape.h"
#include "route/target.h"
#include "wire/part.h"
#include "wire/topology.h"

namespace flow::route {

class Planner {
 public:
  static constexpr std::uint32_t kWhole = 1U << 20U;  // the share of a request executed alone

  // A newer snapshot. Returns the instances that are gone; what was outstanding there is forgotten.
  std::vector<InstanceId> update(std::shared_ptr<const wire::Topology> topology);

  // Takes an instance out for good, whatever the topology still says. False when it was not known.
  bool remove(InstanceId id);

  // Plans onto an instance only when there is no other, for kAvoidFor: something is wrong between
  // us, or behind it. After that it gets one request at a time, until an execution there succeeds.
  void avoid(InstanceId id, Instant now);

  // Whether any serving instance of the node is not avoided; how many serve it.
  bool has_unavoided(NodeIndex node, Instant now) const;
  std::size_t serving(NodeIndex node) const { return serving_[node.value].slots.size(); }

  EndpointIndex endpoint(std::string_view name) const;
  std::size_t endpoints() const { return endpoint_names_.size(); }

  // Chooses a target for every node and charges it, every member of a lane. `skip[n]`: the node is
  // passed over although it binds the endpoint (target_executor); empty: none. On success fills
  // `plan` and `choices` (memory reused; those of an earlier plan of the same request, released)
  // and returns true. On failure nothing is charged, there are no choices, and `blocked` tells why.
  bool plan(EndpointIndex endpoint, std::uint64_t bytes, const std::vector<bool>& skip, Instant now,
            std::vector<wire::PlanEntry>& plan, Choices& choices, Blocked& blocked);

  // The execution behind a choice has ended (or will never be heard of): takes the charge back,
  // once.
  void release(Choice& choice, std::uint64_t bytes) {
    if (!choice.charged) return;
    choice.charged = false;
    Target& target = targets_[choice.slot];
    if (target.id != choice.instance) return;
    --target.outstanding;
    target.outstanding_bytes -= bytes;
    target.occupied -= choice.share;
    target.work -= choice.charge;
  }

  // It has ended and took this long: release(), and what is learned from it.
  void complete(Choice& choice, NodeIndex node, EndpointIndex endpoint, Duration service,
                std::uint64_t bytes, Instant now);

  // An instance reported how it does.
  void observe(const wire::Report& report, Instant now);

  using Target = route::Target;
  // nullptr when it is not in the topology.
  const Target* find(InstanceId id) const;          // until the next update()
  const Target* find(const Choice& choice) const {  // quicker
    const Target& target = targets_[choice.slot];
    return target.id == choice.instance ? &target : nullptr;
  }

  const std::shared_ptr<const wire::Topology>& topology() const { return topology_; }
  const Shape& shape() const { return shape_; }
  bool sharded() const { return sharded_; }  // whether any node has shards

  // Whether what a node may lack (Blocked::lack, below lacks()) is there.
  bool has(NodeIndex node, std::uint32_t lack) const;
  std::uint32_t lacks(NodeIndex node) const;

  // For people: "executor 'index': shard 1 has no live instance; tried index/shard-1/rep-0
  // (ipc://…)", with the addresses of all instances ever known there.
  std::string describe(const Blocked& blocked) const;

 private:
  // An endpoint at a node: what the topology says of it, and how long its executions take.
  struct Kind {
    bool bound = false;
    bool replicated = false;
    bool awaited = true;  // by the answer
    wire::Polling polling = wire::Polling::kAny;
    bool known = false;       // service
    std::uint32_t batch = 1;  // so many requests at once,
    Duration patience{};      // after so long at most
    Duration service{};
    Duration lead{};
    std::uint64_t changed = 0;  // number of its last change, one of changes_
  };
  struct Lane {
    InstanceId id;
    std::vector<std::uint32_t> members;  // slots, by shard, without the missing
    bool whole = false;
    std::uint64_t last_used = 0;
  };
  // Who may be planned for a node.
  struct Serving {
    std::vector<std::uint32_t> slots;
    std::vector<std::vector<std::uint32_t>> by_shard;  // empty with one shard
    std::vector<Lane> lanes;                           // those that miss the fewest shards
    std::vector<Lane> groups;
    std::size_t next_shard = 0;  // whose turn it is
  };
  struct KnownAddress {
    std::uint16_t shard = 0;
    std::string address;
  };
  // What a node of a request asks of its target, and what that makes of it.
  struct Task {
    EndpointIndex endpoint = 0;
    std::uint64_t bytes = 0;
    Instant now{};
    NodeIndex node;
    const Kind* kind = nullptr;
    bool run = false;
    bool first_wins = false;  // ALL_ASYNC: the quickest member will do

    std::uint32_t batch() const { return run ? kind->batch : 1; }
  };
  struct Offer {
    bool room = true;
    Duration service{};
    Duration delay{};
    std::uint32_t outstanding = 0;
    std::uint64_t last_used = 0;
  };

  // planner_topology.cc: what a snapshot brings.
  void update_endpoints();
  void update_bindings();
  void update_polling();
  void update_batching();
  void update_targets(std::vector<InstanceId>& gone);
  void update_target(const wire::TopologyInstance& instance, std::uint32_t slot);
  void update_lanes();
  void update_groups();
  std::uint32_t fresh_slot();
  std::string addresses(NodeIndex node, const std::vector<std::uint16_t>& shards) const;

  // planner.cc: one request.
  void refresh_leads(EndpointIndex endpoint, Instant now);
  Standing standing(Target& target, const Task& task);
  Standing work_out(Target& target, const Task& task);
  Duration service_of(const Target& target, const Task& task) const;
  const Kind& slowest(NodeIndex node) const;
  double window(const Target& target, const Task& task, Duration service) const;
  static bool has_room(const Target& target, std::uint64_t bytes, bool awaited, double room);
  Offer offer(Target& target, const Task& task);
  Offer offer(const Lane& lane, const Task& task);
  bool reached(NodeIndex node, const std::vector<wire::PlanEntry>& plan) const;
  bool may_leave_out(const Task& task, const std::vector<bool>& skip,
                     const std::vector<wire::PlanEntry>& plan) const;
  std::size_t pick();
  bool place(const Task& task, wire::PlanEntry& entry, Choices& choices, Blocked& blocked);
  void choose(std::uint32_t slot, const Task& task, Duration service, Choices& choices) const;
  bool barred(const Target& target, const Task& task) const;
  bool place_on(std::uint32_t slot, const Task& task, wire::PlanEntry& entry, Choices& choices);
  bool place_in(const std::vector<std::uint32_t>& slots, const Task& task, wire::PlanEntry& entry,
                Choices& choices);
  bool place_on_shard(const Task& task, wire::PlanEntry& entry, Choices& choices, Blocked& blocked);
  bool place_on_lane(const Task& task, wire::PlanEntry& entry, Choices& choices, Blocked& blocked);
  bool place_on_group(const Task& task, wire::PlanEntry& entry, Choices& choices, Blocked& blocked);
  bool place_among(const std::vector<Lane>& lanes, const Task& task, wire::PlanEntry& entry,
                   Choices& choices);
  void learn(const Choice& choice, NodeIndex node, EndpointIndex endpoint, Duration service,
             Instant now);
  void charge(Choices& choices, std::uint64_t bytes);
  void take_turns(const std::vector<wire::PlanEntry>& plan, Choices& choices);

  std::shared_ptr<const wire::Topology> topology_;
  Shape shape_;
  std::vector<Target> targets_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<InstanceId> removed_;  // still in the topology, known to be gone
  std::unordered_map<InstanceId, std::uint32_t> slot_of_;
  std::vector<Serving> serving_;                                     // by node
  std::vector<std::map<std::string, KnownAddress>> last_addresses_;  // by node: by name
  std::vector<std::string> endpoint_names_;                          // [0]: all others
  std::vector<std::vector<Kind>> kinds_;                             // by endpoint, node
  std::vector<Instant> leads_at_;                                    // by endpoint
  std::vector<Offer> offers_;                                        // of the candidates at hand
  std::uint64_t turn_ = 0;
  std::uint64_t changes_ = 0;  // of kinds
  bool sharded_ = false;       // some node has shards
};

}  // namespace flow::route
