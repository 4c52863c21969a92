#include "tests/broker/broker_world.h"

#include <fmt/format.h>

#include <algorithm>

namespace flow::broker {

CoreOptions options_for(const std::vector<NodePlan>& nodes) {
  graph::FlowDecl flow;
  std::string before = "gateway";
  for (const NodePlan& node : nodes) {
    graph::ExecutorDecl executor;
    executor.name.value = node.name;
    executor.uses.value = "pass-through";
    if (node.needs.empty()) executor.needs.push_back({before, {}});
    for (const std::string& need : node.needs)
      executor.needs.push_back({need, {}});
    executor.shards = node.shards;
    executor.replicas = node.replicas;
    executor.polling = node.polling;
    executor.allow_partial = node.allow_partial;
    for (const std::string& endpoint : node.replicate)
      executor.replicate.push_back({endpoint, {}});
    executor.with.set("dim", 256);
    flow.executors.push_back(executor);
    before = node.name;
  }
  return options_for(std::move(flow));
}

graph::PollingDecl polled(Polling others) {
  graph::PollingDecl polling;
  polling.endpoints = {{"/search", others}, {"/index", others}};
  polling.others = others;
  return polling;
}

CoreOptions options_for(graph::FlowDecl flow) {
  CoreOptions options;
  options.flow = std::move(flow);
  options.flow.name.value = "hello";
  graph::Diagnostics diagnostics;
  auto graph = graph::compile(options.flow, diagnostics);
  REQUIRE(graph.has_value());
  options.graph = std::move(*graph);
  options.state_dir = "/state";
  options.spec = "[flow]";
  return options;
}

std::string address_of(const std::string& name, std::uint32_t pid) {
  return fmt::format("ipc:///run/{}-{}", name, pid);
}

Peer::Peer(World& the_world, wire::Role the_role, const std::string& the_name,
           std::uint32_t the_pid, wire::DevicesAsked devices)
    : world(the_world), name(the_name), role(the_role), pid(the_pid) {
  connection = ConnectionId{world.next_connection++};
  member = std::make_unique<cluster::Member>(
      cluster::Identity{role, name, pid, "host", "1", std::move(devices)}, *this);
}

void Peer::send(const wire::ControlMessage& message) {
  if (!dead) world.to_core(connection, message);
}

void Peer::reconnect() {
  connection = ConnectionId{world.next_connection++};
  held.clear();
}

void Peer::tick() {
  if (dead || paused) return;
  for (wire::ControlMessage& message : std::exchange(held, {}))
    if (!dead) deliver(std::move(message));
  if (!dead) member->tick(world.now);
}

void Peer::deliver(wire::ControlMessage message) {
  for (cluster::MemberEvent& event : member->receive(std::move(message), world.now)) {
    if (auto* welcomed = std::get_if<cluster::Welcomed>(&event)) {
      welcome = welcomed->welcome;
      if (!becomes_ready) continue;
      wire::Ready ready;
      ready.data_address = address_of(name, pid);
      if (welcome->publishes) ready.lane_address = address_of(name, pid) + "-lane";
      if (role == wire::Role::kGateway) ready.client_addresses = {"ipc:///g", "tcp://127.0.0.1:1"};
      ready.catch_all = true;
      if (const auto kept = world.holds.find(name); kept != world.holds.end())
        ready.holds = kept->second;
      member->ready(ready);
    } else if (auto* changed = std::get_if<cluster::TopologyChanged>(&event)) {
      topologies.push_back(*changed->topology);
      const std::uint64_t version = changed->topology->version;
      if (acknowledges) member->acknowledge(version, std::min(version, oldest_plan));
    } else if (auto* refusal = std::get_if<cluster::RefusedByBroker>(&event)) {
      refusals.push_back(refusal->message);
      dead = true;
    } else if (auto* copy = std::get_if<cluster::CopyAsked>(&event)) {
      copies.push_back(copy->sibling);
    } else {
      ++drains;
    }
  }
}

void Peer::subscribe() {
  if (dead || paused || blind || !welcome || !welcome->publishes) return;
  std::vector<wire::LaneMark> marks;
  for (const Peer& other : world.peers) {
    if (other.dead || other.member->topology() == nullptr) continue;
    for (const wire::TopologyLane& lane : other.member->topology()->lanes)
      if (world.subscribed(other, *this, lane)) marks.push_back({lane.id, other.id()});
  }
  std::ranges::sort(marks);
  member->set_subscriptions(std::move(marks));
}

World::World(CoreOptions options) : options_(std::move(options)) {
  start_broker();
}

bool World::subscribed(const Peer& member, const Peer& publisher,
                       const wire::TopologyLane& lane) const {
  const wire::Topology& topology = *member.member->topology();
  const bool known =
      publisher.role == wire::Role::kGateway
          ? std::ranges::count(topology.gateways, publisher.id(), &wire::TopologyGateway::id) > 0
          : std::ranges::count(topology.instances, publisher.id(), &wire::TopologyInstance::id) > 0;
  const auto& needs = topology.nodes[lane.node.value].needs;
  return known && std::ranges::count(lane.members, member.id()) > 0 &&
         std::ranges::count(needs, publisher.welcome->node) > 0;
}

void World::start_broker() {
  store_ = std::make_unique<store::MemoryStore>(data);
  core_ = std::make_unique<Core>(options_, static_cast<Effects&>(*this));
  core_->start(now);
  due_ = now;
  for (Peer& peer : peers)
    peer.reconnect();
  pump();
}

void World::stop_broker() {
  options_.restarted = true;
  core_.reset();
  store_.reset();
  to_core_.clear();
  to_peers_.clear();
  probes_.clear();
}

void World::restart_broker() {
  stop_broker();
  start_broker();
}

Peer& World::add(wire::Role role, const std::string& name, bool becomes_ready) {
  Peer& peer = peers.emplace_back(*this, role, name, next_pid_++, devices_of_newcomers);
  peer.becomes_ready = becomes_ready;
  peer.blind = newcomers_are_blind;
  peer.tick();
  pump();
  return peer;
}

void World::bring_up() {
  for (const graph::Node& node : options_.graph.nodes()) {
    for (std::uint16_t shard = 0; shard < node.shards; ++shard) {
      for (std::uint16_t replica = 0; replica < node.replicas; ++replica)
        worker(graph::instance_name(node, shard, replica));
    }
  }
  gateway();
  run(std::chrono::milliseconds(50));
  REQUIRE(core().state() == FlowState::kReady);
}

Peer& World::operator[](const std::string& name) {
  for (auto peer = peers.rbegin(); peer != peers.rend(); ++peer) {
    if (peer->name == name) return *peer;
  }
  FAIL("no peer ", name);
  return peers.front();
}

bool World::in_topology(InstanceId id) const {
  for (const wire::TopologyInstance& instance : core_->topology().instances) {
    if (instance.id == id) return true;
  }
  return false;
}

bool World::in_topology(InstanceId id, wire::InstanceState state) const {
  for (const wire::TopologyInstance& instance : core_->topology().instances) {
    if (instance.id == id) return instance.state == state;
  }
  return false;
}

void World::run(Duration time) {
  const Instant end = now + time;
  while (now < end) {
    now = std::min(end, now + std::chrono::milliseconds(5));
    for (Peer& peer : peers)
      peer.tick();
    pump();
  }
}

void World::kill(Peer& peer) {
  peer.dead = true;
  if (core_) connection_lost();
}

void World::connection_lost() {
  core_->connection_lost(now);
  due_ = now;
  pump();
}

void World::to_core(ConnectionId from, const wire::ControlMessage& message) {
  if (core_) to_core_.emplace_back(from, message);
}

// Until nothing is under way. The core is called when it said so, or when something came.
void World::pump() {
  while (core_ && settle()) {
  }
}

bool World::settle() {
  bool did = false;
  while (auto event = store_->poll()) {
    core_->stored(std::move(*event), now);
    did = true;
  }
  while (!to_core_.empty()) {
    auto [from, message] = std::move(to_core_.front());
    to_core_.pop_front();
    core_->receive(from, std::move(message), now);
    did = true;
  }
  for (const auto& [instance, address] : std::exchange(probes_, {})) {
    core_->probed(instance, listening(address), now);
    did = true;
  }
  if (did || now >= due_) {
    due_ = core_->tick(now);
    REQUIRE(due_ <= now + std::chrono::milliseconds(200));
  }
  while (!to_peers_.empty()) {
    auto [to, message] = std::move(to_peers_.front());
    to_peers_.pop_front();
    did = true;
    for (Peer& peer : peers) {
      if (peer.connection != to || peer.dead) continue;
      if (peer.paused) {
        peer.held.push_back(message);
      } else {
        peer.deliver(message);
      }
    }
    if (const auto* reply = std::get_if<wire::AdminReply>(&message)) replies.push_back(*reply);
    if (const auto* no = std::get_if<wire::Refused>(&message))
      refused[to.value].push_back(no->message);
  }
  for (Peer& peer : peers)
    peer.subscribe();
  return did || !to_core_.empty();
}

Probed World::listening(const std::string& address) const {
  const auto answer = answers.find(address);
  if (answer != answers.end()) return answer->second;
  for (const Peer& peer : peers) {
    if (address_of(peer.name, peer.pid) == address && !peer.dead) return Probed::kListening;
  }
  return Probed::kRefused;
}

wire::AdminReply World::admin(const std::string& command, ValueMap arguments,
                              std::uint32_t connection) {
  const std::size_t before = replies.size();
  to_core(ConnectionId{connection}, wire::AdminRequest{before + 1, command, std::move(arguments)});
  pump();
  REQUIRE(replies.size() == before + 1);
  CHECK(replies.back().id == before + 1);
  return replies.back();
}

void World::send(ConnectionId to, const wire::ControlMessage& message) {
  trace.push_back(fmt::format("{} send {} {}", to_us(now - Instant{}), to.value, message.index()));
  to_peers_.emplace_back(to, message);
}

void World::broadcast(std::span<const ConnectionId> to, const wire::ControlMessage& message) {
  const auto& topology = std::get<wire::Topology>(message);
  if (pushed.empty() || !(pushed.back() == topology)) pushed.push_back(topology);
  for (const ConnectionId connection : to)
    send(connection, message);
}

void World::store(store::Operation operation) {
  trace.push_back(fmt::format("{} store {}", to_us(now - Instant{}), operation.index()));
  if (const auto* saved = std::get_if<store::SaveHealth>(&operation)) health.push_back(*saved);
  store_->submit(std::move(operation));
}

void World::probe(InstanceId instance, const std::string& address) {
  trace.push_back(fmt::format("{} probe {}", to_us(now - Instant{}), instance.value));
  probes_.emplace_back(instance, address);
}

}  // namespace flow::broker
