#include "gateway/core.h"

#include <fmt/format.h>

#include <algorithm>

#include "route/left_out.h"

namespace flow::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLongestDeadline = seconds(600);
constexpr Duration kRetryAfter = milliseconds(50);
constexpr std::uint32_t kMaxSlots = 60'000;
constexpr std::size_t kMaxEndpoint = 256;

std::uint32_t table_limit(const Settings& settings) {
  // Twice what may be in flight: answered requests whose hanging work still runs keep their slot.
  return std::min(2 * settings.max_in_flight + settings.max_queued, kMaxSlots);
}

}  // namespace

Core::Core(const Settings& settings, InstanceId self, std::uint32_t host, Effects& effects)
    : settings_(settings),
      self_(self),
      host_(host),
      effects_(effects),
      table_(table_limit(settings)) {
  header_.request.gateway = self_;
  header_.sent_on_host = host_;
}

void Core::on_topology(std::shared_ptr<const wire::Topology> topology, Instant now) {
  filters_.update(*topology);
  const std::vector<InstanceId> gone = planner_.update(std::move(topology));
  hop_names_.forget();
  note_empty(now);
  queues_.resize(std::max(queues_.size(), planner_.endpoints()));
  if (!gone.empty()) lose(gone, now);
  room_ = true;
  pump(now);
}

void Core::on_gone(InstanceId instance, Instant now) {
  if (!planner_.remove(instance)) return;
  note_empty(now);
  lose({instance}, now);
  room_ = true;
}

// Since when a node lacks what: who waits for it fails after `unavailable_after`.
void Core::note_empty(Instant now) {
  empty_since_.resize(planner_.topology()->nodes.size());
  for (std::uint16_t n = 0; n < empty_since_.size(); ++n) {
    empty_since_[n].resize(planner_.lacks(NodeIndex{n}), kNever);
    for (std::uint32_t lack = 0; lack < empty_since_[n].size(); ++lack) {
      Instant& since = empty_since_[n][lack];
      since = planner_.has(NodeIndex{n}, lack) ? kNever : std::min(since, now);
    }
  }
}

void Core::refuse(ClientId client, std::uint64_t client_request, wire::Failure failure,
                  Duration retry_after) {
  counters_.add(Counter::kRefused);
  wire::Response response;
  response.id = client_request;
  response.failure = std::make_unique<wire::Failure>(std::move(failure));
  response.retry_after = retry_after;
  effects_.answer(client, response);
}

inline Core::Unwanted Core::unwanted(const wire::Request& request) const {
  const std::size_t size = request.payload.size();
  if (draining_) return Unwanted::kDraining;
  if (planner_.topology() == nullptr) return Unwanted::kStarting;
  if (request.endpoint.empty() || request.endpoint.size() > kMaxEndpoint)
    return Unwanted::kEndpoint;
  if (size > settings_.max_request) return Unwanted::kLarge;
  if (queued_ >= settings_.max_queued) return Unwanted::kQueueFull;
  if (bytes_ > 0 && bytes_ + size > settings_.max_in_flight_bytes) return Unwanted::kBytesFull;
  return Unwanted::kNo;
}

void Core::turn_away(ClientId client, const wire::Request& request, Unwanted why) {
  const auto say = [&](Errc code, std::string message, Duration retry_after = {}) {
    refuse(client, request.id, {code, std::move(message), {}, {}}, retry_after);
  };
  switch (why) {
    case Unwanted::kNo: return;
    case Unwanted::kDraining:
      return say(Errc::kUnavailable, fmt::format("flow '{}' is shutting down", settings_.flow));
    case Unwanted::kStarting:
      return say(Errc::kUnavailable, fmt::format("flow '{}' is starting", settings_.flow),
                 kRetryAfter);
    case Unwanted::kEndpoint:
      return say(Errc::kInvalidArgument,
                 fmt::format("the endpoint must have 1 to {} bytes, it has {}", kMaxEndpoint,
                             request.endpoint.size()));
    case Unwanted::kLarge:
      return say(Errc::kTooLarge, fmt::format("the documents have {} bytes, at most {} are allowed "
                                              "([gateway] max_request); send fewer in a request",
                                              request.payload.size(), settings_.max_request));
    case Unwanted::kQueueFull:
      return say(Errc::kOverloaded,
                 fmt::format("{} requests are waiting, the limit ([gateway] max_queued)", queued_),
                 kRetryAfter);
    case Unwanted::kBytesFull:
      return say(Errc::kOverloaded,
                 fmt::format("requests with {} bytes are under way, at most {} may be "
                             "([gateway] max_in_flight_bytes)",
                             bytes_, settings_.max_in_flight_bytes),
                 kRetryAfter);
  }
}

