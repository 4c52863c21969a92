// Where parts arrive that are published to lanes: one SUB, connected to every instance (and
// gateway) that publishes to a lane this instance is in.
//
// A member subscribes to the lane's id, then to the marker lane id + own instance id, by which
// publishers know that it hears them. The data thread owns one. A publisher that left the topology
// is disconnected only when nothing of it can be on its way any more: disconnecting drops what was
// not received.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/frames.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "net/context.h"
#include "net/socket.h"
#include "wire/topology.h"

namespace flow::worker {

class LaneInbox {
 public:
  static constexpr Duration kKeptFor = std::chrono::seconds(2);

  LaneInbox(net::Context& context, std::size_t max_message)
      : context_(context), max_message_(max_message) {}

  // Follows a newer topology. `self` is an instance of `node`. Fails where no socket can be made.
  Status update(const wire::Topology& topology, InstanceId self, NodeIndex node, Instant now);

  // Takes one message; false when there is none now.
  bool receive(Received& message) { return socket_.receive(message); }

  // Disconnects publishers that left long enough ago; call when receive() found nothing. Returns
  // when it wants to be called next, kNever when none left.
  Instant disconnect_gone(Instant now);

  // For Loop::watch(); closed until the instance is in a lane.
  const net::Socket& socket() const { return socket_; }
  bool open() const { return socket_.handle() != nullptr; }
  void close() { socket_.close(); }

 private:
  void follow_publishers(const std::vector<std::string>& addresses, Instant now);
  void follow_lanes(const std::vector<InstanceId>& lanes, InstanceId self);

  net::Context& context_;
  std::size_t max_message_;
  net::Socket socket_;
  std::vector<InstanceId> lanes_;              // subscribed to, ascending
  std::map<std::string, Instant> publishers_;  // connected: when to disconnect, kNever: in use
};

}  // namespace flow::worker
