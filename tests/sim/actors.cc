#include "actors.h"

#include <fmt/format.h>

#include "base/check.h"

namespace flow::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::uint32_t kHost = 1;
constexpr Duration kRestartAfter = milliseconds(100);
constexpr Duration kDisconnectSeen = milliseconds(12);  // measured mean of the event after kill -9

Bytes flatten(const Frames& frames) {
  std::vector<std::byte> all(frames.head.begin(), frames.head.end());
  all.insert(all.end(), frames.tail.begin(), frames.tail.end());
  if (frames.second != nullptr) {
    const auto payload = frames.second->span();
    all.insert(all.end(), payload.begin(), payload.end());
  }
  return Bytes::take(std::move(all));
}

std::string address_of(ProcessId id) {
  return fmt::format("sim:{}", id);
}

}  // namespace

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

// Gateway -----------------------------------------------------------------------------------------

GatewayProcess::GatewayProcess(Cluster& cluster)
    : Process(cluster, wire::Role::kGateway, "gateway/0") {}

void GatewayProcess::welcomed(const wire::Welcome& welcome) {
  auto settings = gateway::settings_from(welcome.settings, welcome.flow);
  FLOW_CHECK(settings.ok(), "gateway settings");
  core_ = std::make_unique<gateway::Core>(*settings, welcome.instance, kHost, *this);
  wire::Ready ready;
  ready.data_address = address_of(id_);
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

void GatewayProcess::request(std::uint64_t id, const Bytes& payload, Duration timeout) {
  wire::Request request;
  request.id = id;
  request.endpoint = "/work";
  request.timeout = timeout;
  request.payload = payload;
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
    FLOW_CHECK(wire::decode_part({frame, {}, 1}, part_).ok(), "own part does not decode");
    core_->on_part(part_, cluster_.world().now());
  }
  wake();
}

void GatewayProcess::send_part(InstanceId to, const wire::PartHeader& header,
                               const Bytes& payload) {
  Process* target = cluster_.find(to);
  if (target == nullptr) return;
  const Bytes frame = flatten(encoder_.encode(header, payload));
  cluster_.world().send(id_, target->id(), Plane::kData, frame.size(),
                        [target, frame] { target->on_data(frame); });
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
    : Process(cluster, wire::Role::kWorker, std::move(name)), service_(service) {}

void WorkerProcess::welcomed(const wire::Welcome& welcome) {
  worker::Self self;
  self.instance = welcome.instance;
  self.node = welcome.node;
  self.host = kHost;
  self.executor = welcome.executor;
  self.name = name_;
  label_ = welcome.executor + ".";
  core_ = std::make_unique<worker::Core>(self, *this, *this);
  wire::Ready ready;
  ready.data_address = address_of(id_);
  ready.catch_all = true;
  member_.ready(std::move(ready));
}

void WorkerProcess::topology(std::shared_ptr<const wire::Topology> topology) {
  core_->set_topology(topology, cluster_.world().now());
  std::vector<InstanceId> gateways;
  for (const wire::TopologyGateway& gateway : topology->gateways)
    gateways.push_back(gateway.id);
  reporter_.set_gateways(gateways);
  member_.acknowledge(topology->version, 0);
  work();
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
    worker::PartPointer part = core_->blank();
    FLOW_CHECK(wire::decode_part({inbox_.front(), {}, 1}, *part).ok(), "own part does not decode");
    inbox_.pop_front();
    core_->receive(std::move(part), world.now());
  }
  for (auto& leave : std::exchange(outbox_, {}))
    leave();  // receipts
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
  outbox_.emplace_back([this, to, frame] {
    if (Process* target = cluster_.find(to)) {
      cluster_.world().send(id_, target->id(), Plane::kData, frame.size(),
                            [target, frame] { target->on_data(frame); });
    }
  });
}

void WorkerProcess::progress(RequestId request, const wire::Progress& progress) {
  outbox_.emplace_back([this, request, progress] {
    reporter_.add(request.gateway, progress, cluster_.world().now());
  });
}

worker::Executed WorkerProcess::run(const wire::PartHeader&, worker::Contents& contents,
                                    Instant begun, Duration) {
  Result<Documents*> documents = contents.documents();
  if (!documents) return {begun, documents.error()};
  for (Document& document : **documents)
    document.change().text += label_;
  const std::int64_t us = to_us(service_);
  return {begun + cluster_.world().pick_us(us / 2, us * 3 / 2), std::nullopt};
}

