#include "gateway/service.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

#include "base/host.h"
#include "base/log.h"

namespace flow::gateway {
namespace {

using std::chrono::milliseconds;

constexpr int kBatch = 256;  // messages taken from one socket before the others get their turn
constexpr std::size_t kSlack = 1U << 20;  // headers and parameters beside the documents
constexpr Duration kBeatEvery = milliseconds(200);
constexpr Duration kGoodbye = milliseconds(5);
constexpr std::array<Duration, 3> kLookAfter = {milliseconds(0), milliseconds(10),
                                                milliseconds(100)};

}  // namespace

Service::Service(Arguments arguments, net::Context& context, const Clock& clock)
    : arguments_(std::move(arguments)),
      context_(context),
      clock_(clock),
      loop_(clock),
      door_(*this, clock,
            static_cast<std::uint64_t>(clock.now().time_since_epoch().count()) ^
                (std::uint64_t{host_id()} << 32U) ^ static_cast<std::uint64_t>(getpid())),
      peers_(context),
      member_({wire::Role::kGateway, arguments_.name, static_cast<std::uint32_t>(getpid()),
               host_name(), std::string(version())},
              *this) {}

Status Service::run(StopSignal& stop) {
  Result<net::Socket> control = net::Socket::open(
      context_, net::SocketType::kDealer,
      {.traffic = net::Traffic::kControl, .max_message = wire::kMaxControl + wire::kEnvelopeSize});
  if (!control) return std::move(control).error();
  control_ = std::move(*control);
  if (Status status = control_.connect(arguments_.broker); !status) return status;
  loop_.watch(control_, [this] { on_control(); });
  loop_.watch_fd(stop.fd(), [this, &stop] {
    if (stop.take() != 0) stop_asked();
  });
  loop_.run([this](Instant now) { return before_wait(now); });
  if (outcome_.ok()) member_.leave("drained", true);
  std::this_thread::sleep_for(kGoodbye);  // control sockets do not linger; the Exit shall leave
  return std::move(outcome_);
}

void Service::fail(Error error) {
  outcome_ = std::move(error);
  loop_.stop();
}

void Service::stop_asked() {
  if (stopping_ || core_ == nullptr) {
    loop_.stop();
    return;
  }
  stopping_ = true;
  core_->drain();
  log::info("draining in_flight={} queued={}", core_->in_flight(), core_->queued());
}

// The broker --------------------------------------------------------------------------------------

void Service::send(const wire::ControlMessage& message) {
  // A full or absent broker is no news here: hello and beats repeat themselves.
  (void)control_.send(wire::encode_control(message));
}

void Service::on_control() {
  Received received;
  for (int i = 0; i < kBatch && control_.receive(received); ++i) {
    Result<wire::ControlMessage> message = wire::decode_control(std::move(received));
    if (!message) {
      counters_.add(Counter::kMalformed);
      log::warn("message from the broker dropped reason=\"{}\"", message.error().message);
      continue;
    }
    for (cluster::MemberEvent& event : member_.receive(std::move(*message), clock_.now()))
      act(event);
  }
}

void Service::act(cluster::MemberEvent& event) {
  if (const auto* welcomed = std::get_if<cluster::Welcomed>(&event)) {
    if (Status status = open_doors(welcomed->welcome); !status) fail(std::move(status).error());
  } else if (const auto* changed = std::get_if<cluster::TopologyChanged>(&event)) {
    switch_to(changed->topology);
  } else if (std::get_if<cluster::DrainAsked>(&event) != nullptr) {
    stop_asked();
  } else if (const auto* refused = std::get_if<cluster::RefusedByBroker>(&event)) {
    fail({Errc::kUnavailable, refused->message});
  }
}

Status Service::open_doors(const wire::Welcome& welcome) {
  Result<Settings> settings = settings_from(welcome.settings, welcome.flow);
  if (!settings) return std::move(settings).error();
  settings_ = std::move(*settings);
  if (Status status = bind_data(welcome.instance); !status) return status;
  if (welcome.publishes) {
    if (Status status = bind_publisher(welcome.instance); !status) return status;
  }
  wire::Ready ready;
  if (Status status = bind_clients(ready.client_addresses); !status) return status;
  core_ = std::make_unique<Core>(settings_, welcome.instance, host_id(), *this);
  core_->set_wall_offset(wall_clock() - clock_.now().time_since_epoch());
  watch_arrivals();
  loop_.watch(data_, [this] { on_data(); });
  loop_.watch(door_.socket(), [this] { door_.receive(); });
  ready.data_address = data_address_;
  ready.lane_address = lane_address_;
  member_.ready(std::move(ready));
  return {};
}

Status Service::bind_data(InstanceId instance) {
  Result<net::Socket> data = net::Socket::open(context_, net::SocketType::kPull,
                                               {.max_message = settings_.max_request + kSlack});
  if (!data) return std::move(data).error();
  data_ = std::move(*data);
  Result<std::string> address =
      data_.bind(fmt::format("ipc://{}/data-{}.ipc", arguments_.run_dir, instance.value));
  if (!address) return std::move(address).error();
  data_address_ = std::move(*address);
  Result<net::Monitor> arrivals = net::Monitor::open(context_, data_, "gateway-data");
  if (!arrivals) return std::move(arrivals).error();
  arrivals_ = std::move(*arrivals);
  return {};
}

Status Service::bind_publisher(InstanceId instance) {
  Result<std::string> address =
      peers_.bind_publisher(cluster::lane_address(arguments_.run_dir, instance));
  if (!address) return std::move(address).error();
  lane_address_ = std::move(*address);
  loop_.watch(peers_.publisher(), [this] { read_subscriptions(); });
  return {};
}

void Service::read_subscriptions() {
  if (peers_.take_subscriptions()) member_.set_subscriptions(peers_.marks());
}

// A worker's connection that ended: its listening socket may outlive it by a moment.
void Service::watch_arrivals() {
  loop_.watch(arrivals_, [this] {
    if (arrivals_.disconnects() == 0) return;
    for (const Duration wait : kLookAfter)
      looks_.push_back(clock_.now() + wait);
  });
}

Status Service::bind_clients(std::vector<std::string>& addresses) {
  if (Status opened = door_.open(context_, settings_.max_request); !opened) return opened;
  std::vector<std::string> wanted;
  if (!settings_.address.empty()) wanted.push_back(settings_.address);
  wanted.push_back(fmt::format("ipc://{}/gateway.ipc", arguments_.run_dir));
  for (const std::string& address : wanted) {
    Result<std::string> bound = door_.bind(address);
    if (!bound) return std::move(bound).error();
    addresses.push_back(std::move(*bound));
  }
  return {};
}

void Service::switch_to(const std::shared_ptr<const wire::Topology>& topology) {
  if (core_ == nullptr) return;
  peers_.update(*topology, kGatewayNode, clock_.now());
  core_->on_topology(topology, clock_.now());
  acknowledged_plan_ = core_->oldest_plan();
  member_.acknowledge(topology->version, acknowledged_plan_);
}

// Clients -----------------------------------------------------------------------------------------

wire::ClientWelcome Service::welcome() {
  wire::ClientWelcome welcome;
  welcome.gateway = member_.instance();
  welcome.flow = settings_.flow;
  welcome.max_request_bytes = settings_.max_request;
  welcome.max_in_flight = client::FrontDoor::kInFlight;
  welcome.deadline = settings_.deadline;
  return welcome;
}

bool Service::acceptable(net::PeerId client, const wire::Request& request) {
  return core_->acceptable(ClientId{client.value}, request);
}

void Service::on_request(net::PeerId client, wire::Request&& request, Instant arrived) {
  core_->on_request(ClientId{client.value}, std::move(request), arrived);
}

void Service::on_cancel(net::PeerId client, std::uint64_t request, Instant arrived) {
  core_->on_cancel(ClientId{client.value}, request, arrived);
}

void Service::answer(ClientId client, const wire::Response& response) {
  door_.answer(net::PeerId{client.value}, response);
}

// Workers -----------------------------------------------------------------------------------------

// What cannot be sent is as if lost with its instance: sent again.
void Service::send_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) {
  peers_.send(to, parts_.encode(header, payload));
}

