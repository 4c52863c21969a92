#include "core.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "route/merge.h"
#include "wire/value_codec.h"

namespace flow::worker {
namespace {

// Longer than any deadline; keeps sums of instants and durations in range.
constexpr Duration kLongest = std::chrono::hours(24 * 365);

std::uint32_t micros(Duration duration) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(to_us(duration), 0, UINT32_MAX));
}

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
  copy.endpoint = header.endpoint;
  copy.plan = header.plan;
  copy.hops = header.hops;
  copy.parameters = header.parameters;
  copy.results = header.results;
  if (header.failure != nullptr) copy.failure = std::make_unique<wire::Failure>(*header.failure);
  copy.missing = header.missing;
  copy.trace = header.trace;
  copy.written_ns = header.written_ns;
  return copy;
}

}  // namespace

Core::Core(Self self, Execution& execution, WorkerPort& port)
    : self_(std::move(self)),
      execution_(execution),
      port_(port),
      contents_(self_.seed ^ (std::uint64_t{self_.instance.value} << 32U)),
      ring_(kMaxJobs) {}

void Core::set_topology(std::shared_ptr<const wire::Topology> topology, Instant now) {
  topology_ = std::move(topology);
  FLOW_CHECK(self_.node.value < topology_->nodes.size(), "own node is not in the topology");
  read_graph();
  std::vector<InstanceId> gateways;
  peers_.clear();
  for (const wire::TopologyInstance& instance : topology_->instances)
    peers_.push_back(instance.id);
  for (const wire::TopologyGateway& gateway : topology_->gateways) {
    peers_.push_back(gateway.id);
    gateways.push_back(gateway.id);
  }
  lanes_.clear();
  for (const wire::TopologyLane& lane : topology_->lanes) {
    peers_.push_back(lane.id);
    if (std::ranges::count(lane.members, self_.instance) > 0) lanes_.push_back(lane.id);
  }
  std::ranges::sort(peers_);
  gather_.keep_gateways(gateways);
  send_parked();
  tick(now);
}

void Core::read_graph() {
  needs_ = topology_->nodes[self_.node.value].needs;
  successors_.clear();
  for (std::size_t i = 0; i < topology_->nodes.size(); ++i) {
    const wire::TopologyNode& node = topology_->nodes[i];
    if (std::ranges::count(node.needs, self_.node) == 0) continue;
    Successor& successor = successors_.emplace_back();
    successor.node = NodeIndex{static_cast<std::uint16_t>(i)};
    if (!node.when.empty()) successor.filter = route::Filter::compile(node.when);
  }
  own_filter_.reset();
  if (!own_node().when.empty()) own_filter_ = route::Filter::compile(own_node().when);
  sink_ = topology_->sink == self_.node;
  contents_.set_first_need(
      route::need_name(*topology_, needs_.empty() ? kGatewayNode : needs_.front()));
}

Core::Job& Core::push_job() {
  FLOW_CHECK(count_ < kMaxJobs, "receive() without room");
  return ring_[(head_ + count_++) % kMaxJobs];
}

Core::Job Core::pop_job() {
  Job job = std::move(ring_[head_]);
  head_ = (head_ + 1) % kMaxJobs;
  --count_;
  return job;
}

// On one host the sender's clock is ours. A clock that claims to be ahead gains nothing.
Instant Core::deadline_of(const wire::PartHeader& header, Instant now) const {
  const Duration remaining = std::clamp(header.remaining, -kLongest, kLongest);
  const bool same_clock = header.sent_on_host == self_.host && header.sent_at >= Instant{};
  return (same_clock ? std::min(header.sent_at, now) : now) + remaining;
}

// What passed while an earlier job was running is queueing, the rest of the way is wire.
void Core::measure(Job& job, const wire::PartHeader& header, Instant now) const {
  job.arrived = now;
  job.waited = job.wire = Duration{};
  if (header.sent_on_host != self_.host || header.sent_at < Instant{} || header.sent_at > now)
    return;
  const Duration way = now - header.sent_at;
  job.waited = std::clamp(busy_until_ - header.sent_at, Duration{}, way);
  job.wire = way - job.waited;
}

bool Core::is_for_us(std::uint32_t target) const {
  return target == self_.instance.value ||
         std::ranges::find(lanes_, InstanceId{target}) != lanes_.end();
}

