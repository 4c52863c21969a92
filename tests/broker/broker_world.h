// A broker's core among members, in one thread and with a clock that is turned by hand.
//
// Members are real cluster::Member objects; what they and the core send arrives in order, at once.
// A member can be paused (SIGSTOP: it says nothing, its address still listens) or killed.
// Subscriptions to lanes arrive at once too: a publisher sees those of all members whose topology
// has both the lane and the publisher, unless it is blind.
#pragma once

#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/core.h"
#include "cluster/member.h"
#include "store/memory_store.h"

namespace flow::broker {

struct NodePlan {
  std::string name;
  std::uint32_t shards = 1;
  std::uint32_t replicas = 1;
  graph::PollingDecl polling = {};
  bool allow_partial = false;
  std::vector<std::string> needs = {};  // none: the node above
  std::vector<std::string> replicate = {};
};

graph::PollingDecl polled(Polling others);

CoreOptions options_for(const std::vector<NodePlan>& nodes);
CoreOptions options_for(graph::FlowDecl flow);

class World;

class Peer final : public cluster::BrokerPort {
 public:
  Peer(World& world, wire::Role role, const std::string& name, std::uint32_t pid,
       wire::DevicesAsked devices);

  void send(const wire::ControlMessage& message) override;
  void deliver(wire::ControlMessage message);
  void tick();
  void subscribe();  // sees the subscriptions there are now

  // A new connection, as after the broker process was replaced.
  void reconnect();

  InstanceId id() const { return member->instance(); }

  World& world;
  std::string name;
  wire::Role role;
  std::uint32_t pid;
  ConnectionId connection;
  std::unique_ptr<cluster::Member> member;
  bool paused = false;
  std::vector<wire::ControlMessage> held;  // what came while it was paused
  bool dead = false;
  bool becomes_ready = true;                      // as soon as it is welcomed
  bool acknowledges = true;                       // each topology, at once
  bool blind = false;                             // sees no other subscriptions than it did
  std::uint64_t oldest_plan = ~std::uint64_t{0};  // of its acks; none in flight: the version
  std::vector<wire::Topology> topologies;         // as they came
  std::vector<std::string> refusals;
  int drains = 0;
  std::vector<InstanceId> copies;  // siblings it was told to copy
  std::optional<wire::Welcome> welcome;
};

class World : private Effects {
 public:
  explicit World(const std::vector<NodePlan>& nodes) : World(options_for(nodes)) {}
  explicit World(CoreOptions options);

  // `becomes_ready` false: it is welcomed and goes on constructing.
  Peer& worker(const std::string& name, bool becomes_ready = true) {
    return add(wire::Role::kWorker, name, becomes_ready);
  }
  Peer& gateway(const std::string& name = "gateway/0") {
    return add(wire::Role::kGateway, name, true);
  }

  // All slots of the graph and a gateway, up and ready.
  void bring_up();

  // Time goes on in steps of 5 ms; everyone does what is due.
  void run(Duration time);

  // Some control connection ended.
  void connection_lost();

  // Time goes on and nobody does anything: the broker's host, or the broker, stood still.
  void jump(Duration time) { now += time; }

  void kill(Peer& peer);

  // The broker process is killed and another starts on the same store (or an emptied one).
  void restart_broker();
  void stop_broker();
  void start_broker();

  wire::AdminReply admin(const std::string& command, ValueMap arguments = {},
                         std::uint32_t connection = 9000);

  Core& core() { return *core_; }
  Peer& operator[](const std::string& name);  // the newest of that name
  bool in_topology(InstanceId id, wire::InstanceState state) const;
  bool in_topology(InstanceId id) const;
  bool subscribed(const Peer& member, const Peer& publisher, const wire::TopologyLane& lane) const;

  Instant now = Instant{} + std::chrono::hours(1);
  store::MemoryData data;
  std::deque<Peer> peers;
  std::vector<wire::AdminReply> replies;
  std::map<std::uint32_t, std::vector<std::string>> refused;  // connections without a peer
  std::vector<wire::Topology> pushed;                         // each once, whoever got it
  std::vector<std::string> trace;                             // every effect, in order
  std::vector<store::SaveHealth> health;
  std::map<std::string, Probed> answers;  // by address, instead of the truth
  std::uint32_t next_connection = 1;
  bool newcomers_are_blind = false;
  wire::DevicesAsked devices_of_newcomers;     // workers
  std::map<std::string, wire::Holding> holds;  // by name: what a replica holds when it starts

  void to_core(ConnectionId from, const wire::ControlMessage& message);
  void pump();

 private:
  Peer& add(wire::Role role, const std::string& name, bool becomes_ready);
  void send(ConnectionId to, const wire::ControlMessage& message) override;
  void broadcast(std::span<const ConnectionId> to, const wire::ControlMessage& message) override;
  void store(store::Operation operation) override;
  void probe(InstanceId instance, const std::string& address) override;
  Probed listening(const std::string& address) const;
  bool settle();

  CoreOptions options_;
  std::unique_ptr<store::MemoryStore> store_;
  std::unique_ptr<Core> core_;
  std::deque<std::pair<ConnectionId, wire::ControlMessage>> to_core_;
  std::deque<std::pair<ConnectionId, wire::ControlMessage>> to_peers_;
  std::vector<std::pair<InstanceId, std::string>> probes_;
  Instant due_{};
  std::uint32_t next_pid_ = 100;
};

std::string address_of(const std::string& name, std::uint32_t pid);

}  // namespace flow::broker
