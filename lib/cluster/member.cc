#include "cluster/member.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace flow::cluster {
namespace {

using std::chrono::milliseconds;

constexpr Duration kLongestHelloWait = std::chrono::seconds(1);
constexpr Duration kDefaultBeat = milliseconds(200);
constexpr Duration kShortestBeat = milliseconds(10);

// A broker that just started asks once for every message it finds waiting; one answer is enough.
constexpr Duration kHelloPause = milliseconds(50);

std::uint32_t highest_id(InstanceId own, const wire::Topology* topology) {
  std::uint32_t highest = own.value;
  if (topology == nullptr) return highest;
  for (const wire::TopologyInstance& instance : topology->instances)
    highest = std::max(highest, instance.id.value);
  for (const wire::TopologyGateway& gateway : topology->gateways)
    highest = std::max(highest, gateway.id.value);
  for (const wire::TopologyLane& lane : topology->lanes)
    highest = std::max(highest, lane.id.value);
  for (const wire::TopologyGroup& group : topology->groups)
    highest = std::max(highest, group.id.value);
  return highest;
}

}  // namespace

Member::Member(Identity identity, BrokerPort& port) : identity_(std::move(identity)), port_(port) {}

std::vector<MemberEvent> Member::receive(wire::ControlMessage message, Instant now) {
  std::vector<MemberEvent> events;
  if (auto* welcome = std::get_if<wire::Welcome>(&message)) {
    on(std::move(*welcome), now, events);
  } else if (auto* topology = std::get_if<wire::Topology>(&message)) {
    on(std::move(*topology), events);
  } else if (auto* refused = std::get_if<wire::Refused>(&message)) {
    events.emplace_back(RefusedByBroker{std::move(refused->message)});
  } else if (const auto* drain = std::get_if<wire::Drain>(&message)) {
    events.emplace_back(DrainAsked{drain->timeout});
  } else if (const auto* order = std::get_if<wire::CatchUp>(&message)) {
    events.emplace_back(CopyAsked{order->sibling});
  } else {
    ++ignored_;
  }
  return events;
}

void Member::on(wire::Welcome welcome, Instant now, std::vector<MemberEvent>& events) {
  if (!welcome.instance) {
    // Also from a broker with a lower term: it lost its memory and learns ours from the hello.
    if (!said_hello_ || now - said_hello_at_ >= kHelloPause) say_hello(now);
    return;
  }
  const bool first = !instance_;
  if (welcome.term < term_ || (!first && welcome.instance != instance_)) {
    ++ignored_;
    return;
  }
  const bool news = welcome.term > term_ || !first;  // a broker that may not know what we see
  term_ = welcome.term;
  if (news && publishes_) port_.send(subscriptions_);
  beat_every_ = std::max(welcome.beat > Duration{} ? welcome.beat : kDefaultBeat, kShortestBeat);
  if (!first) return;
  instance_ = welcome.instance;
  next_beat_ = now + beat_every_;
  if (ready_) port_.send(*ready_);
  events.emplace_back(Welcomed{std::move(welcome)});
}

void Member::on(wire::Topology topology, std::vector<MemberEvent>& events) {
  const std::uint64_t held = topology_ == nullptr ? 0 : topology_->version;
  if (topology.term < term_) {
    ++ignored_;
    return;
  }
  if (topology_ != nullptr && topology.version <= held) {
    ++ignored_;
    const bool same = topology.version == held && topology.term == topology_->term;
    if (!same) {
      port_.send(wire::TopologyAck{
          held, false, fmt::format("holds version {} of term {}", held, topology_->term), 0});
    } else if (acked_version_ == held) {
      port_.send(wire::TopologyAck{held, true, {}, oldest_plan_});
    }
    return;
  }
  if (topology_ != nullptr && topology.nodes != topology_->nodes) {
    ++ignored_;
    port_.send(
        wire::TopologyAck{held, false, "it is another graph; stop the flow to change it", 0});
    return;
  }
  term_ = topology.term;
  topology_ = std::make_shared<const wire::Topology>(std::move(topology));
  events.emplace_back(TopologyChanged{topology_});
}

Instant Member::tick(Instant now) {
  if (!instance_) {
    if (said_hello_ && now < next_hello_) return next_hello_;
    say_hello(now);
    next_hello_ = now + hello_wait_;
    hello_wait_ = std::min(2 * hello_wait_, kLongestHelloWait);
    return next_hello_;
  }
  if (now >= next_beat_) {
    port_.send(beat_);
    next_beat_ = now + beat_every_;
  }
  return next_beat_;
}

void Member::say_hello(Instant now) {
  wire::Hello hello;
  hello.role = identity_.role;
  hello.name = identity_.name;
  hello.instance = instance_;
  hello.term = term_;
  hello.highest_id = highest_id(instance_, topology_.get());
  hello.pid = identity_.pid;
  hello.host = identity_.host;
  hello.version = identity_.version;
  hello.devices = identity_.devices;
  if (identity_.role == wire::Role::kGateway && topology_ != nullptr) hello.topology = *topology_;
  hello.ready = ready_;
  said_hello_ = true;
  said_hello_at_ = now;
  port_.send(hello);
}

void Member::ready(wire::Ready ready) {
  ready_ = std::move(ready);
  if (instance_) port_.send(*ready_);
}

void Member::acknowledge(std::uint64_t version, std::uint64_t oldest_plan) {
  acked_version_ = version;
  oldest_plan_ = oldest_plan;
  port_.send(wire::TopologyAck{version, true, {}, oldest_plan});
}

void Member::leave(const std::string& reason, bool planned) {
  port_.send(wire::Exit{reason, planned});
}

void Member::set_subscriptions(std::vector<wire::LaneMark> marks) {
  if (marks == subscriptions_.marks) return;
  publishes_ = true;
  subscriptions_.marks = std::move(marks);
  if (instance_) port_.send(subscriptions_);
}

void Member::report_gone(InstanceId instance) {
  port_.send(wire::Gone{instance});
}

}  // namespace flow::cluster