void Core::receive(PartPointer part, Instant now) {
  const wire::PartHeader& header = part->header;
  if (!is_for_us(header.target) || self_.node.value >= header.plan.size()) {
    ++counters_.wrong_target;
    pool_.give(std::move(part));
    return;
  }
  const RequestId request = header.request;
  const std::uint16_t attempt = header.attempt;
  const Instant deadline = deadline_of(header, now);
  Job timing;
  measure(timing, header, now);
  route::Joined joined{.parts = {}, .deadline = deadline};
  const bool alone = needs_.size() == 1 && header.source == needs_.front() &&
                     route::expected_from(needs_.front(), header.plan) == 1;
  if (!alone) {
    const auto outcome = gather_.add(std::move(part), needs_, deadline, joined);
    if (outcome == route::GatherTable::Outcome::kRefused) {
      port_.progress(request, {.sequence = request.sequence, .attempt = attempt, .finished = 1});
    }
    if (outcome != route::GatherTable::Outcome::kComplete) return;
  }
  Job& job = push_job();
  job.part = std::move(part);
  job.joined = std::move(joined.parts);
  job.arrived = timing.arrived;
  job.waited = timing.waited;
  job.wire = timing.wire;
  job.deadline = joined.deadline;
  ++counters_.received;
  port_.progress(request, {.sequence = request.sequence, .attempt = attempt});
}

bool Core::execute_next(Instant now, Instant& ended) {
  if (count_ == 0) return false;
  Job job = pop_job();
  const Status merged = merge_headers(job);
  wire::Part& first = job.joined.empty() ? *job.part : *job.joined.front();
  wire::Progress progress{
      .sequence = first.header.request.sequence, .attempt = first.header.attempt, .finished = 1};
  ended = run(job, first, merged, now, progress.service_us);
  busy_until_ = ended;
  dispatch(first, job.deadline, ended);
  ++counters_.finished;
  port_.progress(first.header.request, progress);
  pool_.give(std::move(job.part));
  for (PartPointer& each : job.joined)
    pool_.give(std::move(each));
  return true;
}

Status Core::merge_headers(Job& job) {
  if (job.joined.empty()) {
    if (!route::may_miss_shards(job.part->header, *topology_)) return {};
    job.joined.push_back(std::move(job.part));
  }
  return route::merge_headers(job.joined, *topology_);
}

// Makes the contents of the job ready for a handler. The payloads stay with their parts too: they
// go on where the job fails.
Status Core::prepare(const Job& job, const wire::Part& part, bool runs) {
  if (job.joined.empty()) {
    contents_.reset(part.payload);
    return {};
  }
  const bool wants_matrix = runs && execution_.wants_matrix(part.header.endpoint);
  if (own_filter_ && !*own_filter_) return own_filter_->error();
  Result<route::MergedDocuments> merged = route::merge_documents(
      job.joined, *topology_, route::form_for(own_node(), runs, wants_matrix), own_filter());
  if (!merged) return std::move(merged).error();
  if (auto* payload = std::get_if<Bytes>(&*merged)) {
    contents_.reset(std::move(*payload));
  } else if (auto* list = std::get_if<Documents>(&*merged)) {
    contents_.reset(std::move(*list));
  } else {
    DocumentsMatrix matrix;
    for (route::Piece& piece : std::get<std::vector<route::Piece>>(*merged))
      matrix.push_back({std::string(piece.source), std::move(piece.documents)});
    contents_.reset(std::move(matrix));
  }
  return {};
}

Instant Core::run(Job& job, wire::Part& part, const Status& merged, Instant now,
                  std::uint32_t& service_us) {
  wire::PartHeader& header = part.header;
  if (header.failure != nullptr) return now;
  if (!merged) {
    fail(job, part, merged.error());
    return now;
  }
  if (now >= job.deadline) {
    fail(job, part,
         {Errc::kDeadlineExceeded, fmt::format("the time was up before {} began", self_.executor)});
    return now;
  }
  const bool runs = header.plan[self_.node.value].mode == wire::PlanMode::kRun;
  if (Status prepared = prepare(job, part, runs); !prepared) {
    fail(job, part, std::move(prepared).error());
    return now;
  }
  const Instant begun = job.joined.empty() ? now : execution_.now();
  Instant ended = begun;
  if (runs) {
    Executed executed = execution_.run(header, contents_, begun, job.deadline - begun);
    ended = executed.ended;
    ++counters_.executed;
    service_us = std::max(1U, micros(ended - begun));
    add_hop(job, header, now, begun, ended);
    if (executed.results && !executed.error)
      executed.error = add_results(header, *executed.results);
    if (executed.error) {
      fail(job, part, *std::move(executed.error));
      return ended;
    }
  }
  Result<Bytes> payload = contents_.finish(self_.max_part_bytes);
  if (!payload) {
    fail(job, part, std::move(payload).error());
    return ended;
  }
  part.payload = *std::move(payload);
  return ended;
}

void Core::add_hop(const Job& job, wire::PartHeader& header, Instant now, Instant begun,
                   Instant ended) const {
  if (header.hops.size() >= route::kMaxHops) return;
  wire::Hop hop;
  hop.instance = self_.instance.value;
  hop.node = self_.node.value;
  hop.queue_us = micros(job.waited + (now - job.arrived));
  hop.wire_us = micros(job.wire);
  hop.reduce_us = micros(begun - now);
  hop.execute_us = micros(ended - begun);
  header.hops.push_back(hop);
}

