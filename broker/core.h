// The broker's logic: who belongs to the flow, who is alive, and the topology everyone gets.
//
// Pure: no socket, no clock, no thread; the same core runs in the process and in the simulator, and
// the same calls give the same effects. The owner hands in what came and the time, then calls
// tick(), and again at the instant tick() returned. One thread.
//
// Life: start() asks the store for the term and what a former broker knew; until it answers, at
// most store_wait, hellos wait. A broker that goes on without an answer takes a term above every
// hello's. Instances known from before keep their state for the grace period in which they say
// hello again.
//
// Lanes (lanes.h says which there should be) are for nodes whose shards are polled together. A lane
// serves when its members do and, where anything is published to it, everyone who may has said that
// it sees each member's subscription; whoever comes later may only be planned when it sees all
// lanes that serve: a worker waits in the topology, a gateway gets no topology before. So nothing
// published is lost.
//
// Groups are for nodes that replicate: all replicas that serve or are behind get what is written. A
// replica that starts is behind. Once no plan is in flight that leaves it out, it copies a sibling
// that serves, and serves. Where none does, the replicas compare what they hold, after at most
// replica_patience for all to be there: equal ones serve, else the one with the newest writes takes
// what the others have and serves first (docs/decisions).
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/value.h"
#include "broker/core_types.h"
#include "broker/effects.h"
#include "broker/lanes.h"

namespace flow::broker {

class Core {
 public:
  // `effects` outlives the core.
  Core(CoreOptions options, Effects& effects);

  void start(Instant now);

  // A decoded message of a connection.
  void receive(ConnectionId from, wire::ControlMessage message, Instant now);

  // Some connection ended, nobody knows whose: data addresses are probed now and 10, 50, 200 ms on.
  void connection_lost(Instant now);

  // A send found this connection gone.
  void unreachable(ConnectionId connection, Instant now);

  void probed(InstanceId instance, Probed outcome, Instant now);
  void stored(store::Event event, Instant now);

  // Does what is due; returns when to be called next, at most a beat away.
  Instant tick(Instant now);

  // Hands everything to the store once more: before the process ends.
  void save(Instant now);

  // The contract's status as of `now`.
  ValueMap status(Instant now) const;

  FlowState state() const { return state_; }
  const std::string& reason() const { return reason_; }
  std::uint64_t term() const { return term_; }
  std::uint64_t version() const { return version_; }
  const Counters& counters() const { return counters_; }
  const wire::Topology& topology() const { return topology_; }  // as last pushed
  const std::map<InstanceId, Instance>& instances() const { return instances_; }
  const std::map<InstanceId, Lane>& lanes() const { return lanes_; }
  const std::map<InstanceId, Group>& groups() const { return groups_; }

 private:
  // core.cc: the conversation
  void begin(const store::Snapshot* snapshot, Instant now);
  void recall(const wire::Topology& topology, Instant now);
  bool may_recall(InstanceId id, const Slot& slot) const;
  Instance& recalled_instance(InstanceId id, const std::string& name, const Slot& slot,
                              Instant now);
  void adopt_offer(const wire::Hello& hello, Instant now);
  void on_hello(ConnectionId from, wire::Hello hello, Instant now);
  void hello_again(ConnectionId from, Slot& slot, wire::Hello& hello, Instant now);
  void hello_first(ConnectionId from, Slot& slot, wire::Hello& hello, Instant now);
  Instance& seat(InstanceId id, Slot& slot, const std::string& name, Instant now);
  void attach(Instance& instance, ConnectionId from, const wire::Hello& hello, Instant now);
  void on_ready(Instance& instance, wire::Ready ready, Instant now);
  void on_ack(Instance& instance, const wire::TopologyAck& ack, Instant now);
  void on_exit(Instance& instance, const wire::Exit& exit, Instant now);
  void on_admin(ConnectionId from, const wire::AdminRequest& request, Instant now);
  void add_waiter(ConnectionId from, const wire::AdminRequest& request, Instant now);
  void drain_instance(ConnectionId from, const wire::AdminRequest& request, const std::string& name,
                      Instant now);
  Instance* speaker(ConnectionId from, Instant now);
  Connection* connection(ConnectionId from, Instant now);
  void refuse(ConnectionId to, std::string message);
  bool welcome(Instance& instance, Instant now);  // false: refused, the instance is gone
  Result<std::optional<std::string>> devices_of(const Instance& instance) const;
  std::string device_warning(const Instance& instance) const;  // empty: none
  std::string workspace_of(const graph::Node& node, const Instance& instance) const;
  Slot* find_slot(const std::string& name, wire::Role role);
  std::string known_slots(wire::Role role) const;
  void use_id(std::uint32_t id);
  void reserve_ids();
  void raise_term(std::uint64_t seen);

  // core_health.cc
  void heard(Instance& instance, Instant now);
  void check_health(Instant now);
  void doubt(const std::vector<InstanceId>& silent, Instant now);
  void probe_silent(Instant now);
  void ask(const Instance& instance);
  void die(InstanceId id, const std::string& reason, Instant now, bool confirmed);
  void forget(const Instance& instance, std::string answer, const std::string& reason, Instant now);
  void retire(Instance& instance, const std::string& reason, Instant now);
  void finish_retired(Instant now);
  std::uint64_t oldest_plan() const;
  void set_state(Instance& instance, wire::InstanceState state, std::string reason, Instant now);
  Duration patience(const Instance& instance) const;
  Duration silence(const Instance& instance, Instant now) const;

