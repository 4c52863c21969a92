#include "cluster/peer_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/log.h"

namespace flow::cluster {
namespace {

// What ZeroMQ puts before a topic.
constexpr std::byte kSubscribed{1};

constexpr std::size_t kLaneTopic = sizeof(std::uint32_t);
constexpr std::size_t kMarkTopic = 2 * sizeof(std::uint32_t);

bool sends_to(const wire::Topology& topology, NodeIndex self, NodeIndex node) {
  return node.value < topology.nodes.size() &&
         std::ranges::count(topology.nodes[node.value].needs, self) > 0;
}

// The other replicas of its shard, where what one holds is copied by others.
std::vector<InstanceId> siblings_of(const wire::Topology& topology, InstanceId own) {
  std::vector<InstanceId> siblings;
  const auto self = std::ranges::find(topology.instances, own, &wire::TopologyInstance::id);
  if (self == topology.instances.end() || topology.nodes[self->node.value].replicate.empty())
    return siblings;
  for (const wire::TopologyInstance& other : topology.instances) {
    if (other.node == self->node && other.shard == self->shard && other.id != own)
      siblings.push_back(other.id);
  }
  return siblings;
}

std::optional<net::Socket> connected(net::Context& context, InstanceId id,
                                     const std::string& address) {
  Result<net::Socket> socket = net::Socket::open(context, net::SocketType::kPush, {});
  const Status done = socket ? socket->connect(address) : Status(socket.error());
  if (done) return std::move(*socket);
  log::error("cannot reach a peer id={} reason={}", id.value, done.error().message);
  return std::nullopt;
}

}  // namespace

std::string lane_address(const std::string& run_dir, InstanceId instance) {
  return fmt::format("ipc://{}/lane-{}.ipc", run_dir, instance.value);
}

Result<std::string> PeerSet::bind_publisher(const std::string& address) {
  Result<net::Socket> socket = net::Socket::open(context_, net::SocketType::kXpub, {});
  if (!socket) return std::move(socket).error();
  Result<std::string> bound = socket->bind(address);
  if (bound) publisher_ = std::move(*socket);
  return bound;
}

void PeerSet::update(const wire::Topology& topology, NodeIndex self, Instant now, InstanceId own) {
  flush(now);
  newest_ = nullptr;
  const std::vector<InstanceId> siblings = siblings_of(topology, own);
  Outlets before = std::move(peers_);
  peers_.clear();
  others_.clear();
  const auto keep = [&](InstanceId id, const std::string& address, bool at_once) {
    if (address.empty()) return;  // still starting
    if (auto held = before.extract(id); !held.empty()) {
      peers_.insert(std::move(held));
      return;
    }
    others_.emplace(id, address);
    if (at_once) reach(id);
  };
  for (const wire::TopologyInstance& instance : topology.instances) {
    keep(instance.id, instance.data_address,
         sends_to(topology, self, instance.node) || std::ranges::count(siblings, instance.id) > 0);
  }
  for (const wire::TopologyGateway& gateway : topology.gateways) {
    if (self != kGatewayNode) keep(gateway.id, gateway.data_address, topology.sink == self);
  }
  Outlets lanes;
  for (const wire::TopologyLane& lane : topology.lanes) {
    if (!sends_to(topology, self, lane.node)) continue;
    if (auto held = lanes_.extract(lane.id); !held.empty()) {
      lanes.insert(std::move(held));
    } else {
      lanes.emplace(lane.id, Outlet{});
    }
  }
  lanes_ = std::move(lanes);
}

// nullptr when it is not in the topology, or cannot be connected to.
PeerSet::Outlet* PeerSet::reach(InstanceId id) {
  const auto other = others_.extract(id);
  if (other.empty()) return nullptr;
  std::optional<net::Socket> socket = connected(context_, id, other.mapped());
  if (!socket) return nullptr;
  return &peers_.emplace(id, Outlet{std::move(*socket), {}}).first->second;
}

void PeerSet::send(InstanceId to, const Frames& frames) {
  if (newest_ == nullptr || to != newest_id_) {
    const auto peer = peers_.find(to);
    newest_id_ = to;
    newest_ = peer != peers_.end() ? &peer->second : reach(to);
  }
  if (newest_ == nullptr) {
    ++unsent_;
    return;
  }
  post(*newest_, frames);
}

void PeerSet::publish(InstanceId lane, const Frames& frames) {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end() || !publishes()) {
    ++unsent_;
    return;
  }
  published_ = true;
  post(found->second, frames);
}

void PeerSet::post(Outlet& outlet, const Frames& frames) {
  const bool idle = outlet.outbox.empty();
  outlet.outbox.post(frames, [&](const Frames& ready) { hand_over(outlet, ready); });
  if (idle && !outlet.outbox.empty()) dirty_.push_back(&outlet);
}

void PeerSet::hand_over(Outlet& outlet, const Frames& frames) {
  net::Socket& socket = outlet.socket.handle() == nullptr ? publisher_ : outlet.socket;
  if (socket.send(frames) != net::Sent::kSent) ++unsent_;
}

void PeerSet::flush(Instant now, std::size_t together) {
  for (Outlet* outlet : dirty_)
    outlet->outbox.flush([&](const Frames& ready) { hand_over(*outlet, ready); }, together);
  dirty_.clear();
  if (std::exchange(published_, false) && look_at_ == kNever) look_at_ = now + kLookAgain;
}

bool PeerSet::take_subscriptions() {
  look_at_ = kNever;
  if (!publishes()) return false;
  bool changed = false;
  Received event;
  for (int i = 0; i < kBatch && publisher_.receive(event); ++i)
    changed = note(event.first.span()) || changed;
  return changed;
}

// A topic of 8 bytes marks one subscriber; it subscribed to the lane's own topic before.
bool PeerSet::note(std::span<const std::byte> event) {
  if (event.size() == 1 + kLaneTopic) return false;
  if (event.size() != 1 + kMarkTopic) {
    ++ignored_;
    return false;
  }
  wire::LaneMark mark;
  std::memcpy(&mark.lane.value, event.data() + 1, sizeof mark.lane.value);
  std::memcpy(&mark.instance.value, event.data() + 1 + kLaneTopic, sizeof mark.instance.value);
  if (event.front() != kSubscribed) return marks_.erase(mark) > 0;
  if (marks_.size() < kMaxMarks) return marks_.insert(mark).second;
  ++ignored_;
  return false;
}

void PeerSet::close(Instant now) {
  flush(now);
  newest_ = nullptr;
  peers_.clear();
  others_.clear();
  lanes_.clear();
  publisher_.close();
  marks_.clear();
}

}  // namespace flow::cluster
