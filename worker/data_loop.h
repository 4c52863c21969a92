// The data thread's loop: owns the data sockets and runs the executor inline.
//
// Made, run and destroyed on the data thread. It takes up to kBatch messages a wakeup, executes
// them, and ends when it was told to and, draining, has nothing left to do.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "cluster/peer_set.h"
#include "copier.h"
#include "core.h"
#include "lane_inbox.h"
#include "net/context.h"
#include "net/loop.h"
#include "net/socket.h"
#include "shared.h"
#include "wire/carrier.h"

namespace flow::worker {

class DataLoop final : public WorkerPort, public CopyPort {
 public:
  static constexpr int kBatch = 256;

  // A draining worker that gateways still know, and whose broker is silent, ends after this long
  // without a part.
  static constexpr Duration kQuiet = std::chrono::seconds(1);

  // `replicated`: what the executor keeps, nullptr for nothing.
  DataLoop(net::Context& context, Shared& shared, const Clock& clock, Self self,
           Execution& execution, Replicated* replicated = nullptr);

  // Binds the socket parts arrive at; the address it is bound to.
  Result<std::string> open(const std::string& address);

  // The same for the socket that publishes to lanes. Not needed where no successor polls ALL.
  Result<std::string> open_publisher(const std::string& address);

  // What executes elsewhere stands on the same loop: `turn` runs before each wait, as a
  // Loop::BeforeWait does, and finish() hands its outcomes in. Before run().
  net::Loop& loop() { return loop_; }
  void attach(net::Loop::BeforeWait turn) { turn_ = std::move(turn); }
  void finish(Ticket ticket, Executed executed) { core_.finish(ticket, std::move(executed)); }

  // Until the end is asked for. Unsent parts linger behind the sockets' close.
  void run();

  void send_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) override;
  void publish_part(InstanceId lane, const wire::PartHeader& header, const Bytes& payload) override;
  void progress(RequestId request, wire::Progress progress) override;
  void send_ask(const wire::SnapshotAsk& ask) override;
  void send_piece(const wire::SnapshotPiece& piece) override;
  void copied(InstanceId sibling, const Status& outcome) override;

 private:
  Instant before_wait(Instant now);
  void take_topology(Instant now);
  Instant copy(Instant now);
  bool take_copying(Instant now);
  void note_malformed(const Error& error);
  template <typename Receive>
  bool drain(const Receive& receive, Instant now, bool in_helpings);
  void drain_pull(Instant now, bool in_helpings = false);
  bool drain_lanes(Instant now, bool in_helpings = false);
  void look_at_sockets(Instant now);
  Instant disconnect_gone(Instant now);
  void take_subscriptions();
  Instant look_at_subscriptions(Instant now);
  bool execute_helping(Instant& now);
  Instant execute(Instant now);
  bool may_end(Instant now, Instant& next);
  void publish();
  void tell_control();
  void tell_failures(Instant now);

  net::Context& context_;
  Shared& shared_;
  const Clock& clock_;
  const NodeIndex node_;
  const InstanceId instance_;
  const std::uint64_t max_part_bytes_;
  Core core_;
  net::Loop loop_;
  net::Loop::BeforeWait turn_;
  net::Socket pull_;
  wire::PartEncoder encoder_;
  Copier copier_;
  wire::SnapshotEncoder snapshot_encoder_;
  cluster::PeerSet peers_;
  LaneInbox lanes_;
  wire::Inbox inbox_;
  Received received_;
  bool receiving_ = false;    // watching pull_: not before the first topology
  bool hearing_ = false;      // watching the socket of lanes_
  Instant gone_at_ = kNever;  // when to look after publishers that left
  Instant last_received_{};
  bool quick_ = false;  // the newest jobs took less than kQuickJob on average
  Instant draining_since_ = kNever;
  std::uint32_t finished_ = 0;  // since the last signal to the control thread
  bool untold_ = false;         // something is in its ring since it was last told
  std::uint64_t malformed_ = 0;
  std::uint64_t failures_told_ = 0;
  Instant failures_told_at_{};
};

}  // namespace flow::worker
