#include "gateway/core.h"

#include <fmt/format.h>

#include <algorithm>

namespace flow::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLongestDeadline = seconds(600);
constexpr Duration kRetryAfter = milliseconds(50);
constexpr Duration kTailKept = seconds(30);  // for work that goes on behind an answer
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
      table_(table_limit(settings)) {}

void Core::on_topology(std::shared_ptr<const wire::Topology> topology, Instant now) {
  const std::vector<InstanceId> gone = planner_.update(std::move(topology));
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

// Since when nobody can be planned for a node: what waits for it fails after `unavailable_after`.
void Core::note_empty(Instant now) {
  empty_since_.resize(planner_.topology()->nodes.size(), kNever);
  for (std::uint16_t n = 0; n < empty_since_.size(); ++n) {
    empty_since_[n] = planner_.serving(NodeIndex{n}) ? kNever : std::min(empty_since_[n], now);
  }
}

void Core::refuse(ClientId client, std::uint64_t client_request, wire::Failure failure,
                  Duration retry_after) {
  counters_.add(Counter::kRefused);
  response_ = wire::Response();
  response_.id = client_request;
  response_.failure = std::make_unique<wire::Failure>(std::move(failure));
  response_.retry_after = retry_after;
  effects_.answer(client, response_);
}

bool Core::acceptable(ClientId client, const wire::Request& request) {
  const auto say = [&](Errc code, std::string message, Duration retry_after = {}) {
    refuse(client, request.id, {code, std::move(message), {}, {}}, retry_after);
    return false;
  };
  if (draining_) {
    return say(Errc::kUnavailable, fmt::format("flow '{}' is shutting down", settings_.flow));
  }
  if (planner_.topology() == nullptr) {
    return say(Errc::kUnavailable, fmt::format("flow '{}' is starting", settings_.flow),
               kRetryAfter);
  }
  if (request.endpoint.empty() || request.endpoint.size() > kMaxEndpoint) {
    return say(Errc::kInvalidArgument,
               fmt::format("the endpoint must have 1 to {} bytes, it has {}", kMaxEndpoint,
                           request.endpoint.size()));
  }
  if (request.payload.size() > settings_.max_request) {
    return say(Errc::kTooLarge, fmt::format("the documents have {} bytes, at most {} are allowed "
                                            "([gateway] max_request); send fewer in a request",
                                            request.payload.size(), settings_.max_request));
  }
  if (queued_ >= settings_.max_queued) {
    return say(Errc::kOverloaded,
               fmt::format("{} requests are waiting, the limit ([gateway] max_queued)", queued_),
               kRetryAfter);
  }
  if (bytes_ > 0 && bytes_ + request.payload.size() > settings_.max_in_flight_bytes) {
    return say(Errc::kOverloaded,
               fmt::format("requests with {} bytes are under way, at most {} may be "
                           "([gateway] max_in_flight_bytes)",
                           bytes_, settings_.max_in_flight_bytes),
               kRetryAfter);
  }
  return true;
}

void Core::on_request(ClientId client, wire::Request request, Instant now) {
  if (!acceptable(client, request)) return;
  const Result<const std::vector<bool>*> skip =
      targets_.skips(request.target_executor, *planner_.topology());
  if (!skip) {
    refuse(client, request.id, {skip.error().code, skip.error().message, {}, {}}, {});
    return;
  }
  const std::uint32_t slot = table_.take();
  if (slot == kNoSlot) {
    refuse(client, request.id, {Errc::kOverloaded, "too many requests are under way", {}, {}},
           kRetryAfter);
    return;
  }
  counters_.add(Counter::kAccepted);
  Pending& entry = table_[slot];
  entry.client = client;
  entry.client_request = request.id;
  entry.endpoint = planner_.endpoint(request.endpoint);
  entry.skip = **skip;
  entry.accepted = now;
  const Duration allowed = request.timeout > Duration{} ? request.timeout : settings_.deadline;
  entry.deadline = now + std::min(allowed, kLongestDeadline);
  entry.bytes = request.payload.size();
  entry.payload = std::move(request.payload);
  entry.header.request = {self_, entry.sequence};
  entry.header.endpoint.swap(request.endpoint);
  entry.header.parameters = std::move(request.parameters);
  bytes_ += entry.bytes;
  deadlines_.add(slot, entry.deadline);
  SlotQueue& queue = queues_[entry.endpoint];
  if (queue.empty() && retries_.empty()) {
    if (admit(slot, now) != Admission::kBlocked) return;
  }
  queue.push(table_, slot);
  ++queued_;
}

// Lets in what has room: first the repeated, then endpoint by endpoint in turns.
void Core::pump(Instant now) {
  room_ = false;
  pump_queue(retries_, now);
  if (!retries_.empty() || queued_ == 0) return;
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    SlotQueue& queue = queues_[(next_queue_ + i) % queues_.size()];
    if (pump_queue(queue, now)) next_queue_ = (next_queue_ + i + 1) % queues_.size();
  }
}

