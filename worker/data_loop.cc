#include "data_loop.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace flow::worker {
namespace {

// Between two jobs of a turn results leave, and the socket is looked at, so that what arrived
// meanwhile is reported as received: after so long, or, where jobs are done sooner than their
// receiver is woken, later.
constexpr Duration kShare = std::chrono::microseconds(100);
constexpr Duration kQuickJob = std::chrono::microseconds(10);
constexpr Duration kShareOfQuickJobs = std::chrono::milliseconds(1);

// Quick jobs are done about so many at a time while others are still to be received: what a turn
// works on stays in the nearest cache.
constexpr int kHelping = 8;

constexpr Duration kTellEvery = std::chrono::seconds(1);

// What an envelope and a header may need beside the payload.
constexpr std::size_t kHeaderRoom = wire::kMaxHeader + wire::kMaxParameters + 4096;

}  // namespace

DataLoop::DataLoop(net::Context& context, Shared& shared, const Clock& clock, Self self,
                   Execution& execution, Replicated* replicated)
    : context_(context),
      shared_(shared),
      clock_(clock),
      node_(self.node),
      instance_(self.instance),
      max_part_bytes_(self.max_part_bytes),
      core_(std::move(self), execution, *this),
      loop_(clock),
      copier_(instance_, replicated, max_part_bytes_, *this),
      peers_(context),
      lanes_(context, max_part_bytes_ + kHeaderRoom) {}

Result<std::string> DataLoop::open(const std::string& address) {
  net::SocketOptions options;
  options.max_message = max_part_bytes_ + kHeaderRoom;
  Result<net::Socket> pull = net::Socket::open(context_, net::SocketType::kPull, options);
  if (!pull) return std::move(pull).error();
  pull_ = std::move(*pull);
  return pull_.bind(address);
}

Result<std::string> DataLoop::open_publisher(const std::string& address) {
  return peers_.bind_publisher(address);
}

void DataLoop::run() {
  loop_.watch_fd(shared_.to_data.fd(), [this] { shared_.to_data.drain(); });
  if (peers_.publishes()) loop_.watch(peers_.publisher(), [this] { take_subscriptions(); });
  loop_.run([this](Instant now) { return before_wait(now); });
  pull_.close();
  lanes_.close();
  peers_.close(clock_.now());
}

Instant DataLoop::before_wait(Instant now) {
  take_topology(now);
  if (inbox_.pending()) look_at_sockets(now);
  now = execute(now);
  Instant next = std::min({core_.tick(now), disconnect_gone(now), copy(now)});
  if (turn_) next = std::min(next, turn_(now));
  peers_.flush(now, inbox_.together());
  inbox_.settle();
  core_.settle();
  publish();
  if (core_.counters().failed != failures_told_) tell_failures(now);
  next = std::min(next, look_at_subscriptions(now));
  if (core_.has_work() || inbox_.pending()) return now;
  if (may_end(now, next)) loop_.stop();
  tell_control();
  return next;
}

// Nobody may be waiting for an answer that says it: hanging and floating executors answer nobody.
void DataLoop::tell_failures(Instant now) {
  if (now - failures_told_at_ < kTellEvery) return;
  log::warn("requests failed here count={} last=\"{}\"", core_.counters().failed - failures_told_,
            core_.last_failure());
  failures_told_ = core_.counters().failed;
  failures_told_at_ = now;
}

void DataLoop::take_topology(Instant now) {
  const std::shared_ptr<const wire::Topology> topology = shared_.take_topology();
  if (topology == nullptr) return;
  peers_.update(*topology, node_, now, instance_);
  if (const Status heard = lanes_.update(*topology, instance_, node_, now); !heard)
    log::error("cannot hear lanes reason={}", heard.error().message);
  core_.set_topology(topology, now);
  if (!receiving_) {
    loop_.watch(pull_, [this] { drain_pull(clock_.now(), true); });
    receiving_ = true;
  }
  if (lanes_.open()) {
    if (!hearing_) loop_.watch(lanes_.socket(), [this] { drain_lanes(clock_.now(), true); });
    hearing_ = true;
    gone_at_ = now;
  }
  shared_.topology_in_use.store(topology->version, std::memory_order_release);
  tell_control();  // of gathers that ended
  shared_.to_control.signal();
}

// Whether it took all there was. In helpings: executes in between, if that is quick.
template <typename Receive>
bool DataLoop::drain(const Receive& receive, Instant now, bool in_helpings) {
  const Instant limit = now + kShareOfQuickJobs;
  in_helpings = in_helpings && !core_.batches();  // a batch takes what has come, all of it
  for (int i = 0; i < kBatch && core_.has_room(); ++i) {
    if (in_helpings && quick_ && i % kHelping == kHelping - 1) {
      if (!execute_helping(now) || now >= limit) return false;
    }
    if (!inbox_.next(received_, receive)) return true;
    last_received_ = now;
    if (copier_.keeps() && take_copying(now)) continue;
    PartPointer part = core_.blank();
    if (const Status decoded = wire::decode_part(std::move(received_), *part); !decoded) {
      note_malformed(decoded.error());
      core_.give_back(std::move(part));
      continue;
    }
    core_.receive(std::move(part), now);
  }
  return false;
}

// What was received is told before it is executed: that may take long.
void DataLoop::drain_pull(Instant now, bool in_helpings) {
  drain([this](Received& message) { return pull_.receive(message); }, now, in_helpings);
  tell_control();
}

bool DataLoop::drain_lanes(Instant now, bool in_helpings) {
  const bool emptied =
      drain([this](Received& message) { return lanes_.receive(message); }, now, in_helpings);
  tell_control();
  return emptied;
}

void DataLoop::note_malformed(const Error& error) {
  ++malformed_;
  log::debug("dropped a malformed message count={} reason={}", malformed_, error.message);
}

