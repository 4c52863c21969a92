// The data thread's loop: owns the data sockets and runs the executor inline.
//
// Made, run and destroyed on the data thread. It takes up to kBatch messages a wakeup, executes
// them, and ends when it was told to and, draining, has nothing left to do.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "core.h"
#include "net/context.h"
#include "net/loop.h"
#include "net/socket.h"
#include "shared.h"
#include "wire/carrier.h"

namespace flow::worker {

class DataLoop final : public WorkerPort {
 public:
  static constexpr int kBatch = 64;

  // A draining worker that gateways still know, and whose broker is silent, ends after this long
  // without a part.
  static constexpr Duration kQuiet = std::chrono::seconds(1);

  DataLoop(net::Context& context, Shared& shared, const Clock& clock, Self self,
           Execution& execution);

  // Binds the socket parts arrive at; the address it is bound to.
  Result<std::string> open(const std::string& address);

  // Until the end is asked for. Unsent parts linger behind the sockets' close.
  void run();

  void send_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) override;
  void publish_part(InstanceId lane, const wire::PartHeader& header, const Bytes& payload) override;
  void progress(RequestId request, const wire::Progress& progress) override;

 private:
  struct Peer {
    net::Socket socket;
    wire::Outbox outbox;
  };

  Instant before_wait(Instant now);
  void take_topology(Instant now);
  void connect_peers(const wire::Topology& topology);
  void drain_socket(Instant now);
  void look_at_socket(Instant now);
  Instant execute(Instant now);
  bool may_end(Instant now, Instant& next);
  void publish();
  void flush();
  void post(Peer& peer, const Frames& frames);

  net::Context& context_;
  Shared& shared_;
  const Clock& clock_;
  const NodeIndex node_;
  const std::uint64_t max_part_bytes_;
  Core core_;
  net::Loop loop_;
  net::Socket pull_;
  wire::PartEncoder encoder_;
  std::unordered_map<InstanceId, Peer> peers_;
  std::vector<Peer*> dirty_;  // peers whose outbox is not empty
  wire::Inbox inbox_;
  Received received_;
  bool receiving_ = false;  // watching pull_: not before the first topology
  Instant last_received_{};
  Instant draining_since_ = kNever;
  std::uint32_t finished_ = 0;  // since the last signal to the control thread
  std::uint64_t malformed_ = 0;
  std::uint64_t unsent_ = 0;
};

}  // namespace flow::worker