Instant WorkerProcess::now() const {
  return cluster_.world().now();
}

void WorkerProcess::report() {
  InstanceId gateway;
  wire::Report report;
  while (reporter_.take_due(cluster_.world().now(), gateway, report.progress)) {
    report.instance = member_.instance();
    report.queue = static_cast<std::uint32_t>(core_->jobs());
    report.executing = busy_since_ ? cluster_.world().now() - *busy_since_ : Duration{};
    const Bytes frame = wire::encode_report(report);
    if (Process* target = cluster_.find(gateway)) {
      cluster_.world().send(id_, target->id(), Plane::kReport, frame.size(),
                            [target, frame] { target->on_data(frame); });
    }
  }
}

Instant WorkerProcess::tick(Instant now) {
  if (core_ == nullptr) return kNever;
  const Instant next = core_->tick(now);
  if (!executing_) {
    for (auto& leave : std::exchange(outbox_, {}))
      leave();
  }
  work();
  report();
  return std::min(next, reporter_.next());
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

// Cluster -----------------------------------------------------------------------------------------

Cluster::Cluster(World& world, graph::FlowDecl flow, graph::Graph graph,
                 std::function<Duration(const std::string&)> service)
    : world_(world),
      flow_(std::move(flow)),
      graph_(std::move(graph)),
      service_(std::move(service)) {
  for (const graph::Node& node : graph_.nodes()) {
    for (std::uint16_t replica = 0; replica < node.replicas; ++replica) {
      names_.push_back(graph::instance_name(node, 0, replica));
    }
  }
}

void Cluster::start() {
  broker_ = std::make_unique<BrokerProcess>(*this, data_);
  broker_->start();
  gateway_ = std::make_unique<GatewayProcess>(*this);
  gateway_->start();
  for (const std::string& name : names_)
    start_worker(name);
}

void Cluster::start_worker(const std::string& name) {
  auto worker = std::make_unique<WorkerProcess>(*this, name, service_(name));
  WorkerProcess* started = worker.get();
  if (auto& slot = workers_[name]; slot != nullptr) dead_.push_back(std::move(slot));
  workers_[name] = std::move(worker);
  started->start();
}

void Cluster::kill_worker(const std::string& name) {
  WorkerProcess& worker = *workers_.at(name);
  if (!world_.alive(worker.id())) return;
  world_.kill(worker.id());
  world_.after(kDisconnectSeen, [this] {
    if (broker_ != nullptr && world_.alive(broker_->id())) broker_->connection_lost();
    gateway_->connection_lost();
  });
  world_.after(kRestartAfter, [this, name] { start_worker(name); });
}

void Cluster::kill_broker(Duration down) {
  if (broker_ == nullptr) return;
  world_.kill(broker_->id());
  dead_brokers_.push_back(std::move(broker_));
  world_.after(down, [this] {
    broker_ = std::make_unique<BrokerProcess>(*this, data_);
    broker_->start();
  });
}

void Cluster::store_away(Duration how_long) {
  data_.away = true;
  world_.after(how_long, [this] { data_.away = false; });
}

void Cluster::request(std::uint64_t id, const Bytes& payload, Duration timeout) {
  outcomes_[id];
  gateway_->request(id, payload, timeout);
}

Process* Cluster::find(InstanceId instance) {
  if (gateway_ != nullptr && gateway_->instance() == instance) return gateway_.get();
  for (const auto& [name, worker] : workers_) {
    if (worker->instance() == instance && world_.alive(worker->id())) return worker.get();
  }
  return nullptr;
}

Process* Cluster::find(ProcessId process) {
  if (gateway_ != nullptr && gateway_->id() == process) return gateway_.get();
  for (const auto& [name, worker] : workers_) {
    if (worker->id() == process) return worker.get();
  }
  return nullptr;
}

bool Cluster::listening(const std::string& address) {
  if (gateway_ != nullptr && address == address_of(gateway_->id())) return true;
  for (const auto& [name, worker] : workers_) {
    if (address == address_of(worker->id())) return world_.alive(worker->id());
  }
  return false;
}

void Cluster::finished(std::uint64_t id, const wire::Response& response) {
  Outcome& outcome = outcomes_[id];
  ++outcome.count;
  if (outcome.count > 1) return;
  outcome.code = response.failure == nullptr ? Errc::kOk : response.failure->code;
  if (response.failure != nullptr) outcome.message = response.failure->message;
  outcome.payload = response.payload;
  outcome.at = world_.now();
}

}  // namespace flow::sim