  // core_lanes.cc
  void on_subscriptions(Instance& instance, wire::Subscriptions subscriptions);
  void recall_lanes(const wire::Topology& topology, Instant now);
  void assume_seen();
  void update_lanes(Instant now);
  bool settle_lanes(Instant now);
  void change_lanes_of(const graph::Node& node, Instant now);
  void form_lane(const graph::Node& node, std::vector<InstanceId> members);
  ShardCandidates candidates_of(const graph::Node& node) const;
  void admit_publishers(NodeIndex node, Instant now);
  void finish_lanes(std::uint64_t oldest_plan, Duration limit, Instant now);
  bool publishes(NodeIndex node) const { return publishers_.contains(node); }
  std::string waits_for(const Lane& lane) const;
  std::string waits_for(const Lane& lane, const Instance& publisher) const;
  std::string missing_lane(const Instance& publisher) const;
  std::string lane_trouble(const graph::Node& node) const;
  ValueList lanes_status(const graph::Node& node) const;

  // core_replicas.cc
  bool replicates(const Instance& instance) const;
  void admit(Instance& instance, Instant now);
  void promote(Instance& instance, Instant now);
  void recall_groups(const wire::Topology& topology, Instant now);
  bool update_replicas(Instant now);
  bool update_shard(const graph::Node& node, std::uint16_t shard, Instant now);
  bool start_shard(const graph::Node& node, ShardMemory& memory, std::vector<Instance*>& replicas,
                   Instant now);
  bool take_over(Instance& leader, const std::vector<Instance*>& others, Instant now);
  void follow(Instance& late, const std::vector<Instance*>& serving, Instant now);
  bool gets_all_writes(const Instance& instance) const;
  bool may_copy(Instance& replica, const Instance& sibling, Instant now);
  void on_caught_up(Instance& instance, const wire::CaughtUp& outcome, Instant now);
  void update_groups(Instant now);
  std::vector<InstanceId> group_members(const graph::Node& node) const;
  void form_group(const graph::Node& node, std::vector<InstanceId> members);
  void finish_groups(std::uint64_t oldest_plan, Duration limit, Instant now);
  ValueList groups_status(const graph::Node& node) const;

  // core_topology.cc
  wire::Topology build() const;
  bool may_push() const;
  void push(Instant now);
  void deliver(Instant now);
  void deliver_to(wire::Role role);
  bool only_adds(const wire::Topology& next) const;
  bool workers_acknowledged() const;
  bool everyone_came_up() const;
  void save_topology();
  void save_health(Instant now);
  void save_health_of(Instance& instance, bool anyway, Instant now);
  void save_health_of_empty(const std::string& name, const std::string& reason, Instant now);
  void save_assignment(const Instance& instance);
  void event(std::string kind, std::string detail);

  // core_status.cc, core_admin.cc
  void on_beat(Instance& instance, wire::Beat beat, Instant now);
  void update_state(Instant now);
  std::pair<FlowState, std::string> judge(bool far_ends) const;
  std::pair<FlowState, std::string> judge_node(const graph::Node& node, bool far_ends) const;
  std::string missing_gateway() const;
  bool gateways_acknowledged() const;
  std::string trouble_of(const std::string& slot_name, const Slot& slot, bool far_ends) const;
  void answer_waiters(Instant now);
  ValueMap executor_status(const graph::Node& node, Instant now) const;
  ValueMap slot_status(const std::string& name, const Slot& slot, Instant now) const;
  std::string wall(Instant when) const;

  CoreOptions options_;
  Effects& effects_;
  Counters counters_;

  std::map<std::string, Slot> slots_;
  std::map<InstanceId, Instance> instances_;
  std::map<ConnectionId, Connection> connections_;
  std::map<ConnectionId, wire::Hello> early_hellos_;         // before the term is known
  std::map<InstanceId, std::string> dead_;                   // newest kMaxRemembered
  std::deque<std::pair<Instant, NodeIndex>> recent_deaths_;  // unconfirmed, within dead_after
  std::map<NodeIndex, std::vector<NodeIndex>> publishers_;   // who publishes to whose lanes
  std::map<InstanceId, Lane> lanes_;
  bool lanes_wait_ = false;  // for publishers to see them or take over the topology
  std::map<InstanceId, Group> groups_;
  std::map<std::pair<NodeIndex, std::uint16_t>, ShardMemory> shards_;
  bool replicas_wait_ = false;     // some replica is behind
  Instant replicas_due_ = kNever;  // when to look at them again
  std::vector<Waiter> waiters_;

  bool begun_ = false;
  bool store_answered_ = false;
  std::string store_trouble_;
  std::uint64_t term_ = 0;
  std::uint64_t highest_term_seen_ = 0;
  std::uint64_t fenced_by_ = 0;
  std::uint32_t next_id_ = 1;
  std::uint32_t reserved_id_ = 0;                      // what the store knows as highest
  std::pair<std::uint64_t, std::uint64_t> adopted_{};  // term, version of what was recalled
  bool from_before_ = false;                           // somebody knew this flow before we started

  std::uint64_t version_ = 0;
  wire::Topology topology_;
  bool dirty_ = false;
  bool forced_ = false;   // push even when nothing but the term or version changed
  bool came_up_ = false;  // every slot has been ready at once
  Instant next_push_{};
  Instant gateways_due_{};

  Instant store_deadline_ = kNever;
  Instant grace_until_ = kNever;
  Instant newcomers_from_ = kNever;  // before that nobody gets an id
  bool grace_over_ = false;
  Instant next_check_{};
  Instant heard_floor_{};
  std::vector<Instant> probe_rounds_;
  Instant lost_at_{};
  Instant next_save_{};

  FlowState state_ = FlowState::kStarting;
  std::string reason_;
  Instant state_since_{};
  bool draining_ = false;
  bool own_ready_ = false;  // all that the flow starts itself is; far ends do not count
  bool was_ready_ = false;  // it was once
};

std::string_view to_string(FlowState state);

}  // namespace flow::broker
