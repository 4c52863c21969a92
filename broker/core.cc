#include "broker/core.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"

namespace flow::broker {
namespace {

constexpr std::uint32_t kHighestId = 0xF0000000U;  // a hello cannot make the counter wrap
constexpr std::uint64_t kHighestTerm = 1ULL << 62;
constexpr std::uint32_t kIdsAhead = 256;      // saved as used before they are
constexpr std::uint32_t kIdsSkipped = 65536;  // by a broker that cannot ask the store
constexpr Duration kAskPause = std::chrono::milliseconds(100);
constexpr Duration kForgetConnection = std::chrono::seconds(10);

std::optional<wire::Topology> decode_topology(const Bytes& bytes) {
  if (bytes.empty()) return std::nullopt;
  Received received;
  received.first = bytes;
  auto message = wire::decode_control(std::move(received));
  if (message) {
    if (auto* topology = std::get_if<wire::Topology>(&*message)) return std::move(*topology);
  }
  log::error("the store's topology cannot be read and is ignored; {}",
             message ? "it is another message" : message.error().message);
  return std::nullopt;
}

wire::Ready ready_of(const wire::TopologyInstance& instance) {
  wire::Ready ready;
  ready.data_address = instance.data_address;
  ready.lane_address = instance.lane_address;
  ready.endpoints = instance.endpoints;
  ready.catch_all = instance.catch_all;
  ready.concurrency = instance.concurrency;
  ready.wants_matrix = instance.wants_matrix;
  return ready;
}

wire::Ready ready_of(const wire::TopologyGateway& gateway) {
  wire::Ready ready;
  ready.data_address = gateway.data_address;
  ready.lane_address = gateway.lane_address;
  return ready;
}

}  // namespace

Core::Core(CoreOptions options, Effects& effects)
    : options_(std::move(options)), effects_(effects) {
  for (const graph::Node& node : options_.graph.nodes()) {
    for (std::uint16_t shard = 0; shard < node.shards; ++shard) {
      for (std::uint16_t replica = 0; replica < node.replicas; ++replica) {
        Slot slot;
        slot.node = node.index;
        slot.shard = shard;
        slot.replica = replica;
        slots_.emplace(graph::instance_name(node, shard, replica), slot);
      }
    }
    if (!graph::is_published(node)) continue;
    for (const NodeIndex need : node.needs)
      publishers_[need].push_back(node.index);
  }
  Slot gateway;
  gateway.role = wire::Role::kGateway;
  slots_.emplace("gateway/0", gateway);
}

void Core::start(Instant now) {
  store_deadline_ = now + options_.store_wait;
  state_since_ = now;
  for (auto& [name, slot] : slots_)
    slot.since = now;
  effects_.store(store::Acquire{});
  update_state(now);
}

// The term is known (or the store did not answer in time): hellos are answered from now on.
void Core::begin(const store::Snapshot* snapshot, Instant now) {
  begun_ = true;
  term_ = highest_term_seen_ + 1;
  if (snapshot != nullptr) {
    term_ = std::max(term_, snapshot->term);
    use_id(snapshot->highest_id);
    if (const auto topology = decode_topology(snapshot->topology)) recall(*topology, now);
  } else {
    use_id(std::min(next_id_ + kIdsSkipped, kHighestId));
    log::warn("the store does not answer; going on without it, term={}", term_);
  }
  grace_until_ = now + options_.grace;
  // Ids were given that nobody remembers here: first come those who have one.
  const bool remembers = snapshot != nullptr && snapshot->highest_id > 0;
  newcomers_from_ = options_.restarted && !remembers ? grace_until_ : now;
  heard_floor_ = now;
  next_check_ = now;
  next_save_ = now;
  const auto hellos = std::exchange(early_hellos_, {});
  for (const auto& [from, hello] : hellos)
    adopt_offer(hello, now);
  save_topology();
  effects_.store(store::SaveSpec{options_.spec});
  for (const auto& [from, hello] : hellos)
    on_hello(from, hello, now);
  dirty_ = true;
}

// Instances of a topology that was in use before this broker started come back in their old state.
void Core::recall(const wire::Topology& topology, Instant now) {
  const std::pair offered{topology.term, topology.version};
  version_ = std::max(version_, topology.version);
  const bool former = topology.term < term_;  // our own is no news
  if (!former || offered <= adopted_ || topology.version == 0 || grace_over_) return;
  if (topology.flow != options_.flow.name.value) return;
  adopted_ = offered;
  from_before_ = true;
  for (auto it = instances_.begin(); it != instances_.end();) {
    const bool stale = it->second.recalled;
    if (stale) slots_[it->second.name].holder = InstanceId{};
    it = stale ? instances_.erase(it) : std::next(it);
  }
  for (const wire::TopologyInstance& known : topology.instances) {
    Slot* slot = find_slot(known.name, wire::Role::kWorker);
    use_id(known.id.value);
    if (slot == nullptr || !may_recall(known.id, *slot)) continue;
    Instance& instance = recalled_instance(known.id, known.name, *slot, now);
    instance.state = known.state;
    instance.ready = ready_of(known);
    instance.host = known.host;
    if (known.state == wire::InstanceState::kRetired) instance.retired_in = topology.version;
  }
  for (const wire::TopologyGateway& known : topology.gateways) {
    Slot* slot = find_slot(known.name, wire::Role::kGateway);
    use_id(known.id.value);
    if (slot == nullptr || !may_recall(known.id, *slot)) continue;
    Instance& instance = recalled_instance(known.id, known.name, *slot, now);
    instance.state = wire::InstanceState::kServing;
    instance.ready = ready_of(known);
    instance.host = known.host;
  }
  recall_lanes(topology, now);
  topology_ = topology;
  dirty_ = true;
}

bool Core::may_recall(InstanceId id, const Slot& slot) const {
  return !instances_.contains(id) && !dead_.contains(id) && slot.holder < id;
}

Instance& Core::recalled_instance(InstanceId id, const std::string& name, const Slot& slot,
                                  Instant now) {
  const InstanceId before = slot.holder;
  if (before) instances_.erase(before);
  Instance& instance = seat(id, slots_[name], name, now);
  instance.recalled = true;
  instance.retired_at = now;
  return instance;
}

Instance& Core::seat(InstanceId id, Slot& slot, const std::string& name, Instant now) {
  slot.holder = id;
  slot.since = now;
  ++slot.incarnations;
  Instance& instance = instances_[id];
  instance.id = id;
  instance.name = name;
  instance.role = slot.role;
  instance.node = slot.node;
  instance.shard = slot.shard;
  instance.replica = slot.replica;
  instance.since = now;
  instance.heard = now;
  dead_.erase(id);
  return instance;
}

void Core::receive(ConnectionId from, wire::ControlMessage message, Instant now) {
  if (const auto* request = std::get_if<wire::AdminRequest>(&message)) {
    on_admin(from, *request, now);
    return;
  }
  Connection* known = connection(from, now);
  if (known == nullptr) return;
  if (auto* hello = std::get_if<wire::Hello>(&message)) {
    ++counters_.hellos;
    raise_term(hello->term);
    use_id(hello->highest_id);
    use_id(hello->instance.value);
    if (hello->instance) from_before_ = from_before_ || !grace_over_;
    if (begun_) {
      on_hello(from, std::move(*hello), now);
    } else {
      early_hellos_.insert_or_assign(from, std::move(*hello));
    }
    return;
  }
  Instance* instance = speaker(from, now);
  if (instance == nullptr) return;
  if (auto* ready = std::get_if<wire::Ready>(&message)) {
    on_ready(*instance, std::move(*ready), now);
  } else if (auto* beat = std::get_if<wire::Beat>(&message)) {
    on_beat(*instance, std::move(*beat), now);
  } else if (const auto* ack = std::get_if<wire::TopologyAck>(&message)) {
    on_ack(*instance, *ack, now);
  } else if (auto* seen = std::get_if<wire::Subscriptions>(&message)) {
    on_subscriptions(*instance, std::move(*seen));
  } else if (const auto* exit = std::get_if<wire::Exit>(&message)) {
    on_exit(*instance, *exit, now);
  } else if (const auto* done = std::get_if<wire::CaughtUp>(&message)) {
    on_caught_up(*instance, *done, now);
  } else if (const auto* gone = std::get_if<wire::Gone>(&message)) {
    const auto named = instances_.find(gone->instance);
    if (named != instances_.end()) ask(named->second);
  } else {
    ++counters_.unexpected;
  }
}

// The entry of a connection; nullptr when there are too many.
Connection* Core::connection(ConnectionId from, Instant now) {
  const auto found = connections_.find(from);
  if (found != connections_.end()) {
    found->second.heard = now;
    return &found->second;
  }
  if (connections_.size() >= kMaxConnections) {
    std::erase_if(connections_, [this, now](const auto& entry) {
      return !instances_.contains(entry.second.instance) &&
             now - entry.second.heard > kForgetConnection;
    });
  }
  if (connections_.size() >= kMaxConnections) {
    ++counters_.overflow;
    return nullptr;
  }
  Connection& made = connections_[from];
  made.heard = now;
  return &made;
}

// Whose message it is; asks an unknown connection to introduce itself.
Instance* Core::speaker(ConnectionId from, Instant now) {
  Connection& entry = connections_[from];
  const auto found = instances_.find(entry.instance);
  if (found != instances_.end() && found->second.connection == from) {
    heard(found->second, now);
    return &found->second;
  }
  const auto dead = dead_.find(entry.instance);
  if (dead != dead_.end()) {
    if (!dead->second.empty()) refuse(from, dead->second);
    return nullptr;
  }
  ++counters_.unknown;
  if (entry.was_asked && now - entry.asked < kAskPause) return nullptr;
  entry.was_asked = true;
  entry.asked = now;
  wire::Welcome question;
  question.term = term_;
  effects_.send(from, question);
  return nullptr;
}

void Core::adopt_offer(const wire::Hello& hello, Instant now) {
  if (!hello.topology) return;
  for (const wire::TopologyInstance& instance : hello.topology->instances)
    use_id(instance.id.value);
  for (const wire::TopologyLane& lane : hello.topology->lanes)
    use_id(lane.id.value);
  for (const wire::TopologyGroup& group : hello.topology->groups)
    use_id(group.id.value);
  raise_term(hello.topology->term);
  const std::uint64_t before = version_;
  recall(*hello.topology, now);
  if (version_ != before) dirty_ = forced_ = true;
}

void Core::on_hello(ConnectionId from, wire::Hello hello, Instant now) {
  Slot* slot = find_slot(hello.name, hello.role);
  if (slot == nullptr) {
    refuse(from, fmt::format("flow '{}' has no place for '{}'; expected {}",
                             options_.flow.name.value, hello.name, known_slots(hello.role)));
    return;
  }
  const bool ours = instances_.contains(hello.instance) || dead_.contains(hello.instance);
  if (hello.instance && !ours && hello.term == term_) raise_term(term_ + 1);  // a former broker's
  adopt_offer(hello, now);
  if (hello.instance) {
    hello_again(from, *slot, hello, now);
  } else if (now >= newcomers_from_) {  // before that it is not answered, and says it again
    hello_first(from, *slot, hello, now);
  }
}

void Core::hello_again(ConnectionId from, Slot& slot, wire::Hello& hello, Instant now) {
  const InstanceId id = hello.instance;
  const auto dead = dead_.find(id);
  if (dead != dead_.end()) {
    if (!dead->second.empty()) refuse(from, dead->second);
    return;
  }
  auto found = instances_.find(id);
  if (found != instances_.end() && found->second.name != hello.name) {
    refuse(from,
           fmt::format("instance {} is {}, not {}", id.value, found->second.name, hello.name));
    return;
  }
  if (found == instances_.end()) {
    if (slot.holder > id) {
      refuse(from, fmt::format("{} is instance {} now", hello.name, slot.holder.value));
      return;
    }
    if (slot.holder) die(slot.holder, "a new incarnation took its place", now, true);
    seat(id, slot, hello.name, now);
    found = instances_.find(id);
  }
  Instance& instance = found->second;
  attach(instance, from, hello, now);
  if (!welcome(instance, now)) return;
  if (hello.ready) on_ready(instance, std::move(*hello.ready), now);
}

void Core::hello_first(ConnectionId from, Slot& slot, wire::Hello& hello, Instant now) {
  const auto same = instances_.find(connections_[from].instance);
  if (same != instances_.end() && same->second.name == hello.name &&
      same->second.pid == hello.pid) {
    heard(same->second, now);
    welcome(same->second, now);  // it repeated itself before the answer came
    return;
  }
  const auto holder = instances_.find(slot.holder);
  if (holder != instances_.end()) {
    if (holder->second.state == wire::InstanceState::kRetired) {
      ask(holder->second);
    } else {
      die(slot.holder, "a new incarnation took its place", now, true);
    }
  }
  const InstanceId id{next_id_};
  use_id(id.value);
  if (next_id_ >= reserved_id_) save_topology();
  if (!slot.host.empty() && slot.host != hello.host)
    event("moved", fmt::format("{} from {} to {}", hello.name, slot.host, hello.host));
  Instance& instance = seat(id, slot, hello.name, now);
  attach(instance, from, hello, now);
  save_assignment(instance);
  welcome(instance, now);
}

void Core::attach(Instance& instance, ConnectionId from, const wire::Hello& hello, Instant now) {
  instance.connection = from;
  connections_[from].instance = instance.id;
  instance.pid = hello.pid;
  instance.host = hello.host;
  instance.version = hello.version;
  instance.devices = hello.devices;
  instance.recalled = false;
  instance.sent_version = 0;
  instance.copies = InstanceId{};  // it may not know of it
  slots_[instance.name].host = hello.host;
  heard(instance, now);
  dirty_ = true;
  const bool plans = instance.role != wire::Role::kGateway || hello.topology.has_value();
  if (plans || !publishes(instance.node)) return;
  set_state(instance, wire::InstanceState::kStarting, {}, now);  // it was never given a topology
  if (!instance.told) instance.seen.clear();
}

void Core::on_ready(Instance& instance, wire::Ready ready, Instant now) {
  if (ready.data_address.empty()) {
    const std::string reason =
        fmt::format("{} is ready without a data address; expected one", instance.name);
    die(instance.id, reason, now, true);
    return;
  }
  const bool first = instance.comes_up();
  instance.ready = std::move(ready);
  instance.sent_version = 0;
  dirty_ = true;
  if (instance.waits() && !publishes(instance.node)) admit(instance, now);
  if (!first) return;
  ++counters_.joined;
  event("joined", fmt::format("{} instance {} on {}", instance.name, instance.id.value,
                              instance.host.empty() ? "an unnamed host" : instance.host));
}

void Core::on_ack(Instance& instance, const wire::TopologyAck& ack, Instant now) {
  if (ack.accepted) {
    if (ack.version > version_) return;
    instance.acked_version = std::max(instance.acked_version, ack.version);
    instance.oldest_plan = ack.oldest_plan;
    dirty_ = dirty_ || replicas_wait_ || (lanes_wait_ && publishes(instance.node));
    return;
  }
  ++counters_.rejected;
  log::warn("topology not accepted by={} its_version={} reason={}", instance.name, ack.version,
            ack.reason);
  if (ack.version < version_ || ack.version >= kHighestTerm) return;
  version_ = ack.version;  // it holds a newer one than we knew: go above
  dirty_ = forced_ = true;
  next_push_ = std::max(next_push_, now);
}

void Core::on_exit(Instance& instance, const wire::Exit& exit, Instant now) {
  const bool serves = instance.serves() || instance.state == wire::InstanceState::kSuspect;
  if (exit.planned && instance.role == wire::Role::kWorker && serves) {
    retire(instance, exit.reason.empty() ? "it asked to leave" : exit.reason, now);
    return;
  }
  instance.connection.reset();
  if (exit.planned) instance.state = wire::InstanceState::kRetired;
  die(instance.id, exit.reason.empty() ? "it ended" : exit.reason, now, true);
}

void Core::unreachable(ConnectionId connection, Instant now) {
  const auto found = connections_.find(connection);
  std::erase_if(waiters_,
                [connection](const Waiter& waiter) { return waiter.connection == connection; });
  if (found == connections_.end()) return;
  const auto instance = instances_.find(found->second.instance);
  if (instance != instances_.end() && instance->second.connection == connection) {
    instance->second.connection.reset();
    connection_lost(now);
  }
  connections_.erase(found);
}

void Core::refuse(ConnectionId to, std::string message) {
  ++counters_.refused;
  effects_.send(to, wire::Refused{std::move(message)});
}

void Core::use_id(std::uint32_t id) {
  if (id < kHighestId) next_id_ = std::max(next_id_, id + 1);
}

void Core::reserve_ids() {
  reserved_id_ = std::max(reserved_id_, next_id_ + kIdsAhead);
}

void Core::raise_term(std::uint64_t seen) {
  if (seen >= kHighestTerm) return;
  highest_term_seen_ = std::max(highest_term_seen_, seen);
  if (!begun_ || seen <= term_ || fenced_by_ > term_) return;
  term_ = seen + 1;
  dirty_ = forced_ = true;
}

Slot* Core::find_slot(const std::string& name, wire::Role role) {
  const auto found = slots_.find(name);
  if (found != slots_.end()) return found->second.role == role ? &found->second : nullptr;
  if (role != wire::Role::kGateway) return nullptr;
  for (std::uint32_t n = 1; n < kMaxGateways; ++n) {
    if (name != fmt::format("gateway/{}", n)) continue;
    Slot slot;
    slot.role = role;
    return &slots_.emplace(name, slot).first->second;
  }
  return nullptr;
}

std::string Core::known_slots(wire::Role role) const {
  constexpr std::size_t kNamed = 32;
  std::vector<std::string> names;
  for (const auto& [name, slot] : slots_) {
    if (slot.role == role && names.size() < kNamed) names.push_back(name);
  }
  if (names.size() == kNamed) names.emplace_back("...");
  return names.empty() ? "no such process at all" : join(names, ", ");
}

}  // namespace flow::broker
