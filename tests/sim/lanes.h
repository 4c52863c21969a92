// What publishes to lanes and hears them, in place of XPUB and SUB: who is subscribed to what.
// Without delay or loss; the processes send the subscriptions over the simulated network.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "base/ids.h"
#include "wire/membership.h"
#include "wire/topology.h"
#include "world.h"

namespace flow::sim {

// One process's publishing socket.
class Publisher {
 public:
  // Each returns whether marks() changed.
  bool subscribe(ProcessId from, wire::LaneMark mark);
  bool unsubscribe(ProcessId from, wire::LaneMark mark);
  bool lose(ProcessId member);  // its connection broke

  std::vector<ProcessId> hearing(InstanceId lane) const;
  std::set<ProcessId> members() const;  // of all lanes
  std::vector<wire::LaneMark> marks() const;

 private:
  std::map<wire::LaneMark, ProcessId> subscribers_;
};

// One worker's subscribing socket: connected to all that publish to its node, subscribed to all
// lanes it is in.
class Subscriber {
 public:
  struct Change {
    InstanceId publisher;
    wire::LaneMark mark;
    bool on = true;
  };
  // What has to be said to whom when a topology arrives.
  std::vector<Change> update(const wire::Topology& topology, InstanceId self, NodeIndex node);

  // What a publisher is told again when a connection is back; nothing if it is not connected.
  std::vector<Change> all_for(InstanceId publisher) const;

 private:
  std::set<InstanceId> publishers_;
  std::set<wire::LaneMark> marks_;
};

}  // namespace flow::sim