void Service::publish_part(InstanceId lane, const wire::PartHeader& header, const Bytes& payload) {
  peers_.publish(lane, parts_.encode(header, payload));
}

void Service::on_data() {
  Received message;
  Instant arrived{};
  const auto receive = [this, &arrived](Received& received) {
    const bool any = data_.receive(received);
    if (any) arrived = clock_.now();
    return any;
  };
  for (int i = 0; (i < kBatch || inbox_.pending()) && inbox_.next(message, receive); ++i) {
    if (!take(std::move(message), arrived)) counters_.add(Counter::kMalformed);
  }
}

// Whether it is understood.
bool Service::take(Received&& message, Instant arrived) {
  const std::optional<wire::Peek> peek = wire::peek(message);
  if (!peek) return false;
  if (peek->kind == wire::Kind::kPart) {
    if (part_ == nullptr) part_ = core_->blank();
    const bool understood = wire::decode_part(std::move(message), *part_).ok();
    understood ? core_->on_part(std::move(part_), arrived) : part_.reset();
    return understood;
  }
  if (peek->kind != wire::Kind::kReport || !wire::decode_report(message, report_)) return false;
  core_->on_report(report_, arrived);
  return true;
}

void Service::suspect(InstanceId /*instance*/) {
  looks_.push_back(clock_.now());
}

