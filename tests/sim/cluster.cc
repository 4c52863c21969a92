#include "cluster.h"

#include <algorithm>

#include "wire/part.h"

namespace flow::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Duration kRestartAfter = milliseconds(100);
constexpr Duration kDisconnectSeen = milliseconds(12);  // measured mean of the event after kill -9

}  // namespace

Cluster::Cluster(World& world, ScriptedFlow flow, graph::Graph graph,
                 std::function<Duration(const std::string&)> service)
    : world_(world),
      flow_(std::move(flow)),
      graph_(std::move(graph)),
      service_(std::move(service)) {
  for (const graph::Node& node : graph_.nodes()) {
    for (std::uint16_t shard = 0; shard < node.shards; ++shard) {
      for (std::uint16_t replica = 0; replica < node.replicas; ++replica)
        names_.push_back(graph::instance_name(node, shard, replica));
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
  world_.after(kDisconnectSeen, [this, gone = worker.id()] {
    if (broker_ != nullptr && world_.alive(broker_->id())) broker_->connection_lost();
    gateway_->connection_lost();
    gateway_->lane_lost(gone);
    for (const auto& [other, each] : workers_) {
      if (world_.alive(each->id())) each->lane_lost(gone);
    }
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

void Cluster::cut_lane(ProcessId publisher, ProcessId member, Duration down) {
  Process* from = find(publisher);
  Process* to = find(member);
  if (from == nullptr || to == nullptr || !world_.alive(publisher) || !world_.alive(member)) return;
  world_.cut(publisher, member, Plane::kLane, down);
  world_.cut(member, publisher, Plane::kLane, down);
  from->lane_lost(member);
  world_.after(down, [this, id = from->instance(), member] {
    if (!world_.alive(member)) return;
    if (auto* worker = dynamic_cast<WorkerProcess*>(find(member))) worker->connected_again(id);
  });
}

std::vector<std::pair<ProcessId, ProcessId>> Cluster::lane_connections() const {
  std::vector<std::pair<ProcessId, ProcessId>> connections;
  const auto add = [&connections](const Process& publisher) {
    for (const ProcessId member : publisher.lane_members())
      connections.emplace_back(publisher.id(), member);
  };
  add(*gateway_);
  for (const auto& [name, worker] : workers_) {
    if (world_.alive(worker->id())) add(*worker);
  }
  return connections;
}

void Cluster::request(wire::Request request) {
  outcomes_[request.id];
  gateway_->request(std::move(request));
}

Program Cluster::program(const std::string& node) const {
  const auto found = flow_.programs.find(node);
  return found != flow_.programs.end() ? found->second
                                       : Program{ValueMap{{"/default", ValueList()}}, false};
}

std::unique_ptr<Executor> Cluster::make_executor(const std::string& node,
                                                 const std::string& instance, std::uint16_t shard,
                                                 std::uint16_t shards) const {
  if (make_) {
    if (std::unique_ptr<Executor> made = make_(node, instance)) return made;
  }
  return make_scripted(program(node), node.substr(0, node.find('/')), shard, shards);
}

void Cluster::executed(RequestId request, const std::string& node, int shard) {
  executions_[request].emplace(node, shard);
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
  if (response.failure != nullptr) {
    outcome.message = response.failure->message;
    outcome.executor = response.failure->executor;
  }
  outcome.request = response.request;
  outcome.missing = response.missing;
  outcome.results = response.results;
  outcome.payload = response.payload;
  outcome.at = world_.now();
}

void Cluster::published(const wire::TopologyLane& lane, const std::vector<ProcessId>& hearing) {
  for (const InstanceId member : lane.members) {
    const Process* process = member ? find(member) : nullptr;
    if (process != nullptr && std::ranges::find(hearing, process->id()) == hearing.end())
      ++unheard_;
  }
}

}  // namespace flow::sim
