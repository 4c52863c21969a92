#include "actors.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "cluster.h"

namespace flow::sim {
namespace {

using std::chrono::microseconds;

constexpr std::uint32_t kHost = 1;
constexpr std::int64_t kLongestHandshakeUs = 20'000;

}  // namespace

Bytes flatten(const Frames& frames) {
  std::vector<std::byte> all(frames.head.begin(), frames.head.end());
  all.insert(all.end(), frames.tail.begin(), frames.tail.end());
  for (const Bytes& payload : frames.payloads)
    all.insert(all.end(), payload.span().begin(), payload.span().end());
  return Bytes::take(std::move(all));
}

std::string address_of(ProcessId id) {
  return fmt::format("sim:{}", id);
}

// Process -----------------------------------------------------------------------------------------

Process::Process(Cluster& cluster, wire::Role role, std::string name)
    : cluster_(cluster),
      id_(cluster.world().start_process()),
      name_(std::move(name)),
      member_({role, name_, id_, "sim", "test"}, *this) {}

void Process::start() {
  wake();
}

void Process::send(const wire::ControlMessage& message) {
  const Bytes encoded = wire::encode_control(message);
  Cluster& cluster = cluster_;
  BrokerProcess* broker = cluster.broker();
  if (broker == nullptr) return;
  cluster.world().send(id_, broker->id(), Plane::kControl, encoded.size(),
                       [&cluster, broker, encoded, this] {
                         Received received{encoded, {}, 1};
                         auto decoded = wire::decode_control(std::move(received));
                         FLOW_CHECK(decoded.ok(), "own control message does not decode");
                         broker->receive(id_, std::move(*decoded));
                       });
}

void Process::on_control(wire::ControlMessage message) {
  for (cluster::MemberEvent& event : member_.receive(std::move(message), cluster_.world().now())) {
    if (const auto* first = std::get_if<cluster::Welcomed>(&event)) welcomed(first->welcome);
    if (const auto* changed = std::get_if<cluster::TopologyChanged>(&event))
      topology(changed->topology);
    if (const auto* order = std::get_if<cluster::CopyAsked>(&event)) copy(order->sibling);
  }
  wake();
}

void Process::wake() {
  ++wake_number_;
  run();
}

void Process::run() {
  World& world = cluster_.world();
  if (!world.alive(id_)) return;
  const Instant next = std::min(tick(world.now()), member_.tick(world.now()));
  if (next == kNever) return;
  const std::uint64_t number = ++wake_number_;
  world.at(std::max(next, world.now() + microseconds(50)), [this, number] {
    if (number == wake_number_) run();
  });
}

void Process::heard(ProcessId from, wire::LaneMark mark, bool on) {
  const bool changed = on ? publisher_.subscribe(from, mark) : publisher_.unsubscribe(from, mark);
  if (changed) member_.set_subscriptions(publisher_.marks());
}

void Process::lane_lost(ProcessId member) {
  if (publisher_.lose(member)) member_.set_subscriptions(publisher_.marks());
}

void Process::send_to(InstanceId to, Plane plane, const Bytes& frame) {
  Process* target = cluster_.find(to);
  if (target == nullptr) return;
  cluster_.world().send(id_, target->id(), plane, frame.size(),
                        [target, frame] { target->on_data(frame); });
}

// To whoever is subscribed at this moment; nobody is told of others.
void Process::publish_to(InstanceId lane, const Bytes& frame) {
  const std::vector<ProcessId> hearing = publisher_.hearing(lane);
  for (const wire::TopologyLane& each : member_.topology()->lanes) {
    if (each.id == lane) cluster_.published(each, hearing);
  }
  for (const ProcessId process : hearing) {
    if (Process* target = cluster_.find(process)) {
      cluster_.world().send(id_, process, Plane::kLane, frame.size(),
                            [target, frame] { target->on_data(frame); });
    }
  }
}

// Gateway -----------------------------------------------------------------------------------------

GatewayProcess::GatewayProcess(Cluster& cluster)
    : Process(cluster, wire::Role::kGateway, "gateway/0") {}

void GatewayProcess::welcomed(const wire::Welcome& welcome) {
  auto settings = gateway::settings_from(welcome.settings, welcome.flow);
  FLOW_CHECK(settings.ok(), "gateway settings");
  core_ = std::make_unique<gateway::Core>(*settings, welcome.instance, kHost, *this);
  wire::Ready ready;
  ready.data_address = address_of(id_);
  if (welcome.publishes) ready.lane_address = address_of(id_);
  ready.client_addresses = {"sim:clients"};
  member_.ready(std::move(ready));
}

void GatewayProcess::topology(std::shared_ptr<const wire::Topology> topology) {
  core_->on_topology(topology, cluster_.world().now());
  member_.acknowledge(topology->version, core_->oldest_plan());
}

Instant GatewayProcess::tick(Instant now) {
  return core_ == nullptr ? kNever : core_->tick(now);
}

void GatewayProcess::request(wire::Request request) {
  core_->on_request(gateway::ClientId{1}, std::move(request), cluster_.world().now());
  wake();
}

void GatewayProcess::on_data(const Bytes& frame) {
  const Received peeked{frame, {}, 1};
  const auto kind = wire::peek(peeked);
  FLOW_CHECK(kind.has_value(), "own message does not decode");
  if (kind->kind == wire::Kind::kReport) {
    FLOW_CHECK(wire::decode_report({frame, {}, 1}, report_).ok(), "own report does not decode");
    core_->on_report(report_, cluster_.world().now());
  } else {
    route::PartPointer part = core_->blank();
    FLOW_CHECK(wire::decode_part({frame, {}, 1}, *part).ok(), "own part does not decode");
    core_->on_part(std::move(part), cluster_.world().now());
  }
  wake();
}

void GatewayProcess::send_part(InstanceId to, const wire::PartHeader& header,
                               const Bytes& payload) {
  send_to(to, Plane::kData, flatten(encoder_.encode(header, payload)));
}

void GatewayProcess::publish_part(InstanceId lane, const wire::PartHeader& header,
                                  const Bytes& payload) {
  publish_to(lane, flatten(encoder_.encode(header, payload)));
}

void GatewayProcess::answer(gateway::ClientId, const wire::Response& response) {
  cluster_.finished(response.id, response);
}

void GatewayProcess::suspect(InstanceId) {
  connection_lost();
}

// As the service does it: who refuses a connection is gone.
void GatewayProcess::connection_lost() {
  cluster_.world().after(microseconds(100), [this] {
    if (core_ == nullptr || core_->topology() == nullptr) return;
    const std::shared_ptr<const wire::Topology> topology = core_->topology();
    for (const wire::TopologyInstance& instance : topology->instances) {
      if (cluster_.listening(instance.data_address)) continue;
      member_.report_gone(instance.id);
      core_->on_gone(instance.id, cluster_.world().now());
    }
    wake();
  });
}

// Worker ------------------------------------------------------------------------------------------

WorkerProcess::WorkerProcess(Cluster& cluster, std::string name, Duration service)
    : Process(cluster, wire::Role::kWorker, std::move(name)),
      service_(service),
      clock_(cluster.world()) {}

void WorkerProcess::welcomed(const wire::Welcome& welcome) {
  const graph::Node& node = cluster_.graph()[welcome.node];
  worker::Self self;
  self.instance = welcome.instance;
  self.node = node_ = welcome.node;
  self.shard = shard_ = welcome.shard;
  self.host = kHost;
  self.executor = graph::executor_name(node);
  self.name = name_;
  self.replica = welcome.replica;
  const Program program = cluster_.program(node.name);
  core_ = std::make_unique<worker::Core>(self, *this, *this);
  wire::Ready ready = node.external ? start_forwarder(program) : start_executor(welcome);
  Replicated* replicated = executor_ == nullptr ? nullptr : executor_->replicated();
  copier_.emplace(self.instance, replicated, self.max_part_bytes, *this);
  if (replicated != nullptr) {
    const Held held = replicated->held();
    ready.holds = wire::Holding{held.newest, held.digest, held.entries};
  }
  ready.data_address = address_of(id_);
  if (welcome.publishes) ready.lane_address = address_of(id_);
  member_.ready(std::move(ready));
}

wire::Ready WorkerProcess::start_executor(const wire::Welcome& welcome) {
  const graph::Node& node = cluster_.graph()[node_];
  const std::string executor(graph::executor_name(node));
  executor_ = cluster_.make_executor(node.name, name_, shard_, welcome.shards);
  handlers_ = std::make_unique<worker::HandlerExecution>(*executor_, executor, clock_, *this);
  wire::Ready ready;
  for (const Executor::Binding& binding : executor_->bindings()) {
    if (binding.endpoint == worker::kCatchAll) {
      ready.catch_all = true;
    } else {
      ready.endpoints.push_back(binding.endpoint);
    }
    ready.wants_matrix = ready.wants_matrix || binding.wants_matrix;
  }
  return ready;
}

wire::Ready WorkerProcess::start_forwarder(const Program& program) {
  program_ = program;
  const std::string executor(graph::executor_name(cluster_.graph()[node_]));
  far_ = std::make_unique<FarEnd>(cluster_.world(), clock_, id_, executor, name_, program, service_,
                                  [this] { wake(); });
  far_->forwarder().set_finish([this](worker::Ticket ticket, worker::Executed executed) {
    core_->finish(ticket, std::move(executed));
  });
  wire::Ready ready;
  ready.catch_all = true;
  ready.concurrency = worker::Forwarder::kConcurrency;
  return ready;
}

void WorkerProcess::topology(std::shared_ptr<const wire::Topology> topology) {
  tell_publishers(subscriber_.update(*topology, member_.instance(), node_));
  core_->set_topology(topology, cluster_.world().now());
  std::vector<InstanceId> gateways;
  for (const wire::TopologyGateway& gateway : topology->gateways)
    gateways.push_back(gateway.id);
  reporter_.set_gateways(gateways);
  member_.acknowledge(topology->version, 0);
  work();
}

void WorkerProcess::tell_publishers(std::span<const Subscriber::Change> changes) {
  for (const Subscriber::Change& change : changes) {
    Process* publisher = cluster_.find(change.publisher);
    if (publisher == nullptr) continue;
    cluster_.world().send(
        id_, publisher->id(), Plane::kLane, sizeof(wire::LaneMark),
        [from = id_, publisher, change] { publisher->heard(from, change.mark, change.on); },
        cluster_.world().pick_us(0, kLongestHandshakeUs));
  }
}

// Its subscriptions are said again.
void WorkerProcess::connected_again(InstanceId publisher) {
  tell_publishers(subscriber_.all_for(publisher));
}

void WorkerProcess::on_data(const Bytes& frame) {
  inbox_.push_back(frame);
  work();
  wake();
}

// One execution at a time; what it sends leaves when it ends, unless the process died before.
void WorkerProcess::work() {
  World& world = cluster_.world();
  if (executing_ || core_ == nullptr || !world.alive(id_)) return;
  while (!inbox_.empty() && core_->has_room()) {
    if (copier_->keeps() && take_copying(inbox_.front())) {
      inbox_.pop_front();
      continue;
    }
    worker::PartPointer part = core_->blank();
    FLOW_CHECK(wire::decode_part({inbox_.front(), {}, 1}, *part).ok(), "own part does not decode");
    inbox_.pop_front();
    core_->receive(std::move(part), world.now());
  }
  for (auto& leave : std::exchange(outbox_, {}))
    leave();  // receipts
  far_ == nullptr ? execute() : forward();
}

// What goes on elsewhere keeps nobody busy here.
void WorkerProcess::forward() {
  Instant now = cluster_.world().now();
  while (core_->execute_next(now, now)) {
  }
  for (auto& leave : std::exchange(outbox_, {}))
    leave();
}

void WorkerProcess::execute() {
  World& world = cluster_.world();
  Instant ended{};
  if (!core_->execute_next(world.now(), ended)) return;
  executing_ = true;
  busy_since_ = world.now();
  world.at(ended, [this, sends = std::exchange(outbox_, {})] {
    executing_ = false;
    busy_since_.reset();
    if (!cluster_.world().alive(id_)) return;
    for (const auto& leave : sends)
      leave();
    work();
    wake();
  });
}

void WorkerProcess::send_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) {
  const Bytes frame = flatten(encoder_.encode(header, payload));
  outbox_.emplace_back([this, to, frame] { send_to(to, Plane::kData, frame); });
}