// Whether the message received was of replicas that copy from one another.
bool DataLoop::take_copying(Instant now) {
  const std::optional<wire::Peek> peek = wire::peek(received_);
  if (!peek || peek->kind == wire::Kind::kPart) return false;
  if (peek->kind == wire::Kind::kSnapshotAsk) {
    if (const auto ask = wire::decode_snapshot_ask(received_)) {
      copier_.on_ask(*ask);
    } else {
      note_malformed(ask.error());
    }
    return true;
  }
  if (peek->kind != wire::Kind::kSnapshotPiece) return false;
  if (const auto piece = wire::decode_snapshot_piece(std::move(received_))) {
    copier_.on_piece(*piece, now);
  } else {
    note_malformed(piece.error());
  }
  return true;
}

Instant DataLoop::copy(Instant now) {
  if (const InstanceId sibling = shared_.take_copy()) copier_.begin(sibling, now);
  return copier_.tick(now);
}

void DataLoop::send_ask(const wire::SnapshotAsk& ask) {
  peers_.send(InstanceId{ask.target}, snapshot_encoder_.encode(ask));
}

void DataLoop::send_piece(const wire::SnapshotPiece& piece) {
  peers_.send(InstanceId{piece.target}, snapshot_encoder_.encode(piece));
}

void DataLoop::copied(InstanceId sibling, const Status& outcome) {
  wire::CaughtUp caught_up{sibling, Errc::kOk, {}};
  if (!outcome) caught_up = {sibling, outcome.error().code, outcome.error().message};
  shared_.put_copied(std::move(caught_up));
  shared_.to_control.signal();
}

// From outside of the sockets' own handlers.
void DataLoop::look_at_sockets(Instant now) {
  if (!receiving_) return;
  drain_pull(now);
  if (hearing_) drain_lanes(now);
}

// What publishers that left have sent is taken first.
Instant DataLoop::disconnect_gone(Instant now) {
  if (now < gone_at_) return gone_at_;
  if (drain_lanes(now)) gone_at_ = lanes_.disconnect_gone(now);
  return gone_at_;
}

void DataLoop::take_subscriptions() {
  if (!peers_.take_subscriptions()) return;
  shared_.put_subscriptions(peers_.marks());
  shared_.to_control.signal();
}

Instant DataLoop::look_at_subscriptions(Instant now) {
  if (now < peers_.look_at()) return peers_.look_at();
  take_subscriptions();
  return kNever;
}

// What waits, until it takes long; whether it did not. What was done until then has left.
bool DataLoop::execute_helping(Instant& now) {
  tell_control();
  const Instant begun = now;
  while (now - begun < kShareOfQuickJobs) {
    if (!core_.execute_next(now, now)) return true;
  }
  quick_ = false;
  peers_.flush(now, inbox_.together());
  publish();
  return false;
}

// Results leave together, but none waits for more than one long job.
Instant DataLoop::execute(Instant now) {
  Instant looked = now;
  int jobs = 0;  // since then
  for (int i = 0; i < kBatch; ++i) {
    if (!core_.execute_next(now, now)) break;
    const Duration worked = now - looked;
    quick_ = worked < ++jobs * kQuickJob;
    if (worked < (quick_ ? kShareOfQuickJobs : kShare)) continue;
    peers_.flush(now, inbox_.together());
    look_at_sockets(now);
    publish();
    looked = now;
    jobs = 0;
  }
  return now;
}

bool DataLoop::may_end(Instant now, Instant& next) {
  const Stopping stopping = shared_.stopping.load(std::memory_order_acquire);
  if (stopping == Stopping::kNo) return false;
  if (!receiving_) return true;
  look_at_sockets(now);
  core_.flush_batches();
  if (core_.jobs() > 0 || core_.begun() > 0) {
    next = std::min(next, core_.tick(now));
    if (core_.has_work()) next = now;
    return false;
  }
  if (stopping == Stopping::kDrained || !core_.has_gateways()) return true;
  if (!core_.idle()) return false;
  if (draining_since_ == kNever) draining_since_ = now;
  const Instant quiet = std::max(draining_since_, last_received_) + kQuiet;
  next = std::min(next, quiet);
  return now >= quiet;
}

void DataLoop::publish() {
  const auto jobs = static_cast<std::uint32_t>(core_.jobs());
  shared_.queue.store(jobs, std::memory_order_relaxed);
  const std::size_t begun = core_.gathering() + core_.begun();
  shared_.in_flight.store(jobs + static_cast<std::uint32_t>(begun), std::memory_order_relaxed);
  shared_.executed.store(core_.counters().executed, std::memory_order_relaxed);
  tell_control();
}

void DataLoop::send_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) {
  peers_.send(to, encoder_.encode(header, payload));
}

void DataLoop::publish_part(InstanceId lane, const wire::PartHeader& header, const Bytes& payload) {
  peers_.publish(lane, encoder_.encode(header, payload));
}

void DataLoop::progress(RequestId request, wire::Progress progress) {
  if (!shared_.progress.push({request.gateway, progress}))
    shared_.progress_dropped.fetch_add(1, std::memory_order_relaxed);
  finished_ += progress.finished;
  untold_ = true;
}

// Once for what a turn has for the control thread. The fence pairs with that thread's: either it
// sees the items before it waits, or its wish for a signal is seen here.
void DataLoop::tell_control() {
  if (!std::exchange(untold_, false)) return;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const bool waited_for = shared_.control_waits.load(std::memory_order_relaxed) &&
                          shared_.control_waits.exchange(false);
  if (!waited_for && finished_ < shared_.wake_after.load(std::memory_order_relaxed)) return;
  finished_ = 0;
  shared_.to_control.signal();
}

}  // namespace flow::worker