bool Core::pump_queue(SlotQueue& queue, Instant now) {
  bool any = false;
  while (!queue.empty()) {
    const std::uint32_t slot = queue.front();
    const bool was_queued = table_[slot].state == Pending::State::kQueued;
    if (admit(slot, now) == Admission::kBlocked) break;
    // An ended request is still linked: its slot is only reused by a later take().
    queue.pop(table_);
    if (was_queued) --queued_;
    any = true;
  }
  return any;
}

Core::Admission Core::admit(std::uint32_t slot, Instant now) {
  Pending& entry = table_[slot];
  const bool first = entry.state == Pending::State::kQueued;
  if (planner_.topology()->sink == kGatewayNode && planner_.topology()->nodes.empty()) {
    if (first) ++in_flight_;
    response_ = wire::Response();
    response_.payload = entry.payload;
    answer(entry, now);
    end(slot, now);
    return Admission::kEnded;
  }
  if (first && in_flight_ >= settings_.max_in_flight) return Admission::kBlocked;
  route::Blocked blocked;
  if (!planner_.plan(entry.endpoint, entry.bytes, entry.skip, now, entry.header.plan, entry.choices,
                     blocked)) {
    return blocked_on(slot, blocked, now);
  }
  if (first) ++in_flight_;
  entry.state = Pending::State::kInFlight;
  dispatch(entry, now);
  if (planner_.topology()->sink == kGatewayNode) {  // only floating executors: nobody answers
    response_ = wire::Response();
    response_.payload = entry.payload;
    answer(entry, now);
    end(slot, now);
    return Admission::kEnded;
  }
  return Admission::kAdmitted;
}

// Blocked because all targets are full: waits. Because there is nobody: waits `unavailable_after`.
Core::Admission Core::blocked_on(std::uint32_t slot, const route::Blocked& blocked, Instant now) {
  if (!blocked.nobody) return Admission::kBlocked;
  const Pending& entry = table_[slot];
  const Instant since =
      std::max(empty_since_[blocked.node.value], std::max(entry.accepted, entry.retry_at));
  if (now - since < settings_.unavailable_after) return Admission::kBlocked;
  const std::string& executor = planner_.topology()->nodes[blocked.node.value].name;
  if (entry.state == Pending::State::kQueued) ++in_flight_;  // end() counts it down
  answer_failure(slot,
                 {Errc::kUnavailable,
                  fmt::format("executor '{}' has no live instance; tried {}", executor,
                              planner_.addresses(blocked.node)),
                  executor,
                  {}},
                 now);
  return Admission::kEnded;
}

void Core::dispatch(Pending& entry, Instant now) {
  const wire::Topology& topology = *planner_.topology();
  wire::PartHeader& header = entry.header;
  header.topology_version = topology.version;
  header.remaining = entry.deadline - now;
  header.sent_at = now;
  header.sent_on_host = host_;
  header.source = kGatewayNode;
  entry.runs.assign(topology.nodes.size(), {});
  for (const NodeIndex node : planner_.shape().first) {
    const std::vector<NodeIndex>& needs = topology.nodes[node.value].needs;
    if (needs.size() == 1) entry.runs[node.value].ready_at = now;
    header.target = header.plan[node.value].target;
    if (header.target != 0) effects_.send_part(InstanceId{header.target}, header, entry.payload);
  }
}

// Whether a part is the outcome of a request that waits for one: the sink's, or the failure of a
// node that the answer waits for. A hanging node's failure is nobody's business.
bool Core::ends(const Pending& entry, const wire::PartHeader& header) const {
  using enum Pending::State;
  if (header.request.gateway != self_) return false;
  if (entry.state != kInFlight && entry.state != kLosing && entry.state != kRetry) return false;
  if (header.source == planner_.topology()->sink) return true;
  return header.failure != nullptr && header.source.value < planner_.shape().answers.size() &&
         planner_.shape().answers[header.source.value];
}