void WorkerProcess::publish_part(InstanceId lane, const wire::PartHeader& header,
                                 const Bytes& payload) {
  const Bytes frame = flatten(encoder_.encode(header, payload));
  outbox_.emplace_back([this, lane, frame] { publish_to(lane, frame); });
}

void WorkerProcess::progress(RequestId request, wire::Progress progress) {
  if (far_ == nullptr && progress.service_us > 0)
    cluster_.executed(request, cluster_.graph()[node_].name, shard_);  // also as one of a batch
  outbox_.emplace_back([this, request, progress] {
    reporter_.add(request.gateway, progress, cluster_.world().now());
  });
}

bool WorkerProcess::wants_matrix(std::string_view endpoint) const {
  return far_ == nullptr && handlers_->wants_matrix(endpoint);
}

bool WorkerProcess::run(worker::Ticket ticket, const wire::PartHeader& header,
                        worker::Contents& contents, Instant begun, Duration remaining,
                        worker::Executed& executed) {
  if (far_ != nullptr) {
    if (program_.binds(header.endpoint))
      cluster_.executed(header.request, cluster_.graph()[node_].name, shard_);
    return far_->forwarder().run(ticket, header, contents, begun, remaining, executed);
  }
  handlers_->run(ticket, header, contents, begun, remaining, executed);
  const std::int64_t us = to_us(service_);
  executed.ended = begun + cluster_.world().pick_us(us / 2, us * 3 / 2);
  return true;
}

