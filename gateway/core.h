// The gateway: admits requests, plans them, sends their first parts, watches how far they got, and
// answers each exactly once.
//
//   accept -> queue -> plan -> filter, send first parts -> (reports, deaths, new attempts) ->
//   final part, or those of all shards -> answer
//
// Pure, `(event, now) -> effects`: no socket, no clock; the service and the simulator drive the
// same core. `now` is when what caused the event was taken from its socket; a carrier brings all
// its messages at once. It never goes back. One thread. Bounds: max_in_flight admitted and
// max_queued waiting requests, max_in_flight_bytes accepted bytes, 3 attempts a request, a budget
// of new attempts after deaths; what is refused is refused at once and counted. A request that two
// instances were executing when they died is not given to a third: POISONED.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "base/timer_wheel.h"
#include "gateway/answer.h"
#include "gateway/counters.h"
#include "gateway/entry_filters.h"
#include "gateway/request_table.h"
#include "gateway/settings.h"
#include "route/gather.h"
#include "route/planner.h"
#include "route/split.h"
#include "route/target_filter.h"
#include "wire/client_messages.h"
#include "wire/part.h"
#include "wire/topology.h"

namespace flow::gateway {

// What the core does to the world. Nothing blocks; references live until the call returns.
class Effects {
 public:
  virtual ~Effects() = default;
  virtual void send_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) = 0;
  virtual void publish_part(InstanceId lane, const wire::PartHeader& header,
                            const Bytes& payload) = 0;
  virtual void answer(ClientId client, const wire::Response& response) = 0;
  // Nothing was heard of an instance where something should have been: look whether anybody listens
  // there, and call on_gone() if not, but not from within.
  virtual void suspect(InstanceId instance) = 0;
};

class Core {
 public:
  // `host`: base/host.h's host_id() of this process.
  Core(const Settings& settings, InstanceId self, std::uint32_t host, Effects& effects);

  // The wall clock at Instant 0; 0 at first. Requests are stamped with it when they are admitted,
  // each later than the one before, also when the offset goes back.
  void set_wall_offset(Duration offset) { wall_offset_ = offset; }

  // A newer topology. Requests whose plan names an instance that is gone are sent again.
  void on_topology(std::shared_ptr<const wire::Topology> topology, Instant now);

  // Nobody listens at this instance's address any more: it is dead, whether the broker says so or
  // not.
  void on_gone(InstanceId instance, Instant now);

  // Whether a request of this size would be taken now; refuses it through Effects if not. For
  // asking before its documents are looked at: on_request() asks again.
  bool acceptable(ClientId client, const wire::Request& request);

  // A client's request, documents already verified; taken from the caller's object, whose memory
  // stays of use. Answered through Effects, now (refused) or later.
  void on_request(ClientId client, wire::Request&& request, Instant now);
  void on_cancel(ClientId client, std::uint64_t client_request, Instant now);
  void on_client_gone(ClientId client, Instant now);

  // For a part to be decoded into.
  route::PartPointer blank() { return pool_.take(); }

  // A part that ends a request: from the sink, or from each of its shards where all take part.
  // Those wait for one another and are taken over; any other stays the caller's, to be decoded into
  // again.
  void on_part(route::PartPointer&& part, Instant now);

  // A worker's progress.
  void on_report(const wire::Report& report, Instant now);

  // Does what is due; call it before waiting. Returns when it wants to be called next.
  Instant tick(Instant now);

  // From now on new requests are refused; drained() once nothing is left, hanging work included.
  void drain();
  bool drained() const { return draining_ && table_.size() == 0; }

  // Version of the topology of the oldest plan in flight; the newest version when there is none.
  std::uint64_t oldest_plan() const;

  const Counters& counters() const { return counters_; }
  std::uint32_t in_flight() const { return in_flight_; }
  std::uint32_t queued() const { return queued_; }
  const std::shared_ptr<const wire::Topology>& topology() const { return planner_.topology(); }

 private:
  enum class Admission {
    kAdmitted,
    kFull,    // no room: waits, and with it what comes after
    kNobody,  // somebody is not there: waits for a while
    kEnded,
  };
  static bool waits(Admission admission) {
    return admission == Admission::kFull || admission == Admission::kNobody;
  }

  // Why a request is not taken.
  enum class Unwanted { kNo, kDraining, kStarting, kEndpoint, kLarge, kQueueFull, kBytesFull };