void Core::on_part(wire::Part& part, Instant now) {
  const std::uint32_t slot = table_.find(part.header.request.sequence);
  if (slot == kNoSlot || !ends(table_[slot], part.header)) {
    counters_.add(Counter::kLateParts);
    return;
  }
  Pending& entry = table_[slot];
  if (entry.state == Pending::State::kRetry) retries_.remove(table_, slot);
  response_.hops.clear();
  fill_hops(entry, part.header.hops);
  response_.failure = std::move(part.header.failure);
  response_.results = std::move(part.header.results);
  response_.retry_after = {};
  response_.payload = std::move(part.payload);
  finish_answering(entry, part.header.hops, now);
  answer(entry, now);
  end(slot, now);
}

// response_ holds the outcome; fills in what every answer has.
void Core::answer(Pending& entry, Instant now) {
  counters_.add(response_.failure == nullptr ? Counter::kAnswered : Counter::kFailed);
  response_.id = entry.client_request;
  response_.request = entry.header.request;
  response_.attempts = entry.header.attempt;
  response_.total_us = static_cast<std::uint64_t>(to_us(now - entry.accepted));
  effects_.answer(entry.client, response_);
  response_.payload = Bytes();
}

void Core::answer_failure(std::uint32_t slot, wire::Failure failure, Instant now) {
  response_ = wire::Response();
  response_.failure = std::make_unique<wire::Failure>(std::move(failure));
  answer(table_[slot], now);
  end(slot, now);
}

void Core::fill_hops(const Pending& entry, const std::vector<wire::Hop>& hops) {
  const wire::Topology& topology = *planner_.topology();
  for (const wire::Hop& hop : hops) {
    if (hop.node >= topology.nodes.size()) continue;
    wire::ResponseHop& named = response_.hops.emplace_back();
    named.executor = topology.nodes[hop.node].name;
    const route::Planner::Target* target =
        planner_.find_at(entry.choices[hop.node].slot, hop.instance);
    named.instance = target != nullptr ? target->name : named.executor;
    named.queue_us = hop.queue_us;
    named.execute_us = hop.execute_us;
    named.reduce_us = hop.reduce_us;
    named.wire_us = hop.wire_us;
  }
}

// The request has its outcome. What still runs of it keeps its charges until it is reported.
void Core::end(std::uint32_t slot, Instant now) {
  Pending& entry = table_[slot];
  --in_flight_;
  bytes_ -= entry.bytes;
  entry.payload = Bytes();
  entry.header.parameters = Bytes();
  entry.state = Pending::State::kAnswered;
  room_ = true;
  deadlines_.add(slot, now + kTailKept);
  settle(slot);
}

void Core::settle(std::uint32_t slot) {
  const Pending& entry = table_[slot];
  if (std::ranges::any_of(entry.choices, [](const route::Choice& c) { return bool{c.instance}; }))
    return;
  deadlines_.cancel(slot);
  table_.free(slot);
}

// Nobody wants the answer any more.
void Core::drop(std::uint32_t slot, Instant now) {
  Pending& entry = table_[slot];
  if (entry.state == Pending::State::kFree || entry.state == Pending::State::kAnswered) return;
  if (entry.state == Pending::State::kQueued) {
    queues_[entry.endpoint].remove(table_, slot);
    --queued_;
    ++in_flight_;  // end() counts it down
  }
  if (entry.state == Pending::State::kRetry) retries_.remove(table_, slot);
  counters_.add(Counter::kFailed);
  end(slot, now);
}

void Core::on_cancel(ClientId client, std::uint64_t client_request, Instant now) {
  for (std::uint32_t slot = 0; slot < table_.slots(); ++slot) {
    if (table_[slot].client == client && table_[slot].client_request == client_request)
      drop(slot, now);
  }
}

void Core::on_client_gone(ClientId client, Instant now) {
  for (std::uint32_t slot = 0; slot < table_.slots(); ++slot) {
    if (table_[slot].client == client) drop(slot, now);
  }
}

void Core::drain() {
  draining_ = true;
}

std::uint64_t Core::oldest_plan() const {
  std::uint64_t oldest = planner_.topology() == nullptr ? 0 : planner_.topology()->version;
  for (std::uint32_t slot = 0; slot < table_.slots(); ++slot) {
    const Pending& entry = table_[slot];
    if (entry.state == Pending::State::kInFlight || entry.state == Pending::State::kLosing ||
        entry.state == Pending::State::kAnswered) {
      oldest = std::min(oldest, entry.header.topology_version);
    }
  }
  return oldest;
}

}  // namespace flow::gateway