void WorkerProcess::report() {
  InstanceId gateway;
  wire::Report report;
  while (reporter_.take_due(cluster_.world().now(), gateway, report.progress)) {
    report.instance = member_.instance();
    report.queue = static_cast<std::uint32_t>(core_->jobs());
    report.executing = busy_since_ ? cluster_.world().now() - *busy_since_ : Duration{};
    const Bytes frame = wire::encode_report(report);
    send_to(gateway, Plane::kReport, frame);
  }
}

Instant WorkerProcess::tick(Instant now) {
  if (core_ == nullptr) return kNever;
  core_->tick(now);
  const Instant far = far_ == nullptr ? kNever : far_->tick(now);
  const Instant copy = copier_->tick(now);
  if (!executing_) {
    for (auto& leave : std::exchange(outbox_, {}))
      leave();
  }
  work();
  report();
  const Instant next = core_->tick(now);
  // A batch that is due waits until what is executed has ended.
  return std::min({executing_ && next <= now ? kNever : next, reporter_.next(), far, copy});
}

// Broker ------------------------------------------------------------------------------------------

namespace {

broker::CoreOptions options_of(const Cluster& cluster) {
  broker::CoreOptions options;
  options.flow = cluster.flow();
  options.graph = cluster.graph();
  options.state_dir = "/sim";
  return options;
}

}  // namespace

