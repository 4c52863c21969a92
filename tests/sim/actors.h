// The real cores as simulated processes: gateway, workers, broker.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/core.h"
#include "cluster/member.h"
#include "far.h"
#include "gateway/core.h"
#include "lanes.h"
#include "script.h"
#include "store/memory_store.h"
#include "wire/part.h"
#include "worker/copier.h"
#include "worker/core.h"
#include "worker/handlers.h"
#include "worker/reporter.h"
#include "world.h"

namespace flow::sim {

class Cluster;

std::string address_of(ProcessId id);
Bytes flatten(const Frames& frames);  // as one frame

class WorldClock final : public Clock {
 public:
  explicit WorldClock(const World& world) : world_(world) {}
  Instant now() const override { return world_.now(); }

 private:
  const World& world_;
};

// What every member does: talks to the broker through its Member, publishes to lanes.
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

  // As a publisher: a member of a lane subscribed or left, or its connection broke.
  void heard(ProcessId from, wire::LaneMark mark, bool on);
  void lane_lost(ProcessId member);
  std::set<ProcessId> lane_members() const { return publisher_.members(); }

 protected:
  virtual void welcomed(const wire::Welcome& welcome) = 0;
  virtual void topology(std::shared_ptr<const wire::Topology> topology) = 0;
  virtual void copy(InstanceId /*sibling*/) {}
  virtual Instant tick(Instant now) = 0;
  void wake();  // runs tick() now, and again when it wants
  void send_to(InstanceId to, Plane plane, const Bytes& frame);
  void publish_to(InstanceId lane, const Bytes& frame);

  Cluster& cluster_;
  ProcessId id_;
  std::string name_;
  cluster::Member member_;

 private:
  void run();
  Publisher publisher_;
  std::uint64_t wake_number_ = 0;
};

class GatewayProcess final : public Process, public gateway::Effects {
 public:
  explicit GatewayProcess(Cluster& cluster);
  gateway::Core* core() { return core_.get(); }
  void request(wire::Request request);
  void on_data(const Bytes& frame) override;
  void connection_lost();

 private:
  void send_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) override;
  void publish_part(InstanceId lane, const wire::PartHeader& header, const Bytes& payload) override;
  void answer(gateway::ClientId client, const wire::Response& response) override;
  void suspect(InstanceId instance) override;
  void welcomed(const wire::Welcome& welcome) override;
  void topology(std::shared_ptr<const wire::Topology> topology) override;
  Instant tick(Instant now) override;

  std::unique_ptr<gateway::Core> core_;
  wire::PartEncoder encoder_;
  wire::Report report_;
};

// Runs the program of its node through the real handlers; of an external node, forwards to a far
// end that does.
class WorkerProcess final : public Process,
                            public worker::WorkerPort,
                            public worker::CopyPort,
                            public worker::Execution,
                            public worker::ExecutionWatch {
 public:
  WorkerProcess(Cluster& cluster, std::string name, Duration service);
  worker::Core* core() { return core_.get(); }
  void on_data(const Bytes& frame) override;
  void connected_again(InstanceId publisher);
  bool forwards() const { return far_ != nullptr; }
  void far_dies(Duration down) { far_->die(down); }

 private:
  // WorkerPort: what an execution sends leaves when it has ended.
  void send_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) override;
  void publish_part(InstanceId lane, const wire::PartHeader& header, const Bytes& payload) override;
  void progress(RequestId request, wire::Progress progress) override;
  // CopyPort
  void send_ask(const wire::SnapshotAsk& ask) override;
  void send_piece(const wire::SnapshotPiece& piece) override;
  void copied(InstanceId sibling, const Status& outcome) override;
  // Execution: takes simulated time, or goes on at the far end.
  bool wants_matrix(std::string_view endpoint) const override;
  bool run(worker::Ticket ticket, const wire::PartHeader& header, worker::Contents& contents,
           Instant begun, Duration remaining, worker::Executed& executed) override;
  bool has_room() const override { return far_ == nullptr || far_->forwarder().has_room(); }
  void abandon(worker::Ticket ticket) override { far_->forwarder().abandon(ticket); }
  Instant now() const override { return clock_.now(); }
  void enter(std::span<const worker::Running>, Instant) override {}
  void leave() override {}
  // Process
  void welcomed(const wire::Welcome& welcome) override;
  void topology(std::shared_ptr<const wire::Topology> topology) override;
  void copy(InstanceId sibling) override;
  Instant tick(Instant now) override;

  wire::Ready start_executor(const wire::Welcome& welcome);
  wire::Ready start_forwarder(const Program& program);
  void set_catching_up(bool catching_up) override {
    if (handlers_ != nullptr) handlers_->set_catching_up(catching_up);
  }
  bool take_copying(const Bytes& frame);

  void work();
  void execute();
  void forward();
  void report();
  void tell_publishers(std::span<const Subscriber::Change> changes);

  Duration service_;
  WorldClock clock_;
  NodeIndex node_;
  std::uint16_t shard_ = 0;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<worker::HandlerExecution> handlers_;
  std::unique_ptr<FarEnd> far_;  // of an external node, then there are no handlers
  Program program_;              // there
  Subscriber subscriber_;
  std::unique_ptr<worker::Core> core_;
  std::optional<worker::Copier> copier_;
  wire::SnapshotEncoder snapshot_encoder_;
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

}  // namespace flow::sim
