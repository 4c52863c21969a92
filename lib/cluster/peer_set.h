// The sockets parts leave by: one PUSH to each instance a node sends to, and one XPUB for what it
// publishes to lanes.
//
// A gateway or worker owns one, on the thread that sends. What is sent within one turn of its loop
// is collected, for each peer and each lane, and leaves with flush(), small messages together in
// carriers. Nothing blocks and no socket has a high-water mark (windows bound the queues). What
// cannot be sent is dropped and counted.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/frames.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "net/context.h"
#include "net/socket.h"
#include "wire/carrier.h"
#include "wire/membership.h"
#include "wire/topology.h"

namespace flow::cluster {

// ipc address of an instance's publishing socket in a run directory.
std::string lane_address(const std::string& run_dir, InstanceId instance);

class PeerSet {
 public:
  static constexpr std::size_t kMaxMarks = 65'536;  // more are ignored and counted
  static constexpr int kBatch = 1024;               // subscriptions read at once
  static constexpr Duration kLookAgain = std::chrono::milliseconds(1);

  explicit PeerSet(net::Context& context) : context_(context) {}

  // Binds the socket for lanes; the address it is bound to. Without it nothing can be published.
  Result<std::string> bind_publisher(const std::string& address);

  // Switches to a newer topology: opens what is new and closes what is gone, after flushing. `self`
  // is the own node, kGatewayNode for a gateway. Peers are the instances of the nodes that need it
  // and, for the node that answers, the gateways; lanes are those of the nodes that need it. `own`:
  // the instance, where its siblings are peers too, the other replicas of its shard. All others of
  // the topology become peers when something is sent to them, because a plan left out who stands
  // in between.
  void update(const wire::Topology& topology, NodeIndex self, Instant now, InstanceId own = {});

  // Sends to a peer, publishes to a lane. The views need to live only until the call returns, a
  // second frame as Frames says.
  void send(InstanceId to, const Frames& frames);
  void publish(InstanceId lane, const Frames& frames);

  // Sends what was collected, `together` as in wire::Outbox::flush(). Call before waiting.
  void flush(Instant now, std::size_t together = 1);

  // Reads what the publisher heard of its subscribers; true when marks() changed. Call when the
  // publisher is readable, and when the time of look_at() has come: publishing can take away the
  // sign that something was heard.
  bool take_subscriptions();

  // kNever when nothing was published since subscriptions were read.
  Instant look_at() const { return look_at_; }

  // The subscribers that the publisher sees, by the markers of 8 bytes they subscribe to: lane id,
  // then instance id, both as in an envelope. Ascending.
  std::vector<wire::LaneMark> marks() const { return {marks_.begin(), marks_.end()}; }

  // For Loop::watch(); closed until bind_publisher().
  const net::Socket& publisher() const { return publisher_; }
  bool publishes() const { return publisher_.handle() != nullptr; }

  // Flushes and closes; sockets linger as their option says.
  void close(Instant now);

  bool has_peer(InstanceId id) const { return peers_.contains(id); }

  // Messages to nobody this set knows, and those the transport refused.
  std::uint64_t unsent() const { return unsent_; }

  // Subscriptions beyond kMaxMarks and those that are none of ours; 4-byte ones are not counted.
  std::uint64_t ignored_subscriptions() const { return ignored_; }

 private:
  // One receiver: a peer's own socket, or a lane on the publisher.
  struct Outlet {
    net::Socket socket;  // closed: a lane
    wire::Outbox outbox;
  };
  using Outlets = std::unordered_map<InstanceId, Outlet>;

  Outlet* reach(InstanceId id);
  void post(Outlet& outlet, const Frames& frames);
  void hand_over(Outlet& outlet, const Frames& frames);
  bool note(std::span<const std::byte> event);  // whether the marks changed

  net::Context& context_;
  net::Socket publisher_;
  Outlets peers_;
  std::unordered_map<InstanceId, std::string> others_;  // addresses of who is not a peer yet
  Outlets lanes_;
  std::vector<Outlet*> dirty_;  // those whose outbox is not empty
  Outlet* newest_ = nullptr;    // the peer sent to last: the next is mostly the same
  InstanceId newest_id_;
  std::set<wire::LaneMark> marks_;
  bool published_ = false;  // since the last flush()
  Instant look_at_ = kNever;
  std::uint64_t unsent_ = 0;
  std::uint64_t ignored_ = 0;
};

}  // namespace flow::cluster
