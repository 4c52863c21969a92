#include "broker/service.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"
#include "base/notify.h"
#include "wire/envelope.h"

namespace flow::broker {
namespace {

constexpr int kMessagesAtOnce = 64;
constexpr Duration kSaveLimit = std::chrono::milliseconds(500);

CoreOptions with_wall_clock(CoreOptions options, const Clock& clock) {
  options.wall_offset_ms = wall_clock_ms() - clock.now().time_since_epoch().count() / 1'000'000;
  return options;
}

}  // namespace

Service::Service(ServiceOptions options, net::Context& context, const Clock& clock,
                 StopSignal& signal)
    : options_(std::move(options)),
      context_(context),
      clock_(clock),
      signal_(signal),
      loop_(clock),
      core_(with_wall_clock(options_.core, clock), *this),
      watchdog_(watchdog_interval() / 3) {
  if (options_.redis) {
    auto redis = std::make_unique<store::RedisStore>(*options_.redis);
    redis_ = redis.get();
    store_ = std::move(redis);
  } else {
    store_ = std::make_unique<store::MemoryStore>(memory_);
  }
}

Service::~Service() = default;

Status Service::open() {
  net::SocketOptions control;
  control.traffic = net::Traffic::kControl;
  control.max_message = wire::kMaxControl;
  Result<net::Socket> router = net::Socket::open(context_, net::SocketType::kRouter, control);
  if (!router) return router.error();
  router_ = std::move(*router);
  Result<net::Monitor> monitor = net::Monitor::open(context_, router_, "broker");
  if (!monitor) return monitor.error();
  monitor_ = std::move(*monitor);
  const Result<std::string> bound = router_.bind("ipc://" + options_.run_dir + "/broker.ipc");
  if (!bound) return bound.error();
  log::info("listening address={}", *bound);
  return {};
}

int Service::run() {
  core_.start(clock_.now());
  loop_.watch(router_, [this] { take_messages(); });
  loop_.watch(monitor_, [this] {
    if (monitor_.disconnects() > 0) core_.connection_lost(clock_.now());
  });
  loop_.watch_fd(signal_.fd(), [this] { take_signal(); });
  if (store_->fd() >= 0) loop_.watch_fd(store_->fd(), [] {});  // polled before each wait
  loop_.run([this](Instant now) { return before_wait(now); });
  notify_supervisor("STOPPING=1");
  core_.save(clock_.now());
  if (redis_ != nullptr && !redis_->flush(kSaveLimit))
    log::warn("the store did not take everything in time");
  return 0;
}

void Service::take_signal() {
  if (signal_.take() != 0) loop_.stop();
}

void Service::take_messages() {
  net::PeerId peer;
  Received received;
  for (int i = 0; i < kMessagesAtOnce && router_.receive_from(peer, received); ++i) {
    auto message = wire::decode_control(std::exchange(received, Received{}));
    if (!message) {
      ++malformed_;
      log::debug("malformed message dropped peer={} reason={}", peer.value,
                 message.error().message);
      continue;
    }
    core_.receive(ConnectionId{peer.value}, std::move(*message), clock_.now());
  }
}

Instant Service::before_wait(Instant now) {
  settle(now);
  const Instant next = core_.tick(now);
  report_state();
  feed_watchdog(now);
  const bool more = !probes_.empty() || !unreachable_.empty() || store_->fd() < 0;
  if (!more) return next;
  settle(now);
  return core_.tick(now);
}

// What effects have led to: answers of the store, results of probes, connections found gone.
void Service::settle(Instant now) {
  while (auto event = store_->poll()) {
    if (const auto* gone = std::get_if<store::Disconnected>(&*event))
      log::warn("store unreachable reason={}", gone->reason);
    core_.stored(std::move(*event), now);
  }
  const auto probes = std::exchange(probes_, {});
  for (const auto& [instance, address] : probes) {
    const net::Listening listening = net::probe(address);
    core_.probed(instance,
                 listening == net::Listening::kYes       ? Probed::kListening
                 : listening == net::Listening::kRefused ? Probed::kRefused
                                                         : Probed::kUnknown,
                 now);
  }
  for (const ConnectionId connection : std::exchange(unreachable_, {}))
    core_.unreachable(connection, now);
}

void Service::report_state() {
  std::string text = fmt::format("{}{}{}", to_string(core_.state()),
                                 core_.reason().empty() ? "" : ": ", core_.reason());
  if (notified_ready_ && text == reported_) return;
  log::info("state {}", text);
  notify_supervisor(fmt::format("{}STATUS={}", notified_ready_ ? "" : "READY=1\n", text));
  notified_ready_ = true;
  reported_ = std::move(text);
}

void Service::feed_watchdog(Instant now) {
  if (watchdog_ <= Duration{} || now < next_watchdog_) return;
  next_watchdog_ = now + watchdog_;
  notify_supervisor("WATCHDOG=1");
}

void Service::send(ConnectionId to, const wire::ControlMessage& message) {
  send_bytes(to, wire::encode_control(message));
}

void Service::broadcast(std::span<const ConnectionId> to, const wire::ControlMessage& message) {
  const Bytes bytes = wire::encode_control(message);
  for (const ConnectionId connection : to)
    send_bytes(connection, bytes);
}

void Service::send_bytes(ConnectionId to, const Bytes& bytes) {
  const net::Sent sent = router_.send_to(net::PeerId{to.value}, bytes);
  if (sent == net::Sent::kNoPeer) unreachable_.push_back(to);
}

void Service::store(store::Operation operation) {
  if (const auto* event = std::get_if<store::AppendEvent>(&operation)) {
    if (event->kind == "lost") {
      log::warn("{} {}", event->kind, event->detail);
    } else {
      log::info("{} {}", event->kind, event->detail);
    }
  }
  if (!store_->submit(std::move(operation)))
    log::debug("the store's queue is full, refused={}", store_->refused());
}

void Service::probe(InstanceId instance, const std::string& address) {
  probes_.emplace(instance, address);
}

}  // namespace flow::broker