bool Core::acceptable(ClientId client, const wire::Request& request) {
  const Unwanted why = unwanted(request);
  if (why == Unwanted::kNo) return true;
  turn_away(client, request, why);
  return false;
}

void Core::on_request(ClientId client, wire::Request&& request, Instant now) {
  if (const Unwanted why = unwanted(request); why != Unwanted::kNo)
    return turn_away(client, request, why);
  const std::vector<bool>* skip = nullptr;
  if (!request.target_executor.empty()) {
    const auto found = targets_.skips(request.target_executor, *planner_.topology());
    if (!found)
      return refuse(client, request.id, {found.error().code, found.error().message, {}, {}}, {});
    skip = *found;
  }
  Pending* const taken = table_.take();
  if (taken == nullptr) {
    refuse(client, request.id, {Errc::kOverloaded, "too many requests are under way", {}, {}},
           kRetryAfter);
    return;
  }
  counters_.add(Counter::kAccepted);
  Pending& entry = *taken;
  entry.client = client;
  entry.client_request = request.id;
  entry.endpoint = planner_.endpoint(request.endpoint);
  entry.skips = skip != nullptr;
  if (entry.skips) entry.skip = *skip;
  entry.accepted = now;
  const Duration allowed = request.timeout > Duration{} ? request.timeout : settings_.deadline;
  entry.deadline = now + std::min(allowed, kLongestDeadline);
  entry.bytes = request.payload.size();
  entry.payload = std::move(request.payload);
  entry.parameters = std::move(request.parameters);
  entry.written_ns = stamp(now);
  if (entry.name != request.endpoint) entry.name = request.endpoint;
  bytes_ += entry.bytes;
  deadlines_.add(RequestTable::slot(entry), entry.deadline);
  SlotQueue& queue = queues_[entry.endpoint];
  if (queue.empty() && retries_.empty()) {
    if (!waits(admit(entry, now))) return;
  }
  queue.push(table_, RequestTable::slot(entry));
  ++queued_;
}

// The wall clock, or the instant behind the stamp before: no two requests have the same.
std::uint64_t Core::stamp(Instant now) {
  const Duration wall = std::max(now.time_since_epoch() + wall_offset_, Duration{});
  last_stamp_ = std::max(last_stamp_ + 1, static_cast<std::uint64_t>(wall.count()));
  return last_stamp_;
}

// Lets in what has room: first the repeated, then endpoint by endpoint in turns.
void Core::pump(Instant now) {
  room_ = false;
  if (!pump_retries(now) || queued_ == 0) return;
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    SlotQueue& queue = queues_[(next_queue_ + i) % queues_.size()];
    if (pump_queue(queue, now)) next_queue_ = (next_queue_ + i + 1) % queues_.size();
  }
}

// Those without room hold up all that comes after them, those who wait for somebody do not. False
// when there is no room.
bool Core::pump_retries(Instant now) {
  for (std::uint32_t left = retries_.size(); left > 0; --left) {
    const std::uint32_t slot = retries_.front();
    const Admission admission = admit(table_[slot], now);
    if (admission == Admission::kFull) return false;
    retries_.pop(table_);
    if (admission == Admission::kNobody) retries_.push(table_, slot);
  }
  return true;
}

bool Core::pump_queue(SlotQueue& queue, Instant now) {
  bool any = false;
  while (!queue.empty()) {
    if (waits(admit(table_[queue.front()], now))) break;
    // An ended request is still linked: its slot is only reused by a later take().
    queue.pop(table_);
    --queued_;
    any = true;
  }
  return any;
}

Core::Admission Core::admit(Pending& entry, Instant now) {
  const wire::Topology& topology = *planner_.topology();
  if (topology.nodes.empty()) return echo(entry, now);
  if (entry.state == Pending::State::kQueued && in_flight_ >= settings_.max_in_flight)
    return Admission::kFull;
  route::Blocked blocked;
  Flight& flight = table_.launch(entry);
  if (!planner_.plan(entry.endpoint, entry.bytes, entry.skips ? entry.skip : no_skip_, now,
                     flight.plan, flight.choices, blocked)) {
    if (entry.state == Pending::State::kQueued) table_.land(entry);
    return blocked_on(entry, blocked, now);
  }
  enter(entry);
  dispatch(entry, now);
  return topology.sink == kGatewayNode ? echo(entry, now) : Admission::kAdmitted;
}

// From now on it counts as in flight; end() counts it down again.
void Core::enter(Pending& entry) {
  if (entry.state == Pending::State::kQueued) ++in_flight_;
  entry.state = Pending::State::kInFlight;
}

// A flow without executors, or with floating ones only: the answer is the request.
Core::Admission Core::echo(Pending& entry, Instant now) {
  enter(entry);
  wire::Response response;
  response.payload = entry.payload;
  answer(entry, response, now);
  end(entry, now);
  return Admission::kEnded;
}

