#include "worker.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <utility>
#include <variant>

#include "base/host.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/units.h"
#include "cluster/peer_set.h"
#include "data_thread.h"
#include "devices.h"

namespace flow::worker {
namespace {

using std::chrono::milliseconds;

// What the last messages to the broker get to leave the process.
constexpr Duration kFlush = milliseconds(10);

constexpr Duration kBeatRefresh = milliseconds(100);
constexpr Duration kShortestLook = milliseconds(5);
constexpr Duration kLongestLook = milliseconds(200);
constexpr int kBatch = 64;

cluster::Identity identity_of(const WorkerOptions& options) {
  cluster::Identity identity;
  identity.role = wire::Role::kWorker;
  identity.name = options.name;
  identity.pid = static_cast<std::uint32_t>(getpid());
  identity.host = host_name();
  identity.version = version();
  identity.devices = options.devices;
  return identity;
}

}  // namespace

Worker::Worker(WorkerOptions options, net::Context& context, const Clock& clock)
    : options_(std::move(options)),
      context_(context),
      clock_(clock),
      member_(identity_of(options_), *this),
      loop_(clock),
      reporter_(1) {}

Worker::~Worker() = default;

int Worker::run(StopSignal& stop) {
  net::SocketOptions control;
  control.traffic = net::Traffic::kControl;
  Result<net::Socket> dealer = net::Socket::open(context_, net::SocketType::kDealer, control);
  Status connected = dealer ? dealer->connect(options_.broker) : Status(dealer.error());
  if (!connected) {
    fmt::print(stderr, "{}: {}: {}\n", options_.program, options_.name, connected.error().message);
    return 1;
  }
  dealer_ = std::move(*dealer);
  loop_.watch(dealer_, [this] { on_broker(); });
  loop_.watch_fd(stop.fd(), [this, &stop] { on_stop(stop); });
  loop_.watch_fd(shared_.to_control.fd(), [this] { shared_.to_control.drain(); });
  loop_.run([this](Instant now) { return before_wait(now); });
  if (data_thread_.joinable()) {
    if (!shared_.ended.load(std::memory_order_acquire)) end_now(exit_code_);
    data_thread_.join();
  }
  return exit_code_;
}

// Ends without the data thread, which is stuck or still constructing its executor.
void Worker::end_now(int code) {
  if (welcome_) {
    for (const std::string& address : {data_address(options_.run_dir, welcome_->instance),
                                       cluster::lane_address(options_.run_dir, welcome_->instance)})
      unlink(address.c_str() + std::string_view("ipc://").size());
  }
  std::fflush(nullptr);
  _exit(code);
}

void Worker::send(const wire::ControlMessage& message) {
  if (dealer_.send(wire::encode_control(message)) != net::Sent::kSent)
    log::debug("the broker's queue is full");
}

void Worker::on_broker() {
  Received received;
  for (int i = 0; i < kBatch && dealer_.receive(received); ++i) {
    Result<wire::ControlMessage> message = wire::decode_control(std::move(received));
    if (!message) {
      log::warn("dropped a malformed message of the broker reason={}", message.error().message);
      continue;
    }
    if (left_for_good_) continue;
    for (cluster::MemberEvent& event : member_.receive(std::move(*message), clock_.now()))
      handle(std::move(event));
  }
}

void Worker::on_stop(StopSignal& stop) {
  while (stop.take() != 0) {
    if (draining_) end_now(1);
    if (welcome_ && !left_) member_.leave("stopped", true);
    left_ = true;
    begin_drain(Stopping::kDrain);
  }
}

void Worker::handle(cluster::MemberEvent event) {
  if (auto* welcome = std::get_if<cluster::Welcomed>(&event)) {
    welcomed(std::move(welcome->welcome));
  } else if (auto* changed = std::get_if<cluster::TopologyChanged>(&event)) {
    if (!welcome_ || welcome_->node.value >= changed->topology->nodes.size()) {
      log::error("ignored a topology without this executor version={}", changed->topology->version);
      return;
    }
    connect_gateways(*changed->topology);
    shared_.put_topology(std::move(changed->topology));
    shared_.to_data.signal();
  } else if (const auto* copy = std::get_if<cluster::CopyAsked>(&event)) {
    shared_.put_copy(copy->sibling);
    shared_.to_data.signal();
  } else if (const auto* drain = std::get_if<cluster::DrainAsked>(&event)) {
    if (drain->timeout > Duration{}) drain_limit_ = clock_.now() + drain->timeout;
    left_ = left_for_good_ = true;
    begin_drain(Stopping::kDrained);
  } else if (auto* refused = std::get_if<cluster::RefusedByBroker>(&event)) {
    left_ = left_for_good_ = true;
    fail(refused->message);
  }
}

void Worker::welcomed(wire::Welcome welcome) {
  log::info("welcome instance={} executor={}", welcome.instance.value, welcome.executor);
  take_devices(welcome.devices);
  reporter_ = Reporter(std::max(welcome.threads, 1U));
  welcome_ = std::move(welcome);
  DataThreadOptions options{options_.name, options_.run_dir, options_.factory, options_.forwards,
                            *welcome_};
  data_thread_ = std::thread([this, options = std::move(options)] {
    run_data_thread(options, context_, shared_, clock_);
  });
}

// The data thread's answer: it serves, or it could not start.
void Worker::take_start() {
  std::optional<Result<wire::Ready>> start = shared_.take_start();
  if (!start) return;
  if (!*start) {
    fail(start->error().message);
    return;
  }
  started_ = true;
  if ((*start)->concurrency == 0) (*start)->concurrency = std::max(welcome_->threads, 1U);
  member_.ready(std::move(**start));
  notify_supervisor("READY=1");
}

void Worker::begin_drain(Stopping stopping) {
  if (!draining_) notify_supervisor("STOPPING=1");
  draining_ = true;
  if (!started_) {
    finish(0);
    return;
  }
  shared_.stopping.store(stopping, std::memory_order_release);
  shared_.to_data.signal();
}

void Worker::fail(const std::string& message) {
  if (end_at_ != kNever) return;
  fmt::print(stderr, "{}: {}: {}\n", options_.program, options_.name, message);
  if (!left_for_good_) member_.leave(message, false);
  left_ = true;
  finish(1);
}

void Worker::finish(int code) {
  exit_code_ = code;
  end_at_ = clock_.now() + kFlush;
}

Instant Worker::before_wait(Instant now) {
  take_start();
  if (auto marks = shared_.take_subscriptions()) member_.set_subscriptions(*std::move(marks));
  if (const auto copied = shared_.take_copied()) member_.caught_up(*copied);
  acknowledge();
  set_beat(now);
  Instant next = std::min(left_for_good_ ? kNever : member_.tick(now), check_timeout(now));
  take_progress(now);
  send_reports(now);
  await_progress(now);
  next = std::min(next, reporter_.next());
  if (shared_.ended.load(std::memory_order_acquire) && end_at_ == kNever) {
    send_reports(now + Reporter::kSoon);
    finish(0);
  }
  if (now >= drain_limit_) fail("it did not drain in time");
  if (now >= end_at_) loop_.stop();
  return std::min({next, end_at_, drain_limit_});
}

// Asks for a signal when there is something, if nothing is to be told yet; else the timer of what
// is to be told wakes this thread, not every item.
void Worker::await_progress(Instant now) {
  shared_.control_waits.store(reporter_.quiet(), std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!reporter_.quiet()) return;
  if (take_progress(now)) shared_.control_waits.store(false, std::memory_order_relaxed);
}

bool Worker::take_progress(Instant now) {
  const std::size_t items = shared_.progress.take_all(
      [this, now](const ProgressItem& item) { reporter_.add(item.gateway, item.progress, now); });
  if (items == 0) return false;
  shared_.wake_after.store(reporter_.half_window(), std::memory_order_relaxed);
  return true;
}

void Worker::send_reports(Instant now) {
  InstanceId gateway;
  while (reporter_.take_due(now, gateway, report_.progress))
    send_report(gateway, now);
}

void Worker::send_report(InstanceId gateway, Instant now) {
  const auto socket = gateways_.find(gateway);
  if (socket == gateways_.end()) return;
  const std::optional<Executing> executing = shared_.executing.read();
  report_.instance = member_.instance();
  report_.queue = shared_.queue.load(std::memory_order_relaxed);
  report_.window = 0;
  report_.executing = executing ? std::max(now - executing->since, Duration{}) : Duration{};
  report_.dropped = shared_.progress_dropped.load(std::memory_order_relaxed) + reporter_.dropped();
  if (socket->second.send(wire::encode_report(report_)) != net::Sent::kSent)
    log::debug("a report could not be sent gateway={}", gateway.value);
}

void Worker::connect_gateways(const wire::Topology& topology) {
  std::unordered_map<InstanceId, net::Socket> gateways;
  std::vector<InstanceId> ids;
  for (const wire::TopologyGateway& gateway : topology.gateways) {
    if (gateway.data_address.empty()) continue;  // still starting
    if (const auto held = gateways_.find(gateway.id); held != gateways_.end()) {
      gateways.emplace(gateway.id, std::move(held->second));
    } else {
      net::SocketOptions options;
      options.linger = kFlush;
      Result<net::Socket> socket = net::Socket::open(context_, net::SocketType::kPush, options);
      Status connected = socket ? socket->connect(gateway.data_address) : Status(socket.error());
      if (!connected) {
        log::error("cannot reach {}: {}", gateway.name, connected.error().message);
        continue;
      }
      gateways.emplace(gateway.id, std::move(*socket));
    }
    ids.push_back(gateway.id);
  }
  gateways_ = std::move(gateways);
  reporter_.set_gateways(ids);
}

// Once the data thread has switched.
void Worker::acknowledge() {
  const std::uint64_t in_use = shared_.topology_in_use.load(std::memory_order_acquire);
  if (in_use == acknowledged_) return;
  acknowledged_ = in_use;
  member_.acknowledge(in_use, 0);
}

void Worker::set_beat(Instant now) {
  if (now < next_beat_refresh_) return;
  next_beat_refresh_ = now + kBeatRefresh;
  const std::optional<Executing> executing = shared_.executing.read();
  wire::Beat beat;
  beat.queue = shared_.queue.load(std::memory_order_relaxed);
  beat.in_flight = shared_.in_flight.load(std::memory_order_relaxed) + (executing ? 1 : 0);
  beat.executed = shared_.executed.load(std::memory_order_relaxed);
  beat.service_us = reporter_.service_us();
  if (executing)
    beat.executing_us =
        static_cast<std::uint64_t>(std::max<std::int64_t>(to_us(now - executing->since), 0));
  beat.rss_bytes = resident_bytes();
  if (std::optional<FarState> news = shared_.take_far()) far_ = *std::move(news);
  if (far_.away_since != kNever) {
    beat.far_away = std::max<Duration>(now - far_.away_since, std::chrono::microseconds(1));
    beat.far_trouble = far_.trouble;
  }
  member_.set_beat(beat);
}

Instant Worker::check_timeout(Instant now) {
  if (!welcome_ || welcome_->timeout <= Duration{} || end_at_ != kNever) return kNever;
  const Duration timeout = welcome_->timeout;
  const std::optional<Executing> executing = shared_.executing.read();
  if (!executing) {
    timed_out_.reset();
    if (!reporter_.has_work()) return kNever;
    return now + std::clamp<Duration>(timeout / 4, kShortestLook, kLongestLook);
  }
  const Instant limit = executing->since + timeout;
  if (now < limit) return limit;
  if (!timed_out_ || timed_out_->since != executing->since) {
    timed_out_ = executing;
    for (const Running& running : shared_.executing.requests(*executing))
      report_timeout(running);
  }
  if (now < limit + kOverrun) return limit + kOverrun;
  const std::size_t others = shared_.executing.requests(*executing).size() - 1;
  fail(fmt::format("execution of {}-{}{} exceeded its timeout of {}",
                   executing->first.request.gateway.value, executing->first.request.sequence,
                   others == 0 ? "" : fmt::format(" and {} in its batch", others),
                   format_duration(timeout)));
  return kNever;
}

// Ends the request at its gateway, past the handler that is still busy with it.
void Worker::report_timeout(const Running& running) {
  const auto socket = gateways_.find(running.request.gateway);
  if (socket == gateways_.end()) return;
  wire::PartHeader header;
  header.target = running.request.gateway.value;
  header.request = running.request;
  header.attempt = running.attempt;
  header.topology_version = acknowledged_;
  header.sent_at = clock_.now();
  header.sent_on_host = host_id();
  header.source = welcome_->node;
  header.source_shard = welcome_->shard;
  header.source_replica = welcome_->replica;
  header.failure = std::make_unique<wire::Failure>(
      wire::Failure{Errc::kDeadlineExceeded,
                    fmt::format("execution took longer than its timeout of {}",
                                format_duration(welcome_->timeout)),
                    welcome_->executor.substr(0, welcome_->executor.find('/')), options_.name});
  wire::PartEncoder encoder;
  if (socket->second.send(encoder.encode(header, Bytes())) != net::Sent::kSent)
    log::debug("a timeout could not be reported");
}

}  // namespace flow::worker
