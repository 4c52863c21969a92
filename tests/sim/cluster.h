// A whole flow of simulated processes, and a client that asks.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors.h"
#include "interpreter.h"

namespace flow::sim {

// How a request ended.
struct Outcome {
  Errc code = Errc::kOk;
  std::string message;
  std::string executor;
  RequestId request;
  Bytes payload;
  Bytes results;
  std::vector<wire::MissingShard> missing;
  Instant at{};
  int count = 0;  // outcomes seen; more than one is a bug
};

// All processes of one simulated flow, started and restarted as `flowctl up` does.
class Cluster {
 public:
  // `service`: how long executions take, by instance.
  Cluster(World& world, ScriptedFlow flow, graph::Graph graph,
          std::function<Duration(const std::string&)> service);

  void start();
  void kill_worker(const std::string& name);  // comes back 100 ms later
  void kill_broker(Duration down);
  void store_away(Duration how_long);  // Redis does not answer
  // A connection between a publisher and a member of its lanes breaks and comes back.
  void cut_lane(ProcessId publisher, ProcessId member, Duration down);
  // All such connections there are: publisher, member.
  std::vector<std::pair<ProcessId, ProcessId>> lane_connections() const;
  void expect(std::uint64_t request) { outcomes_[request]; }  // will be asked
  void request(wire::Request request);

  World& world() { return world_; }
  const graph::FlowDecl& flow() const { return flow_.declaration; }
  // An executor of a node: what `make` gives, or where that is nothing by its program.
  using Make = std::function<std::unique_ptr<Executor>(const std::string& node,
                                                       const std::string& instance)>;
  void make_with(Make make) { make_ = std::move(make); }
  Program program(const std::string& node) const;
  std::unique_ptr<Executor> make_executor(const std::string& node, const std::string& instance,
                                          std::uint16_t shard, std::uint16_t shards) const;
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

  // Handlers called for a request, in all attempts.
  void executed(RequestId request, const std::string& node, int shard);
  const Executions& executions(RequestId request) { return executions_[request]; }

  // A part was published to a lane while these heard it.
  void published(const wire::TopologyLane& lane, const std::vector<ProcessId>& hearing);
  // Parts that living members did not get because the publisher did not see them.
  std::uint64_t unheard() const { return unheard_; }

 private:
  void start_worker(const std::string& name);

  World& world_;
  ScriptedFlow flow_;
  graph::Graph graph_;
  std::function<Duration(const std::string&)> service_;
  Make make_;
  store::MemoryData data_;
  std::vector<std::string> names_;
  std::unique_ptr<BrokerProcess> broker_;
  std::unique_ptr<GatewayProcess> gateway_;
  std::map<std::string, std::unique_ptr<WorkerProcess>> workers_;
  std::vector<std::unique_ptr<Process>> dead_;  // kept: events may still name them
  std::vector<std::unique_ptr<BrokerProcess>> dead_brokers_;
  std::map<std::uint64_t, Outcome> outcomes_;
  std::map<RequestId, Executions> executions_;
  std::uint64_t unheard_ = 0;
};

}  // namespace flow::sim
