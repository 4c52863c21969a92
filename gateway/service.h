// The gateway process: sockets, the loop and the clock around the core.
//
//   client.ROUTER  <- requests, -> answers        data.PULL <- final parts and progress reports
//   PUSH, one per instance, and XPUB, for lanes -> first parts
//   control.DEALER <-> broker
//
// One thread does it all: nothing here waits for anything but the loop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop_signal.h"
#include "base/time.h"
#include "client/front_door.h"
#include "cluster/member.h"
#include "cluster/peer_set.h"
#include "gateway/core.h"
#include "net/context.h"
#include "net/loop.h"
#include "net/socket.h"
#include "wire/carrier.h"
#include "wire/client_messages.h"
#include "wire/part.h"

namespace flow::gateway {

struct Arguments {
  std::string broker;  // address of its control socket
  std::string name = "gateway/0";
  std::string run_dir;  // of the flow
};

class Service final : public Effects, public cluster::BrokerPort, public client::DoorOwner {
 public:
  Service(Arguments arguments, net::Context& context, const Clock& clock);

  // Joins the flow and serves until told to end and drained. An error: it could not start.
  Status run(StopSignal& stop);

 private:
  // Effects
  void send_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) override;
  void publish_part(InstanceId lane, const wire::PartHeader& header, const Bytes& payload) override;
  void answer(ClientId client, const wire::Response& response) override;
  void suspect(InstanceId instance) override;
  void look_for_dead(Instant now);
  // BrokerPort
  void send(const wire::ControlMessage& message) override;
  // DoorOwner
  wire::ClientWelcome welcome() override;
  bool acceptable(net::PeerId client, const wire::Request& request) override;
  void on_request(net::PeerId client, wire::Request&& request, Instant arrived) override;
  void on_cancel(net::PeerId client, std::uint64_t request, Instant arrived) override;

  void on_control();
  void act(cluster::MemberEvent& event);
  Status open_doors(const wire::Welcome& welcome);
  Status bind_data(InstanceId instance);
  Status bind_publisher(InstanceId instance);
  Status bind_clients(std::vector<std::string>& addresses);
  void watch_arrivals();
  void read_subscriptions();
  void switch_to(const std::shared_ptr<const wire::Topology>& topology);
  void on_data();
  bool take(Received&& message, Instant arrived);
  Instant before_wait(Instant now);
  void beat(Instant now);
  void stop_asked();
  void fail(Error error);

  Arguments arguments_;
  net::Context& context_;
  const Clock& clock_;
  net::Loop loop_;
  net::Socket control_;
  client::FrontDoor door_;
  net::Socket data_;
  cluster::PeerSet peers_;
  wire::Inbox inbox_;  // of data_
  std::string data_address_;
  std::string lane_address_;  // empty: nothing is polled ALL behind the gateway
  Settings settings_;
  cluster::Member member_;
  std::unique_ptr<Core> core_;  // from the broker's welcome on
  wire::PartEncoder parts_;
  route::PartPointer part_;  // decoded into, nullptr after one that was taken over
  wire::Report report_;
  net::Monitor arrivals_;       // of the data socket: workers' connections that ended
  std::vector<Instant> looks_;  // when to look which instances still listen
  Counters counters_;
  Instant next_beat_{};
  std::uint64_t acknowledged_plan_ = 0;
  Status outcome_;
  bool stopping_ = false;
};

}  // namespace flow::gateway