// A dictionary result is kept under the name of the instance that gave it.
std::optional<Error> Core::add_results(wire::PartHeader& header, const ValueMap& results) const {
  ValueMap named;
  named.set(self_.name, results);
  Status united = route::unite_results(header.results, wire::encode_value(named));
  if (united) return std::nullopt;
  return std::move(united).error();
}

// The documents of a failure are what the failing executor got; nobody waits for them when the time
// was up.
void Core::fail(const Job& job, wire::Part& part, Error error) {
  ++counters_.failed;
  last_failure_ = error.message;
  if (error.code == Errc::kDeadlineExceeded) {
    part.payload = Bytes();
  } else if (job.joined.empty()) {
    if (!Documents::verify(part.payload)) part.payload = Bytes();
  } else {
    const route::Form form = route::form_for(own_node(), false, false);
    Result<Bytes> input =
        route::merge_payload(job.joined, *topology_, form, self_.max_part_bytes, own_filter());
    part.payload = input ? *std::move(input) : Bytes();
  }
  part.header.failure = std::make_unique<wire::Failure>(
      wire::Failure{error.code, std::move(error.message), self_.executor, self_.name});
}

void Core::dispatch(wire::Part& part, Instant deadline, Instant now) {
  wire::PartHeader& header = part.header;
  header.source = self_.node;
  header.source_shard = self_.shard;
  header.remaining = std::max(deadline - now, Duration{});
  header.sent_at = now;
  header.sent_on_host = self_.host;
  std::optional<Result<Documents>> opened;
  const bool filters = header.failure == nullptr && !part.payload.empty() &&
                       !route::filtered_where_gathered(self_.node, header.plan);
  for (const Successor& successor : successors_) {
    if (successor.node.value >= header.plan.size()) continue;
    const wire::PlanEntry& entry = header.plan[successor.node.value];
    if (entry.target == 0) continue;
    const Target to{InstanceId{entry.target}, entry.polling};
    if (filters && successor.filter) {
      send_filtered(to, successor, part, opened, now);
    } else {
      send(to, header, part.payload, now);
    }
  }
  if (sink_) send({header.request.gateway}, header, part.payload, now);
}

// The documents are opened once for all successors. A filter that cannot be evaluated fails the
// request where it would have gone.
void Core::send_filtered(Target to, const Successor& successor, wire::Part& part,
                         std::optional<Result<Documents>>& opened, Instant now) {
  if (!opened) opened = Documents::open(part.payload);
  const Result<route::Filter>& filter = *successor.filter;
  const Result<Bytes> passing = !filter   ? Result<Bytes>(filter.error())
                                : *opened ? filter->keep_passing(**opened, part.payload)
                                          : Result<Bytes>(opened->error());
  if (passing) {
    send(to, part.header, *passing, now);
    return;
  }
  fail_at(successor.node, part.header, passing.error());
  send(to, part.header, *opened ? part.payload : Bytes(), now);
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

bool Core::known(InstanceId id) const {
  return std::ranges::binary_search(peers_, id);
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

// Each member of the lane gets its documents, also when there are none; a failure goes to all as it
// is. Documents that cannot be read fail the request where they would have gone.
void Core::hand_out(InstanceId id, wire::PartHeader& header, const Bytes& payload) {
  const auto lane = std::ranges::find(topology_->lanes, id, &wire::TopologyLane::id);
  if (lane == topology_->lanes.end()) {
    ++counters_.no_peer;
    return;
  }
  const std::size_t shards = lane->members.size();
  const bool failed = header.failure != nullptr;
  if (failed) split_.share(payload, shards);
  const Status dealt = failed ? Status() : split_.deal(payload, shards);
  if (!dealt) {
    fail_at(lane->node, header, dealt.error());
    split_.share(Bytes(), shards);
  }
  for (std::size_t shard = 0; shard < shards; ++shard) {
    const InstanceId member = lane->members[shard];
    header.target = member.value;
    if (known(member)) {
      port_.send_part(member, header, split_.part(shard));
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

// What will not be complete any more is finished here all the same: the gateway waits for the word
// to give its room to others.
void Core::give_up_expired(Instant now) {
  expired_.clear();
  gather_.expire(now, &expired_);
  for (const route::GatheredRequest& past : expired_) {
    port_.progress(past.request,
                   {.sequence = past.request.sequence, .attempt = past.attempt, .finished = 1});
  }
}

Instant Core::tick(Instant now) {
  give_up_expired(now);
  Instant next = gather_.next_deadline();
  const std::size_t before = parked_.size();
  std::erase_if(parked_, [now](const Parked& parked) { return parked.until <= now; });
  counters_.no_peer += before - parked_.size();
  for (const Parked& parked : parked_)
    next = std::min(next, parked.until);
  return next;
}

}  // namespace flow::worker
