// The real cores as simulated processes: gateway, workers, broker, and a client that asks.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/core.h"
#include "cluster/member.h"
#include "gateway/core.h"
#include "store/memory_store.h"
#include "wire/part.h"
#include "worker/core.h"
#include "worker/reporter.h"
#include "world.h"

namespace flow::sim {

class Cluster;

// What every member does: talks to the broker through its Member.
class Process : public cluster::BrokerPort {
 public:
  Process(Cluster& cluster, wire::Role role, std::string name);
  ~Process() override = default;
  ProcessId id() const { return id_; }
  const std::string& name() const { return name_; }
  InstanceId instance() const { return member_.instance(); }

  void start();
  void send(const wire::ControlMessage& message) override;
  void on_control(wire::ControlMessage message);
  virtual void on_data(const Bytes& frame) = 0;  // a whole message, as it was sent

 protected:
  virtual void welcomed(const wire::Welcome& welcome) = 0;
  virtual void topology(std::shared_ptr<const wire::Topology> topology) = 0;
  virtual Instant tick(Instant now) = 0;
  void wake();  // runs tick() now, and again when it wants

  Cluster& cluster_;
  ProcessId id_;
  std::string name_;
  cluster::Member member_;

 private:
  void run();
  std::uint64_t wake_number_ = 0;
};

class GatewayProcess final : public Process, public gateway::Effects {
 public:
  explicit GatewayProcess(Cluster& cluster);
  gateway::Core* core() { return core_.get(); }
  void request(std::uint64_t id, const Bytes& payload, Duration timeout);
  void on_data(const Bytes& frame) override;
  void connection_lost();

 private:
  void send_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) override;
  void publish_part(InstanceId, const wire::PartHeader&, const Bytes&) override {}
  void answer(gateway::ClientId client, const wire::Response& response) override;
  void suspect(InstanceId instance) override;
  void welcomed(const wire::Welcome& welcome) override;
  void topology(std::shared_ptr<const wire::Topology> topology) override;
  Instant tick(Instant now) override;

  std::unique_ptr<gateway::Core> core_;
  wire::PartEncoder encoder_;
  wire::Part part_;
  wire::Report report_;
};

class WorkerProcess final : public Process, public worker::WorkerPort, public worker::Execution {
 public:
  WorkerProcess(Cluster& cluster, std::string name, Duration service);
  worker::Core* core() { return core_.get(); }
  void on_data(const Bytes& frame) override;

 private:
  // WorkerPort: what an execution sends leaves when it has ended.
  void send_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) override;
  void publish_part(InstanceId, const wire::PartHeader&, const Bytes&) override {}
  void progress(RequestId request, const wire::Progress& progress) override;
  // Execution: takes simulated time.
  bool wants_matrix(std::string_view) const override { return false; }
  worker::Executed run(const wire::PartHeader& header, worker::Contents& contents, Instant begun,
                       Duration remaining) override;
  Instant now() const override;
  // Process
  void welcomed(const wire::Welcome& welcome) override;
  void topology(std::shared_ptr<const wire::Topology> topology) override;
  Instant tick(Instant now) override;

  void work();
  void report();

  Duration service_;
  std::string label_;  // what it appends to texts
  std::unique_ptr<worker::Core> core_;
  worker::Reporter reporter_{1};
  wire::PartEncoder encoder_;
  std::deque<Bytes> inbox_;
  std::vector<std::function<void()>> outbox_;
  std::optional<Instant> busy_since_;
  bool executing_ = false;
};

class BrokerProcess final : public broker::Effects {
 public:
  BrokerProcess(Cluster& cluster, store::MemoryData& data);
  ProcessId id() const { return id_; }
  broker::Core& core() { return core_; }
  void start();
  void receive(ProcessId from, wire::ControlMessage message);
  void connection_lost();

 private:
  void send(broker::ConnectionId to, const wire::ControlMessage& message) override;
  void broadcast(std::span<const broker::ConnectionId> to,
                 const wire::ControlMessage& message) override;
  void store(store::Operation operation) override;
  void probe(InstanceId instance, const std::string& address) override;
  void run();

  Cluster& cluster_;
  ProcessId id_;
  store::MemoryStore store_;
  broker::Core core_;
  std::map<ProcessId, broker::ConnectionId> connections_;
  std::uint64_t wake_number_ = 0;
};

// How a request ended.
struct Outcome {
  Errc code = Errc::kOk;
  std::string message;
  Bytes payload;
  Instant at{};
  int count = 0;  // outcomes seen; more than one is a bug
};

// All processes of one simulated flow, started and restarted as `flowctl up` does.
class Cluster {
 public:
  Cluster(World& world, graph::FlowDecl flow, graph::Graph graph,
          std::function<Duration(const std::string&)> service);

  void start();
  void kill_worker(const std::string& name);  // comes back 100 ms later
  void kill_broker(Duration down);
  void store_away(Duration how_long);  // Redis does not answer
  void request(std::uint64_t id, const Bytes& payload, Duration timeout);

  World& world() { return world_; }
  const graph::FlowDecl& flow() const { return flow_; }
  const graph::Graph& graph() const { return graph_; }
  const std::vector<std::string>& worker_names() const { return names_; }
  std::map<std::string, std::unique_ptr<WorkerProcess>>& workers() { return workers_; }
  GatewayProcess& gateway() { return *gateway_; }
  BrokerProcess* broker() { return broker_.get(); }
  Process* find(InstanceId instance);
  Process* find(ProcessId process);
  const std::map<std::uint64_t, Outcome>& outcomes() const { return outcomes_; }
  void finished(std::uint64_t id, const wire::Response& response);
  bool listening(const std::string& address);

 private:
  void start_worker(const std::string& name);

  World& world_;
  graph::FlowDecl flow_;
  graph::Graph graph_;
  std::function<Duration(const std::string&)> service_;
  store::MemoryData data_;
  std::vector<std::string> names_;
  std::unique_ptr<BrokerProcess> broker_;
  std::unique_ptr<GatewayProcess> gateway_;
  std::map<std::string, std::unique_ptr<WorkerProcess>> workers_;
  std::vector<std::unique_ptr<Process>> dead_;  // kept: events may still name them
  std::vector<std::unique_ptr<BrokerProcess>> dead_brokers_;
  std::map<std::uint64_t, Outcome> outcomes_;
};

}  // namespace flow::sim
