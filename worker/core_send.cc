#include <algorithm>
#include <span>
#include <utility>

#include "core.h"
#include "route/left_out.h"
#include "route/merge.h"

namespace flow::worker {
namespace {

wire::PartHeader copy_of(const wire::PartHeader& header) {
  wire::PartHeader copy;
  copy.target = header.target;
  copy.request = header.request;
  copy.attempt = header.attempt;
  copy.topology_version = header.topology_version;
  copy.remaining = header.remaining;
  copy.sent_at = header.sent_at;
  copy.sent_on_host = header.sent_on_host;
  copy.source = header.source;
  copy.source_shard = header.source_shard;
  copy.source_replica = header.source_replica;
  copy.endpoint = header.endpoint;
  copy.plan = header.plan;
  copy.hops = header.hops;
  copy.parameters = header.parameters;
  copy.results = header.results;
  if (header.failure != nullptr) copy.failure = std::make_unique<wire::Failure>(*header.failure);
  copy.missing = header.missing;
  copy.missing_elsewhere = header.missing_elsewhere;
  copy.trace = header.trace;
  copy.written_ns = header.written_ns;
  return copy;
}

// Of a lane or group, by shard, then replica; none when there is no such.
struct Members {
  NodeIndex node;
  std::span<const InstanceId> ids;
};

Members members_of(const wire::Topology& topology, InstanceId id) {
  const auto lane = std::ranges::find(topology.lanes, id, &wire::TopologyLane::id);
  if (lane != topology.lanes.end()) return {lane->node, lane->members};
  const auto group = std::ranges::find(topology.groups, id, &wire::TopologyGroup::id);
  if (group != topology.groups.end()) return {group->node, group->members};
  return {};
}

}  // namespace

void Core::dispatch(wire::Part& part, Instant deadline, Instant now) {
  wire::PartHeader& header = part.header;
  header.source = self_.node;
  header.source_shard = self_.shard;
  header.source_replica = self_.replica;
  header.remaining = std::max(deadline - now, Duration{});
  header.sent_at = now;
  header.sent_on_host = self_.host;
  const bool filters = filtered_ && header.failure == nullptr && !part.payload.empty() &&
                       !route::filtered_where_gathered(self_.node, header.plan);
  for (const Successor& successor : successors_) {
    if (successor.node.value >= header.plan.size()) continue;
    const wire::PlanEntry& entry = header.plan[successor.node.value];
    if (entry.mode == wire::PlanMode::kLeftOut) send_past(successor.node, part, now);
    if (entry.target == 0) continue;
    const Target to{InstanceId{entry.target}, entry.polling};
    if (filters && successor.filter) {
      send_filtered(to, successor, part, now);
    } else {
      send(to, header, part.payload, now);
    }
  }
  opened_.reset();
  if (sink_) send({header.request.gateway}, header, part.payload, now);
}

// To those behind a node that is left out, in its name. None of them has a filter.
void Core::send_past(NodeIndex left_out, wire::Part& part, Instant now) {
  wire::PartHeader& header = part.header;
  header.source_shard = header.source_replica = 0;
  const auto send_to = [&](NodeIndex name, NodeIndex receiver) {
    header.source = name;
    if (receiver == kGatewayNode) return send({header.request.gateway}, header, part.payload, now);
    if (receiver.value >= header.plan.size()) return;
    const wire::PlanEntry& entry = header.plan[receiver.value];
    if (entry.target != 0)
      send({InstanceId{entry.target}, entry.polling}, header, part.payload, now);
  };
  route::for_each_receiver(left_out, shape_, header.plan, send_to);
  header.source = self_.node;
  header.source_shard = self_.shard;
  header.source_replica = self_.replica;
}

// The documents are opened once for all successors. A filter that cannot be evaluated fails the
// request where it would have gone.
void Core::send_filtered(Target to, const Successor& successor, wire::Part& part, Instant now) {
  if (!opened_) opened_ = Documents::open(part.payload);
  const Result<route::Filter>& filter = *successor.filter;
  const Result<Bytes> passing = !filter    ? Result<Bytes>(filter.error())
                                : *opened_ ? filter->keep_passing(**opened_, part.payload)
                                           : Result<Bytes>(opened_->error());
  if (passing) {
    send(to, part.header, *passing, now);
    return;
  }
  fail_at(successor.node, part.header, passing.error());
  send(to, part.header, *opened_ ? part.payload : Bytes(), now);
  part.header.failure.reset();
}

// A failure that begins here and is `node`'s.
void Core::fail_at(NodeIndex node, wire::PartHeader& header, const Error& error) {
  ++counters_.failed;
  last_failure_ = error.message;
  const std::string_view executor = topology_->nodes[node.value].executor();
  header.failure = std::make_unique<wire::Failure>(
      wire::Failure{error.code, error.message, std::string(executor), {}});
}

bool Core::known(InstanceId id) {
  if (id == newest_peer_ && id) return true;
  if (!std::ranges::binary_search(peers_, id)) return false;
  newest_peer_ = id;
  return true;
}

void Core::send(Target to, wire::PartHeader& header, const Bytes& payload, Instant now) {
  header.target = to.id.value;
  if (known(to.id)) {
    hand_over(to, header, payload);
  } else if (header.topology_version > topology_->version && parked_.size() < kMaxParked) {
    parked_.push_back({to, copy_of(header), payload, now + kParkedFor});
  } else {
    ++counters_.no_peer;
  }
}

void Core::hand_over(Target to, wire::PartHeader& header, const Bytes& payload) {
  if (to.polling == Polling::kHash) {
    hand_out(to.id, header, payload);
  } else if (is_published(to.polling)) {
    port_.publish_part(to.id, header, payload);
  } else {
    port_.send_part(to.id, header, payload);
  }
}

// Each member of the lane or group gets the documents of its shard, also when there are none; a
// failure goes to all as it is. Documents that cannot be read fail the request where they would
// have gone.
void Core::hand_out(InstanceId target, wire::PartHeader& header, const Bytes& payload) {
  const Members to = members_of(*topology_, target);
  if (to.ids.empty()) {
    ++counters_.no_peer;
    return;
  }
  const std::size_t shards = topology_->nodes[to.node.value].shards;
  const bool failed = header.failure != nullptr;
  if (failed) split_.share(payload, shards);
  const Status dealt = failed ? Status() : split_.deal(payload, shards);
  if (!dealt) {
    fail_at(to.node, header, dealt.error());
    split_.share(Bytes(), shards);
  }
  const std::size_t replicas = std::max(to.ids.size() / shards, std::size_t{1});
  for (std::size_t i = 0; i < shards * replicas && i < to.ids.size(); ++i) {
    const InstanceId member = to.ids[i];
    if (!member) continue;  // of a group: not there
    header.target = member.value;
    if (known(member)) {
      port_.send_part(member, header, split_.part(i / replicas));
    } else {
      ++counters_.no_peer;
    }
  }
  split_.clear();
  if (!dealt) header.failure.reset();
}

void Core::send_parked() {
  std::vector<Parked> waiting;
  for (Parked& parked : parked_) {
    if (known(parked.to.id)) {
      hand_over(parked.to, parked.header, parked.payload);
    } else if (parked.header.topology_version > topology_->version) {
      waiting.push_back(std::move(parked));
    } else {
      ++counters_.no_peer;
    }
  }
  parked_ = std::move(waiting);
}

}  // namespace flow::worker
