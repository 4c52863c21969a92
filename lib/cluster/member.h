// A role's side of the broker conversation: says hello, beats, keeps the newest topology.
//
// Pure: no socket, no clock. A gateway or worker owns one; its service sends what `Port` is given
// to the broker and hands in what came. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "wire/membership.h"

namespace flow::cluster {

// Sends to the broker. Never blocks; what cannot be sent is lost and repeated by time.
class BrokerPort {
 public:
  virtual ~BrokerPort() = default;
  virtual void send(const wire::ControlMessage& message) = 0;
};

struct Identity {
  wire::Role role = wire::Role::kWorker;
  std::string name;  // the slot: index/rep-1, gateway/0
  std::uint32_t pid = 0;
  std::string host;
  std::string version;
  wire::DevicesAsked devices = {};  // workers
};

// What the owner has to act on.
struct Welcomed {  // once: the process has an instance id and may start
  wire::Welcome welcome;
};
struct TopologyChanged {  // a newer snapshot; the owner calls acknowledge() when it has switched
  std::shared_ptr<const wire::Topology> topology;
};
struct DrainAsked {
  Duration timeout{};
};
struct RefusedByBroker {  // the process must end with this message
  std::string message;
};
struct CopyAsked {  // a replica is to copy what a sibling holds, and to say caught_up() after it
  InstanceId sibling;
};
using MemberEvent = std::variant<Welcomed, TopologyChanged, DrainAsked, RefusedByBroker, CopyAsked>;

class Member {
 public:
  Member(Identity identity, BrokerPort& port);

  // A message from the broker. Old terms and old versions are ignored and counted.
  std::vector<MemberEvent> receive(wire::ControlMessage message, Instant now);

  // Does what is due: hello until welcomed (every 100 ms, doubling to 1 s), beats after that.
  // Returns when it wants to be called next.
  Instant tick(Instant now);

  // The sockets are bound and the work can begin: told to the broker, and again to a new broker.
  void ready(wire::Ready ready);

  // The topology handed out by TopologyChanged is in use. `oldest_plan`: gateways only.
  void acknowledge(std::uint64_t version, std::uint64_t oldest_plan);

  // Goes out with the next beat.
  void set_beat(const wire::Beat& beat) { beat_ = beat; }

  // The process ends.
  void leave(const std::string& reason, bool planned);

  // All subscriptions to lanes that this process sees as their publisher, ascending: told to the
  // broker when they changed, and again to a new one.
  void set_subscriptions(std::vector<wire::LaneMark> marks);

  // How a copy that was asked for went.
  void caught_up(const wire::CaughtUp& outcome) { port_.send(outcome); }

  // A gateway saw that nobody listens at this instance's address.
  void report_gone(InstanceId instance);

  InstanceId instance() const { return instance_; }
  std::uint64_t term() const { return term_; }
  std::shared_ptr<const wire::Topology> topology() const { return topology_; }
  std::uint64_t ignored() const { return ignored_; }

 private:
  void say_hello(Instant now);
  void on(wire::Welcome welcome, Instant now, std::vector<MemberEvent>& events);
  void on(wire::Topology topology, std::vector<MemberEvent>& events);

  Identity identity_;
  BrokerPort& port_;
  wire::Beat beat_;
  std::optional<wire::Ready> ready_;
  wire::Subscriptions subscriptions_;
  bool publishes_ = false;  // subscriptions were seen once: a new broker is told, also of none
  std::shared_ptr<const wire::Topology> topology_;
  InstanceId instance_;
  std::uint64_t term_ = 0;
  std::uint64_t ignored_ = 0;
  Duration beat_every_{};
  Duration hello_wait_ = std::chrono::milliseconds(100);
  Instant next_hello_{};
  Instant next_beat_{};
  std::uint64_t acked_version_ = 0;
  std::uint64_t oldest_plan_ = 0;
  Instant said_hello_at_{};
  bool said_hello_ = false;
};

}  // namespace flow::cluster