BrokerProcess::BrokerProcess(Cluster& cluster, store::MemoryData& data)
    : cluster_(cluster),
      id_(cluster.world().start_process()),
      store_(data),
      core_(options_of(cluster), *this) {}

void BrokerProcess::start() {
  core_.start(cluster_.world().now());
  run();
}

void BrokerProcess::receive(ProcessId from, wire::ControlMessage message) {
  const auto [it, fresh] = connections_.try_emplace(
      from, broker::ConnectionId{static_cast<std::uint32_t>(connections_.size() + 1)});
  core_.receive(it->second, std::move(message), cluster_.world().now());
  run();
}

void BrokerProcess::connection_lost() {
  core_.connection_lost(cluster_.world().now());
  run();
}

void BrokerProcess::send(broker::ConnectionId to, const wire::ControlMessage& message) {
  for (const auto& [process, connection] : connections_) {
    if (connection != to) continue;
    const Bytes encoded = wire::encode_control(message);
    cluster_.world().send(id_, process, Plane::kControl, encoded.size(),
                          [this, process = process, encoded] {
                            auto decoded = wire::decode_control({encoded, {}, 1});
                            FLOW_CHECK(decoded.ok(), "own control message does not decode");
                            if (Process* target = cluster_.find(process))
                              target->on_control(std::move(*decoded));
                          });
  }
}

void BrokerProcess::broadcast(std::span<const broker::ConnectionId> to,
                              const wire::ControlMessage& message) {
  for (const broker::ConnectionId connection : to)
    send(connection, message);
}

void BrokerProcess::store(store::Operation operation) {
  (void)store_.submit(std::move(operation));
}

void BrokerProcess::probe(InstanceId instance, const std::string& address) {
  World& world = cluster_.world();
  world.after(microseconds(100), [this, instance, address] {
    if (!cluster_.world().alive(id_)) return;
    core_.probed(
        instance,
        cluster_.listening(address) ? broker::Probed::kListening : broker::Probed::kRefused,
        cluster_.world().now());
    run();
  });
}

void BrokerProcess::run() {
  World& world = cluster_.world();
  if (!world.alive(id_)) return;
  while (auto event = store_.poll())
    core_.stored(std::move(*event), world.now());
  const Instant next = core_.tick(world.now());
  const std::uint64_t number = ++wake_number_;
  if (next == kNever) return;
  world.at(std::max(next, world.now() + microseconds(50)), [this, number] {
    if (number == wake_number_) run();
  });
}

}  // namespace flow::sim
