#include "lane_inbox.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <utility>

#include "base/log.h"

namespace flow::worker {
namespace {

std::string topic_of(std::initializer_list<InstanceId> ids) {
  std::string topic;
  for (const InstanceId id : ids) {
    std::array<char, sizeof id.value> bytes{};
    std::memcpy(bytes.data(), &id.value, bytes.size());
    topic.append(bytes.data(), bytes.size());
  }
  return topic;
}

std::vector<InstanceId> lanes_of(const wire::Topology& topology, InstanceId self) {
  std::vector<InstanceId> lanes;
  for (const wire::TopologyLane& lane : topology.lanes) {
    if (std::ranges::count(lane.members, self) > 0) lanes.push_back(lane.id);
  }
  std::ranges::sort(lanes);
  return lanes;
}

std::vector<std::string> publishers_of(const wire::Topology& topology, NodeIndex node) {
  const std::vector<NodeIndex>& needs = topology.nodes[node.value].needs;
  std::vector<std::string> addresses;
  for (const wire::TopologyInstance& instance : topology.instances) {
    if (!instance.lane_address.empty() && std::ranges::count(needs, instance.node) > 0)
      addresses.push_back(instance.lane_address);
  }
  if (std::ranges::count(needs, kGatewayNode) == 0) return addresses;
  for (const wire::TopologyGateway& gateway : topology.gateways) {
    if (!gateway.lane_address.empty()) addresses.push_back(gateway.lane_address);
  }
  return addresses;
}

}  // namespace

Status LaneInbox::update(const wire::Topology& topology, InstanceId self, NodeIndex node,
                         Instant now) {
  const std::vector<InstanceId> lanes = lanes_of(topology, self);
  if (lanes.empty() && !open()) return {};
  if (!open()) {
    net::SocketOptions options;
    options.max_message = max_message_;
    Result<net::Socket> socket = net::Socket::open(context_, net::SocketType::kSub, options);
    if (!socket) return std::move(socket).error();
    socket_ = std::move(*socket);
  }
  follow_publishers(lanes.empty() ? std::vector<std::string>() : publishers_of(topology, node),
                    now);
  follow_lanes(lanes, self);
  return {};
}

void LaneInbox::follow_publishers(const std::vector<std::string>& addresses, Instant now) {
  for (auto& [address, until] : publishers_) {
    if (std::ranges::count(addresses, address) > 0) {
      until = kNever;
    } else if (until == kNever) {
      until = now + kKeptFor;
    }
  }
  for (const std::string& address : addresses) {
    if (publishers_.contains(address)) continue;
    if (const Status connected = socket_.connect(address); !connected) {
      log::error("cannot hear a publisher reason={}", connected.error().message);
      continue;
    }
    publishers_.emplace(address, kNever);
  }
}

void LaneInbox::follow_lanes(const std::vector<InstanceId>& lanes, InstanceId self) {
  for (const InstanceId lane : lanes_) {
    if (std::ranges::binary_search(lanes, lane)) continue;
    socket_.unsubscribe(topic_of({lane, self}));
    socket_.unsubscribe(topic_of({lane}));
  }
  for (const InstanceId lane : lanes) {
    if (std::ranges::binary_search(lanes_, lane)) continue;
    socket_.subscribe(topic_of({lane}));
    socket_.subscribe(topic_of({lane, self}));
  }
  lanes_ = lanes;
}

Instant LaneInbox::disconnect_gone(Instant now) {
  Instant next = kNever;
  for (auto publisher = publishers_.begin(); publisher != publishers_.end();) {
    const auto here = publisher++;
    if (here->second > now) {
      next = std::min(next, here->second);
      continue;
    }
    if (const Status done = socket_.disconnect(here->first); !done)
      log::debug("a publisher was not connected reason={}", done.error().message);
    publishers_.erase(here);
  }
  return next;
}

}  // namespace flow::worker
