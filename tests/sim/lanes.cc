#include "lanes.h"

#include <algorithm>

namespace flow::sim {

bool Publisher::subscribe(ProcessId from, wire::LaneMark mark) {
  return subscribers_.emplace(mark, from).second;
}

bool Publisher::unsubscribe(ProcessId from, wire::LaneMark mark) {
  const auto found = subscribers_.find(mark);
  if (found == subscribers_.end() || found->second != from) return false;
  subscribers_.erase(found);
  return true;
}

bool Publisher::lose(ProcessId member) {
  return std::erase_if(subscribers_,
                       [member](const auto& entry) { return entry.second == member; }) > 0;
}

std::vector<ProcessId> Publisher::hearing(InstanceId lane) const {
  std::vector<ProcessId> processes;
  for (auto at = subscribers_.lower_bound({lane, InstanceId{}});
       at != subscribers_.end() && at->first.lane == lane; ++at)
    processes.push_back(at->second);
  return processes;
}

std::set<ProcessId> Publisher::members() const {
  std::set<ProcessId> processes;
  for (const auto& [mark, process] : subscribers_)
    processes.insert(process);
  return processes;
}

std::vector<wire::LaneMark> Publisher::marks() const {
  std::vector<wire::LaneMark> marks;
  for (const auto& [mark, process] : subscribers_)
    marks.push_back(mark);
  return marks;
}

std::vector<Subscriber::Change> Subscriber::update(const wire::Topology& topology, InstanceId self,
                                                   NodeIndex node) {
  const std::vector<NodeIndex>& needs = topology.nodes[node.value].needs;
  const auto needed = [&needs](NodeIndex each) { return std::ranges::count(needs, each) > 0; };
  std::set<InstanceId> publishers;
  std::set<wire::LaneMark> marks;
  for (const wire::TopologyLane& lane : topology.lanes) {
    if (std::ranges::count(lane.members, self) > 0) marks.insert({lane.id, self});
  }
  for (const wire::TopologyInstance& instance : topology.instances) {
    if (needed(instance.node) && !instance.lane_address.empty()) publishers.insert(instance.id);
  }
  for (const wire::TopologyGateway& gateway : topology.gateways) {
    if (needed(kGatewayNode) && !gateway.lane_address.empty()) publishers.insert(gateway.id);
  }
  std::vector<Change> changes;
  for (const InstanceId publisher : publishers) {
    const bool known = publishers_.contains(publisher);
    for (const wire::LaneMark& mark : marks) {
      if (!known || !marks_.contains(mark)) changes.push_back({publisher, mark, true});
    }
    for (const wire::LaneMark& mark : marks_) {
      if (known && !marks.contains(mark)) changes.push_back({publisher, mark, false});
    }
  }
  publishers_ = std::move(publishers);
  marks_ = std::move(marks);
  return changes;
}

std::vector<Subscriber::Change> Subscriber::all_for(InstanceId publisher) const {
  std::vector<Change> changes;
  if (!publishers_.contains(publisher)) return changes;
  for (const wire::LaneMark& mark : marks_)
    changes.push_back({publisher, mark, true});
  return changes;
}

}  // namespace flow::sim
