#include "data_loop.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace flow::worker {
namespace {

// After a job of this length the socket is looked at before the next, so that what arrived
// meanwhile is reported as received.
constexpr Duration kLongJob = std::chrono::microseconds(100);

// What an envelope and a header may need beside the payload.
constexpr std::size_t kHeaderRoom = wire::kMaxHeader + wire::kMaxParameters + 4096;

}  // namespace

DataLoop::DataLoop(net::Context& context, Shared& shared, const Clock& clock, Self self,
                   Execution& execution)
    : context_(context),
      shared_(shared),
      clock_(clock),
      node_(self.node),
      max_part_bytes_(self.max_part_bytes),
      core_(std::move(self), execution, *this),
      loop_(clock) {}

Result<std::string> DataLoop::open(const std::string& address) {
  net::SocketOptions options;
  options.max_message = max_part_bytes_ + kHeaderRoom;
  Result<net::Socket> pull = net::Socket::open(context_, net::SocketType::kPull, options);
  if (!pull) return std::move(pull).error();
  pull_ = std::move(*pull);
  return pull_.bind(address);
}

void DataLoop::run() {
  loop_.watch_fd(shared_.to_data.fd(), [this] { shared_.to_data.drain(); });
  loop_.run([this](Instant now) { return before_wait(now); });
  pull_.close();
  peers_.clear();
}

Instant DataLoop::before_wait(Instant now) {
  take_topology(now);
  if (inbox_.pending()) look_at_socket(now);
  now = execute(now);
  Instant next = core_.tick(now);
  flush();
  publish();
  if (core_.jobs() > 0 || inbox_.pending()) return now;
  if (may_end(now, next)) loop_.stop();
  return next;
}

void DataLoop::take_topology(Instant now) {
  const std::shared_ptr<const wire::Topology> topology = shared_.take_topology();
  if (topology == nullptr) return;
  connect_peers(*topology);
  core_.set_topology(topology, now);
  if (!receiving_) {
    loop_.watch(pull_, [this] { drain_socket(clock_.now()); });
    receiving_ = true;
  }
  shared_.topology_in_use.store(topology->version, std::memory_order_release);
  shared_.to_control.signal();
}

// Opens what is new and closes what is gone; an instance's address never changes.
void DataLoop::connect_peers(const wire::Topology& topology) {
  flush();
  std::unordered_map<InstanceId, Peer> peers;
  const auto keep = [&](InstanceId id, const std::string& address) {
    if (address.empty()) return;
    if (const auto held = peers_.find(id); held != peers_.end()) {
      peers.emplace(id, std::move(held->second));
      return;
    }
    Result<net::Socket> socket = net::Socket::open(context_, net::SocketType::kPush, {});
    Status connected = socket ? socket->connect(address) : Status(socket.error());
    if (!connected) {
      log::error("cannot reach a peer id={} reason={}", id.value, connected.error().message);
      return;
    }
    peers.emplace(id, Peer{std::move(*socket), {}});
  };
  for (const wire::TopologyInstance& instance : topology.instances) {
    const auto& needs = topology.nodes[instance.node.value].needs;
    if (std::ranges::count(needs, node_) > 0) keep(instance.id, instance.data_address);
  }
  if (topology.sink == node_) {
    for (const wire::TopologyGateway& gateway : topology.gateways)
      keep(gateway.id, gateway.data_address);
  }
  peers_ = std::move(peers);
}

void DataLoop::drain_socket(Instant now) {
  const auto receive = [this](Received& message) { return pull_.receive(message); };
  for (int i = 0; i < kBatch && core_.has_room() && inbox_.next(received_, receive); ++i) {
    last_received_ = now;
    PartPointer part = core_.blank();
    if (const Status decoded = wire::decode_part(std::move(received_), *part); !decoded) {
      ++malformed_;
      log::debug("dropped a malformed message count={} reason={}", malformed_,
                 decoded.error().message);
      core_.give_back(std::move(part));
      continue;
    }
    core_.receive(std::move(part), now);
  }
}

// From outside of the socket's own handler.
void DataLoop::look_at_socket(Instant now) {
  if (!receiving_) return;
  drain_socket(now);
  loop_.look_again(pull_);
}

// Results leave together, but none waits longer than about one long job.
Instant DataLoop::execute(Instant now) {
  Instant looked = now;
  for (int i = 0; i < kBatch; ++i) {
    if (!core_.execute_next(now, now)) break;
    if (now - looked < kLongJob) continue;
    flush();
    look_at_socket(now);
    publish();
    looked = now;
  }
  return now;
}

bool DataLoop::may_end(Instant now, Instant& next) {
  const Stopping stopping = shared_.stopping.load(std::memory_order_acquire);
  if (stopping == Stopping::kNo) return false;
  if (!receiving_) return true;
  look_at_socket(now);
  if (core_.jobs() > 0) {
    next = now;
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
  shared_.in_flight.store(jobs + static_cast<std::uint32_t>(core_.gathering()),
                          std::memory_order_relaxed);
  shared_.executed.store(core_.counters().executed, std::memory_order_relaxed);
}

void DataLoop::send_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) {
  if (const auto peer = peers_.find(to); peer != peers_.end()) {
    post(peer->second, encoder_.encode(header, payload));
  } else {
    ++unsent_;
  }
}

void DataLoop::publish_part(InstanceId /*lane*/, const wire::PartHeader& /*header*/,
                            const Bytes& /*payload*/) {}

void DataLoop::post(Peer& peer, const Frames& frames) {
  if (peer.outbox.empty()) dirty_.push_back(&peer);
  peer.outbox.post(frames, [&](const Frames& ready) {
    if (peer.socket.send(ready) != net::Sent::kSent) ++unsent_;
  });
}

void DataLoop::flush() {
  for (Peer* peer : dirty_) {
    peer->outbox.flush([&](const Frames& ready) {
      if (peer->socket.send(ready) != net::Sent::kSent) ++unsent_;
    });
  }
  dirty_.clear();
}

// The fence pairs with the control thread's: either it sees this item before it waits, or its wish
// for a signal is seen here.
void DataLoop::progress(RequestId request, const wire::Progress& progress) {
  if (!shared_.progress.push({request.gateway, progress})) {
    shared_.progress_dropped.fetch_add(1, std::memory_order_relaxed);
  }
  finished_ += progress.finished;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const bool waited_for = shared_.control_waits.load(std::memory_order_relaxed) &&
                          shared_.control_waits.exchange(false);
  if (!waited_for && finished_ < shared_.wake_after.load(std::memory_order_relaxed)) return;
  finished_ = 0;
  shared_.to_control.signal();
}

}  // namespace flow::worker