  // core.cc: from the front door to the first executors.
  Unwanted unwanted(const wire::Request& request) const;
  void turn_away(ClientId client, const wire::Request& request, Unwanted why);
  std::uint64_t stamp(Instant now);
  void refuse(ClientId client, std::uint64_t client_request, wire::Failure failure,
              Duration retry_after);
  void note_empty(Instant now);
  void pump(Instant now);
  bool pump_retries(Instant now);
  bool pump_queue(SlotQueue& queue, Instant now);
  Admission admit(Pending& entry, Instant now);
  void enter(Pending& entry);
  Admission echo(Pending& entry, Instant now);
  Admission blocked_on(Pending& entry, const route::Blocked& blocked, Instant now);
  void dispatch(Pending& entry, Instant now);
  void send_passing(Pending& entry, NodeIndex node);
  void send_failed(Pending& entry, NodeIndex node, const Error& error);
  void send(Pending& entry, NodeIndex node, const Bytes& payload);
  void send_split(Pending& entry, NodeIndex node, const Bytes& payload);

  // core_answer.cc: the outcome.
  bool ends(const Pending& entry, const wire::PartHeader& header) const;
  bool others_may_answer(const Pending& entry, NodeIndex node) const;
  void take_outcome(Pending& entry, route::PartPointer& held, Instant now);
  void on_shard(Pending& entry, route::PartPointer&& held, Instant now);
  wire::Part& join_shards();
  void conclude(Pending& entry, wire::Part& part, Instant now);
  void answer(Pending& entry, wire::Response& response, Instant now);
  void answer_failure(Pending& entry, wire::Failure failure, Instant now);
  void end(Pending& entry, Instant now);
  bool settle(Pending& entry);
  void leave_queue(Pending& entry);
  void drop(Pending& entry, Instant now);

  // core_watch.cc: how far requests got, and whether they got stuck.
  void note_received(route::Choice& choice);
  void note_finished(Pending& entry, NodeIndex node, route::Choice& choice, Duration service,
                     Instant now);
  Instant ready_at(const Flight& flight, NodeIndex node) const;
  void take_hops(Pending& entry, const std::vector<wire::Hop>& hops, Instant now);
  void find_deaf(Instant now);
  const route::Choice* deaf_member(const Pending& entry, Instant now) const;
  bool deaf(const Pending& entry, NodeIndex node, const route::Choice& choice, Instant now) const;
  void expire(Pending& entry, Instant now);
  std::string waiting_for(const Pending& entry) const;

  // core_loss.cc: what to do when something dies.
  bool is_gone(const route::Choice& choice) const;
  bool got_past(const Pending& entry, NodeIndex node) const;
  bool lost(const Pending& entry) const;
  bool may_repeat(const Pending& entry, const std::vector<bool>& spared = {}) const;
  bool is_once(NodeIndex node, std::string_view endpoint) const;
  void lose(const std::vector<InstanceId>& gone, Instant now);
  void blame(InstanceId gone);
  bool release_gone(Pending& entry, const std::vector<InstanceId>& gone);
  void release_all(Pending& entry);
  void retry_lost(Instant now);
  void try_again(Pending& entry, Instant now);
  void start_over(Pending& entry, Instant now);
  const route::Planner::Target* failed_target(const Pending& entry,
                                              const wire::Failure& failure) const;
  static bool has_hop(const wire::PartHeader& header, InstanceId instance);
  std::vector<bool> never_ran(NodeIndex failed, bool began) const;
  bool goes_elsewhere(Pending& entry, const wire::PartHeader& header, Instant now);
  bool take_token(Instant now);
  std::string lost_instances(const Pending& entry) const;
  std::string lost_executor(const Pending& entry) const;

  Settings settings_;
  InstanceId self_;
  std::uint32_t host_;
  Effects& effects_;
  route::Planner planner_;
  route::TargetFilter targets_;
  EntryFilters filters_;
  route::Split split_;
  route::GatherTable gather_;  // of the sink's shards
  route::Joined joined_;
  route::PartPool pool_;
  RequestTable table_;
  const std::vector<bool> no_skip_;
  TimerWheel deadlines_;
  std::vector<SlotQueue> queues_;                  // by endpoint
  std::size_t next_queue_ = 0;                     // endpoints take turns
  SlotQueue retries_;                              // goes before all of them
  wire::PartHeader header_;                        // of the first part at hand
  std::vector<std::uint32_t> losing_;              // slots in kLosing
  std::vector<std::vector<Instant>> empty_since_;  // by node, lack; kNever: it is there
  wire::Response response_;                        // conclude()'s
  HopNames hop_names_{response_.hops};
  Counters counters_;
  std::uint64_t bytes_ = 0;
  std::uint64_t receipts_ = 0;
  std::uint32_t in_flight_ = 0;
  std::uint32_t queued_ = 0;
  double tokens_ = 0;
  Instant tokens_at_{};
  Instant deaf_at_{};
  Duration wall_offset_{};
  std::uint64_t last_stamp_ = 0;
  bool room_ = false;  // something was released since the last pump
  bool draining_ = false;
};

}  // namespace flow::gateway