// A connection of some worker ended, or one is silent. Death is not taken on trust: only who
// refuses a connection is gone. Works without the broker, and tells it.
void Service::look_for_dead(Instant now) {
  if (std::erase_if(looks_, [now](Instant due) { return due <= now; }) == 0) return;
  if (core_->topology() == nullptr) return;
  const std::shared_ptr<const wire::Topology> topology = core_->topology();
  for (const wire::TopologyInstance& instance : topology->instances) {
    if (net::probe(instance.data_address) != net::Listening::kRefused) continue;
    member_.report_gone(instance.id);
    core_->on_gone(instance.id, now);
  }
}

// Time --------------------------------------------------------------------------------------------

void Service::beat(Instant now) {
  if (now < next_beat_) return;
  next_beat_ = now + kBeatEvery;
  core_->set_wall_offset(wall_clock() - clock_.now().time_since_epoch());
  wire::Beat beat;
  beat.queue = core_->queued();
  beat.in_flight = core_->in_flight();
  beat.executed = core_->counters()[Counter::kAnswered] + core_->counters()[Counter::kFailed];
  beat.rss_bytes = resident_bytes();
  member_.set_beat(beat);
  if (core_->topology() == nullptr) return;
  if (const std::uint64_t oldest = core_->oldest_plan(); oldest != acknowledged_plan_) {
    acknowledged_plan_ = oldest;
    member_.acknowledge(core_->topology()->version, oldest);
  }
}

Instant Service::before_wait(Instant now) {
  Instant next = kNever;
  if (core_ != nullptr) {
    beat(now);
    next = core_->tick(now);
    const std::size_t together = std::max(inbox_.together(), door_.together());
    door_.flush(together);
    for (const net::PeerId client : door_.take_gone())
      core_->on_client_gone(ClientId{client.value}, now);
    look_for_dead(now);
    // What was sent because of clients and workers that are gone leaves in this turn, too.
    peers_.flush(now, together);
    door_.flush(together);
    inbox_.settle();
    if (peers_.look_at() <= now) read_subscriptions();
    next = std::min(next, peers_.look_at());
    for (const Instant look : looks_)
      next = std::min(next, look);
    if (stopping_ && core_->drained()) loop_.stop();
  }
  return std::min(next, member_.tick(now));
}

}  // namespace flow::gateway
