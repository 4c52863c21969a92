#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <tuple>

#include "base/text.h"
#include "base/units.h"
#include "broker/core.h"

namespace flow::broker {
namespace {

constexpr std::size_t kNamed = 5;  // slots named in a reason

template <typename T>
Value integer(T value) {
  return Value(static_cast<std::int64_t>(value));
}

std::string enumerate(std::vector<std::string> troubles) {
  const std::size_t more = troubles.size() > kNamed ? troubles.size() - kNamed : 0;
  troubles.resize(troubles.size() - more);
  std::string text = join(troubles, ", ");
  if (more > 0) text += fmt::format(" and {} more", more);
  return text;
}

std::string main_address(const wire::Ready& ready) {
  for (const std::string& address : ready.client_addresses) {
    if (address.rfind("tcp://", 0) == 0) return address;
  }
  return ready.client_addresses.empty() ? std::string() : ready.client_addresses.front();
}

// Where an instance of an external executor forwards to; nullptr for any other.
const std::string* far_address(const graph::Graph& graph, const Slot& slot) {
  if (slot.role != wire::Role::kWorker || !graph[slot.node].external) return nullptr;
  const Value* hosts = graph[slot.node].with.find(graph::kForwarderHosts);
  const ValueList* list = hosts == nullptr ? nullptr : hosts->if_list();
  return list == nullptr || slot.replica >= list->size() ? nullptr
                                                         : (*list)[slot.replica].if_string();
}

// "0,1" as a list.
ValueList device_list(const Result<std::optional<std::string>>& devices) {
  ValueList list;
  if (!devices || !*devices || (*devices)->empty()) return list;
  for (const std::string_view device : split(**devices, ','))
    list.emplace_back(std::string(trim(device)));
  return list;
}

}  // namespace

std::string_view to_string(FlowState state) {
  constexpr std::array<std::string_view, 5> kNames = {"starting", "ready", "degraded", "draining",
                                                      "down"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string_view state_name(const Instance& instance) {
  if (instance.frozen || instance.cut_off()) return "degraded";
  switch (instance.state) {
    case wire::InstanceState::kStarting: return "starting";
    case wire::InstanceState::kServing: return "ready";
    case wire::InstanceState::kSuspect: return "degraded";
    case wire::InstanceState::kRetired: return "draining";
    case wire::InstanceState::kBehind: return "behind";
  }
  return "down";
}

std::string Core::wall(Instant when) const {
  const std::int64_t ms = options_.wall_offset_ms + when.time_since_epoch().count() / 1'000'000;
  const std::time_t seconds = ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     ms % 1000);
}

// A broker that has just started learns from the next beat since when a far end is away.
void Core::on_beat(Instance& instance, wire::Beat beat, Instant now) {
  const bool was_cut_off = instance.cut_off();
  if (beat.far_away <= Duration{}) {
    instance.far_lost_at = kNever;
  } else if (instance.far_lost_at == kNever) {
    instance.far_lost_at = now - beat.far_away;
  }
  instance.beat = std::move(beat);
  if (instance.cut_off() == was_cut_off) return;
  event(was_cut_off ? "far end back" : "far end away",
        fmt::format("{}: {}", instance.name,
                    was_cut_off ? "somebody answers again" : instance.beat.far_trouble));
}

// Why a slot does not serve; empty when it does. `far_ends`: what it forwards to must, too.
std::string Core::trouble_of(const std::string& name, const Slot& slot, bool far_ends) const {
  const auto holder = instances_.find(slot.holder);
  if (holder == instances_.end()) {
    return slot.last_left.empty() ? fmt::format("{} has not started", name)
                                  : fmt::format("{} is gone ({})", name, slot.last_left);
  }
  const Instance& instance = holder->second;
  if (instance.frozen) return fmt::format("{} is silent, as too many are at once", name);
  switch (instance.state) {
    case wire::InstanceState::kServing:
      return far_ends && instance.cut_off()
                 ? fmt::format("{} is cut off: {}", name, instance.beat.far_trouble)
                 : std::string();
    case wire::InstanceState::kStarting:
      if (const std::string lane = missing_lane(instance); instance.ready && !lane.empty())
        return lane;
      return slot.last_left.empty()
                 ? fmt::format("{} is starting", name)
                 : fmt::format("{} is starting again ({})", name, slot.last_left);
    case wire::InstanceState::kSuspect: return fmt::format("{} is {}", name, instance.reason);
    case wire::InstanceState::kRetired: return fmt::format("{} is draining", name);
    case wire::InstanceState::kBehind:
      return fmt::format("{} is behind: {}", name, instance.reason);
  }
  return {};
}

// Empty: at least one gateway serves.
std::string Core::missing_gateway() const {
  std::string trouble;
  for (const auto& [name, slot] : slots_) {
    if (slot.role != wire::Role::kGateway) continue;
    const std::string found = trouble_of(name, slot, false);
    if (found.empty()) return {};
    if (trouble.empty()) trouble = found;
  }
  return trouble;
}

bool Core::gateways_acknowledged() const {
  if (topology_.term != term_ || topology_.version != version_ || dirty_) return false;
  return std::all_of(instances_.begin(), instances_.end(), [this](const auto& entry) {
    const Instance& instance = entry.second;
    return instance.role != wire::Role::kGateway || !instance.serves() ||
           instance.acked_version >= version_;
  });
}

std::pair<FlowState, std::string> Core::judge_node(const graph::Node& node, bool far_ends) const {
  std::vector<std::string> troubles;
  std::size_t slots = 0;
  bool starting = true;
  for (const auto& [name, slot] : slots_) {
    if (slot.role != wire::Role::kWorker || slot.node != node.index) continue;
    ++slots;
    std::string trouble = trouble_of(name, slot, far_ends);
    if (!trouble.empty()) troubles.push_back(std::move(trouble));
    starting = starting && slot.last_left.empty();
  }
  if (troubles.empty()) {
    std::string lane = graph::uses_lanes(node) ? lane_trouble(node) : std::string();
    const FlowState state = lane.empty() ? FlowState::kReady : FlowState::kDegraded;
    return {state, std::move(lane)};
  }
  const bool none = troubles.size() == slots;
  const FlowState worst = starting && !was_ready_ ? FlowState::kStarting : FlowState::kDown;
  return {none ? worst : FlowState::kDegraded, enumerate(std::move(troubles))};
}

std::pair<FlowState, std::string> Core::judge(bool far_ends) const {
  if (draining_) return {FlowState::kDraining, "it was asked to drain"};
  if (!begun_) return {FlowState::kStarting, "waiting for the store"};
  std::vector<std::string> troubles;
  bool node_down = false;
  const std::vector<bool> answers = graph::answering(options_.graph);
  for (const graph::Node& node : options_.graph.nodes()) {
    auto [state, reason] = judge_node(node, far_ends);
    if (state == FlowState::kReady) continue;
    const bool down = state != FlowState::kDegraded && answers[node.index.value];
    node_down = node_down || down;
    if (std::ranges::find(troubles, reason) == troubles.end())
      troubles.push_back(std::move(reason));
  }
  const std::string gateway = missing_gateway();
  if (!gateway.empty()) troubles.push_back(gateway);
  std::string reason = enumerate(std::move(troubles));
  if (fenced_by_ > term_)
    return {FlowState::kDegraded, fmt::format("another broker leads with term {}", fenced_by_)};
  if (reason.empty()) {
    if (own_ready_ || gateways_acknowledged()) return {FlowState::kReady, {}};
    reason = "waiting for the gateway to take over the topology";
    return {was_ready_ ? FlowState::kDegraded : FlowState::kStarting, reason};
  }
  if (!was_ready_) return {FlowState::kStarting, reason};
  return {node_down || !gateway.empty() ? FlowState::kDown : FlowState::kDegraded, reason};
}

// What is not the flow's to start does not keep it from becoming ready; after that it counts.
void Core::update_state(Instant now) {
  auto [state, reason] = judge(false);
  own_ready_ = state == FlowState::kReady;
  was_ready_ = was_ready_ || own_ready_;
  const bool cut_off =
      std::ranges::any_of(instances_, [](const auto& entry) { return entry.second.cut_off(); });
  if (cut_off) std::tie(state, reason) = judge(true);
  reason_ = std::move(reason);
  if (state == state_) return;
  state_ = state;
  state_since_ = now;
  event("state", fmt::format("{}{}{}", to_string(state), reason_.empty() ? "" : ": ", reason_));
}

ValueMap Core::status(Instant now) const {
  ValueMap value;
  value.set("flow", options_.flow.name.value);
  value.set("state", std::string(to_string(state_)));
  value.set("reason", reason_);
  value.set("since", wall(state_since_));
  value.set("term", integer(term_));
  value.set("version", integer(version_));
  value.set("gateway", nullptr);
  ValueList executors;
  for (const graph::Node& node : options_.graph.nodes())
    executors.emplace_back(executor_status(node, now));
  value.set("executors", std::move(executors));
  ValueList gateways;
  for (const auto& [name, slot] : slots_) {
    if (slot.role != wire::Role::kGateway) continue;
    ValueMap row = slot_status(name, slot, now);
    const auto holder = instances_.find(slot.holder);
    ValueList addresses;
    if (holder != instances_.end() && holder->second.ready) {
      const wire::Ready& ready = *holder->second.ready;
      for (const std::string& address : ready.client_addresses)
        addresses.emplace_back(address);
      if (value.find("gateway")->is_null() && !main_address(ready).empty())
        value.set("gateway", main_address(ready));
    }
    row.set("addresses", std::move(addresses));
    gateways.emplace_back(std::move(row));
  }
  value.set("gateways", std::move(gateways));
  value.set("store", store_trouble_.empty() ? (store_answered_ ? "connected" : "waiting")
                                            : store_trouble_.c_str());
  return value;
}

ValueMap Core::executor_status(const graph::Node& node, Instant now) const {
  auto [state, reason] = judge_node(node, true);
  ValueMap value;
  value.set("name", node.name);
  value.set("uses", node.uses);
  value.set("shards", integer(node.shards));
  value.set("replicas", integer(node.replicas));
  value.set("state", std::string(to_string(state)));
  value.set("reason", reason);
  ValueList instances;
  ValueList warnings;
  for (std::uint16_t shard = 0; shard < node.shards; ++shard) {
    for (std::uint16_t replica = 0; replica < node.replicas; ++replica) {
      const std::string name = graph::instance_name(node, shard, replica);
      const Slot& slot = slots_.at(name);
      instances.emplace_back(slot_status(name, slot, now));
      const auto holder = instances_.find(slot.holder);
      if (holder == instances_.end()) continue;
      Value warning(device_warning(holder->second));
      const bool news = std::ranges::find(warnings, warning) == warnings.end();
      if (news && !warning.if_string()->empty()) warnings.push_back(std::move(warning));
    }
  }
  value.set("instances", std::move(instances));
  if (!warnings.empty()) value.set("warnings", std::move(warnings));
  if (graph::uses_lanes(node)) value.set("lanes", lanes_status(node));
  if (!node.replicate.empty()) value.set("groups", groups_status(node));
  return value;
}

ValueMap Core::slot_status(const std::string& name, const Slot& slot, Instant now) const {
  const auto holder = instances_.find(slot.holder);
  const bool held = holder != instances_.end();
  const Instance none;
  const Instance& instance = held ? holder->second : none;
  const bool waiting = !held && slot.last_left.empty();
  ValueMap value;
  value.set("name", name);
  value.set("id", integer(instance.id.value));
  value.set("host", instance.host);
  value.set("pid", integer(instance.pid));
  value.set("state", std::string(held ? state_name(instance) : waiting ? "starting" : "down"));
  value.set("reason", trouble_of(name, slot, true));
  const Instant held_since = instance.cut_off() ? instance.far_lost_at : instance.since;
  value.set("since", wall(held ? held_since : slot.since));
  value.set("shard", integer(slot.shard));
  value.set("replica", integer(slot.replica));
  value.set("queue", integer(instance.beat.queue));
  value.set("in_flight", integer(instance.beat.in_flight));
  value.set("executed", integer(instance.beat.executed));
  value.set("service_us", integer(instance.beat.service_us));
  value.set("restarts", integer(slot.incarnations == 0 ? 0 : slot.incarnations - 1));
  value.set("rss_bytes", integer(instance.beat.rss_bytes));
  value.set("devices", device_list(held ? devices_of(instance) : std::optional<std::string>()));
  value.set("executing_us", integer(instance.beat.executing_us));
  value.set("silent_us", integer(held ? to_us(silence(instance, now)) : 0));
  if (const std::string* address = far_address(options_.graph, slot)) {
    ValueMap far_end;
    far_end.set("address", *address);
    far_end.set("reachable", held && instance.serves() && !instance.cut_off());
    value.set("far_end", std::move(far_end));
  }
  return value;
}

}  // namespace flow::broker