// Blocked because all targets are full: waits. Because there is nobody: waits `unavailable_after`.
Core::Admission Core::blocked_on(Pending& entry, const route::Blocked& blocked, Instant now) {
  if (!blocked.nobody) return Admission::kFull;
  const Instant waits_since = entry.flight == nullptr ? entry.accepted : entry.flight->retry_at;
  const Instant since = std::max(empty_since_[blocked.node.value][blocked.lack], waits_since);
  if (now - since < settings_.unavailable_after) return Admission::kNobody;
  const std::string_view executor = planner_.topology()->nodes[blocked.node.value].executor();
  answer_failure(entry, {Errc::kUnavailable, planner_.describe(blocked), std::string(executor), {}},
                 now);
  return Admission::kEnded;
}

// The request lends the header what belongs to it.
void Core::dispatch(Pending& entry, Instant now) {
  Flight& flight = *entry.flight;
  flight.topology_version = planner_.topology()->version;
  flight.sent_at = now;
  header_.request.sequence = entry.sequence;
  header_.attempt = entry.attempt;
  header_.topology_version = flight.topology_version;
  header_.remaining = entry.deadline - now;
  header_.sent_at = now;
  header_.written_ns = entry.written_ns;
  if (header_.endpoint != entry.name) header_.endpoint = entry.name;
  header_.plan.swap(flight.plan);
  const bool has_parameters = !entry.parameters.empty();
  if (has_parameters) header_.parameters = entry.parameters;
  header_.missing.clear();
  if (planner_.sharded()) add_missing(planner_, flight.choices, header_);
  const auto send_to = [&](NodeIndex name, NodeIndex node) {
    if (header_.plan[node.value].target == 0) return;
    header_.source = name;
    filters_.has(node) ? send_passing(entry, node) : send(entry, node, entry.payload);
  };
  route::for_each_receiver(kGatewayNode, planner_.shape(), header_.plan, send_to);
  if (has_parameters) header_.parameters.clear();
  header_.plan.swap(flight.plan);
}

// What passes the node's filter goes; documents that it cannot judge fail at that node.
void Core::send_passing(Pending& entry, NodeIndex node) {
  const Result<Bytes> passing = filters_.passing(node, entry.payload);
  passing ? send(entry, node, *passing) : send_failed(entry, node, passing.error());
}

void Core::send_failed(Pending& entry, NodeIndex node, const Error& error) {
  const std::string_view executor = planner_.topology()->nodes[node.value].executor();
  header_.failure = std::make_unique<wire::Failure>(
      wire::Failure{error.code, error.message, std::string(executor), {}});
  send(entry, node, entry.payload);
  header_.failure.reset();
}

inline void Core::send(Pending& entry, NodeIndex node, const Bytes& payload) {
  const wire::PlanEntry& plan = header_.plan[node.value];
  if (plan.polling == wire::Polling::kHash) return send_split(entry, node, payload);
  header_.target = plan.target;
  if (is_published(plan.polling)) {
    effects_.publish_part(InstanceId{plan.target}, header_, payload);
  } else {
    effects_.send_part(InstanceId{plan.target}, header_, payload);
  }
}

// Every member gets the documents of its shard, also when there are none; a failure goes to all as
// it is.
void Core::send_split(Pending& entry, NodeIndex node, const Bytes& payload) {
  const std::size_t shards = planner_.topology()->nodes[node.value].shards;
  if (header_.failure != nullptr) {
    split_.share(payload, shards);
  } else if (const Status dealt = split_.deal(payload, shards); !dealt) {
    return send_failed(entry, node, dealt.error());
  }
  for (const route::Choice& member : entry.flight->choices.of(node)) {
    header_.target = member.instance.value;
    effects_.send_part(member.instance, header_, split_.part(member.shard));
  }
  split_.clear();
}

void Core::on_cancel(ClientId client, std::uint64_t client_request, Instant now) {
  for (std::uint32_t slot = 0; slot < table_.slots(); ++slot) {
    Pending& entry = table_[slot];
    if (entry.client == client && entry.client_request == client_request) drop(entry, now);
  }
}

void Core::on_client_gone(ClientId client, Instant now) {
  for (std::uint32_t slot = 0; slot < table_.slots(); ++slot) {
    if (table_[slot].client == client) drop(table_[slot], now);
  }
}

void Core::drain() {
  draining_ = true;
}

std::uint64_t Core::oldest_plan() const {
  std::uint64_t oldest = planner_.topology() == nullptr ? 0 : planner_.topology()->version;
  for (std::uint32_t slot = 0; slot < table_.slots(); ++slot) {
    const Pending& entry = table_[slot];
    if (entry.sent()) oldest = std::min(oldest, entry.flight->topology_version);
  }
  return oldest;
}

}  // namespace flow::gateway
