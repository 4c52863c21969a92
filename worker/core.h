// What a worker does with parts: receive, gather, reduce, execute, send. Pure: no socket, no
// clock.
//
// The data thread owns one. It hands in each part received; complete ones wait as jobs, first in
// first out, and execute_next() takes one through to its successors, or begins what goes on
// elsewhere until finish(), or lets it wait for others to be executed with (batcher.h). Every job
// ends with exactly one terminal part to each successor the plan names (and the gateway, at the
// sink): documents, nothing left, or a failure. What a successor's filter does not let pass is not
// sent to it. Bounded: kMaxJobs jobs, those begun included (has_room() says when to stop
// receiving), the gather table's limits, kMaxParked parts for peers of a topology that has not
// arrived.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_shares.h"
#include "base/ids.h"
#include "base/time.h"
#include "batcher.h"
#include "contents.h"
#include "execution.h"
#include "port.h"
#include "route/filter.h"
#include "route/gather.h"
#include "route/part_pool.h"
#include "route/shape.h"
#include "route/split.h"
#include "wire/document_ids.h"
#include "wire/topology.h"

namespace flow::worker {

using route::PartPointer;

struct CoreCounters {
  std::uint64_t received = 0;
  std::uint64_t finished = 0;
  std::uint64_t executed = 0;
  std::uint64_t failed = 0;        // failures that began here
  std::uint64_t wrong_target = 0;  // not for this instance, or no plan for its node: dropped
  std::uint64_t no_peer = 0;       // the target is not in the topology any more: dropped
};

class Core {
 public:
  static constexpr std::size_t kMaxJobs = 1024;
  static constexpr std::size_t kMaxParked = 1024;
  static constexpr Duration kParkedFor = std::chrono::seconds(1);

  Core(Self self, Execution& execution, WorkerPort& port);

  // Switches to a newer snapshot and sends what waited for it. Drops what belongs to gateways that
  // left.
  void set_topology(std::shared_ptr<const wire::Topology> topology, Instant now);

  // A part to decode the next message into; hand it to receive() or to give_back().
  PartPointer blank() { return pool_.take(); }
  void give_back(PartPointer part) {
    gone_.put(std::move(part->payload));
    pool_.give(std::move(part));
  }

  // One decoded part. Call only with room; there is none before the first topology.
  void receive(PartPointer part, Instant now);
  bool has_room() const { return topology_ != nullptr && count_ + begun() < kMaxJobs; }

  // Executes a batch that is due, or takes the oldest job through; false when there is none, or no
  // room to begin it. `now` is when it begins; returns in `ended` when it was done, or had begun to
  // go on elsewhere or to wait for others.
  bool execute_next(Instant now, Instant& ended);
  bool has_work() const { return count_ > 0 && execution_.has_room(); }

  // An execution that went on elsewhere has ended. Ignored when its time was up before.
  void finish(Ticket ticket, Executed executed);

  // Whether jobs of some endpoint are executed together.
  bool batches() const { return batcher_.has_rules(); }

  // Nothing more is to come: batches wait no longer.
  void flush_batches() { batcher_.flush(); }

  // Does what time demands, but executes nothing: gathers that expired, executions elsewhere whose
  // time is up, parked parts nobody came for. Returns when it wants to be called again.
  Instant tick(Instant now);

  // Lets go of the documents of what has left; call before waiting.
  void settle() { gone_.empty(); }

  std::size_t jobs() const { return count_; }                         // waiting
  std::size_t begun() const { return elsewhere_.size() + batched_; }  // and not done
  std::size_t gathering() const { return gather_.open(); }
  bool idle() const {
    return count_ == 0 && begun() == 0 && gather_.open() == 0 && parked_.empty();
  }
  bool has_gateways() const { return topology_ != nullptr && !topology_->gateways.empty(); }
  const CoreCounters& counters() const { return counters_; }
  const std::string& last_failure() const {
    return last_failure_;
  }  // text of the newest that began here
  const route::GatherCounters& gather_counters() const { return gather_.counters(); }

 private:
  // When a part was here, and what it took on its way.
  struct Arrival {
    Instant at;
    Duration waited{};  // in the socket's queue, while an earlier job was running
    Duration wire{};
  };
  // A request that is complete here.
  struct Job {
    PartPointer part;                 // the first, in declared order
    std::vector<PartPointer> joined;  // all of them, at a join (then `part` is null)
    Arrival arrived;
    Instant deadline;
  };
  // A job in its place, from when it is complete until it left. Were `round` beside `slot`, a
  // ticket would read both at once just after one of them was written, which stalls.
  struct Open {
    explicit Open(std::uint32_t place) : slot(place) {}
    const std::uint32_t slot;      // in open_
    std::uint32_t service_us = 0;  // 0: nothing was executed
    std::uint32_t round = 0;       // how often this place was used
    bool in_use = false;           // it has begun
    Job job;
    Instant taken;  // from those that wait
    Instant begun;
    Instant ended;
    Contents contents;
    std::uint32_t pieces = 0;      // in batches: how many are to be executed yet
    Documents answer;              // of those that were
    std::optional<Error> trouble;  // what became of one of them
  };
  struct Successor {
    NodeIndex node;
    std::optional<Result<route::Filter>> filter;  // at its entry
  };
  struct Target {
    InstanceId id;
    Polling polling = Polling::kAny;  // how the parts get there
  };
  struct Parked {
    Target to;
    wire::PartHeader header;
    Bytes payload;
    Instant until;
  };

  Job& push_job();
  static wire::Part& first_part(const Job& job) {
    return job.joined.empty() ? *job.part : *job.joined.front();
  }
  void measure(const wire::PartHeader& header, Instant now, Arrival& arrival) const;
  bool is_for_us(std::uint32_t target) const;
  bool is_alone(const wire::PartHeader& header) const;
  void add_to_others(PartPointer part, Instant deadline, Instant now);
  void note_received(RequestId request, std::uint16_t attempt);
  void give_up_expired(Instant now);
  void read_graph();

  // core_run.cc: from a job to its outcome.
  bool next_joins() const;
  Open& open_job();
  void begin(Open& open, Instant now);
  void take_outcome(Open& open, Executed& executed);
  void end_well(Open& open);
  void end_failed(Open& open, Error error);
  void end_late(Instant now);
  void leave(Open& open);
  bool needs_merging(const Job& job) const;
  Status merge_headers(Job& job);
  Status merge_documents(Open& open, const wire::PartHeader& header, bool runs);
  std::optional<Error> add_results(wire::PartHeader& header, const ValueMap& results) const;
  void fail(const Job& job, wire::Part& part, Error error);
  void note_execution(Open& open, wire::PartHeader& header);

  // core_batch.cc: jobs that are executed together.
  void join_batch(Open& open, const BatchRule& rule, Instant now);
  Documents collect(std::vector<BatchPiece>& pieces, Instant now, Instant& deadline);
  std::optional<Error> indivisible(const Executed& executed, std::size_t sent,
                                   const Result<Documents*>& answer) const;
  void name_batch(const std::vector<BatchPiece>& pieces);
  const wire::PartHeader& header_for_batch(const wire::PartHeader& first);
  Instant run_batch(std::vector<BatchPiece>& pieces, Instant now);
  void leave_batch(Open& open);

  // core_send.cc: to those behind.
  void dispatch(wire::Part& part, Instant deadline, Instant now);
  void send_past(NodeIndex left_out, wire::Part& part, Instant now);
  void send_filtered(Target to, const Successor& successor, wire::Part& part, Instant now);
  void send(Target to, wire::PartHeader& header, const Bytes& payload, Instant now);
  void hand_over(Target to, wire::PartHeader& header, const Bytes& payload);
  void hand_out(InstanceId target, wire::PartHeader& header, const Bytes& payload);
  void fail_at(NodeIndex node, wire::PartHeader& header, const Error& error);
  void send_parked();
  bool known(InstanceId id);
  const route::Filter* own_filter() const {
    return own_filter_ && own_filter_->ok() ? &**own_filter_ : nullptr;
  }
  const wire::TopologyNode& own_node() const { return topology_->nodes[self_.node.value]; }

  Self self_;
  Execution& execution_;
  WorkerPort& port_;
  route::PartPool pool_;
  BytesBin gone_;  // documents of requests that left
  route::GatherTable gather_;
  wire::DocumentIds ids_;
  route::Split split_;
  std::shared_ptr<const wire::Topology> topology_;
  route::Shape shape_;
  std::vector<NodeIndex> needs_;                     // of this node
  bool may_miss_ = false;                            // whether shards of one may be missing
  std::vector<Successor> successors_;                // of this node, ascending
  std::optional<Result<route::Filter>> own_filter_;  // for what shards make together
  bool filtered_ = false;                            // whether one of them has a filter
  std::optional<Result<Documents>> opened_;          // of the part that is sent, for their filters
  bool sink_ = false;
  std::vector<InstanceId> peers_;    // all that the topology has, ascending
  InstanceId newest_peer_;           // of them: the next to be sent to is mostly the same
  std::vector<InstanceId> lanes_;    // that this instance is in
  std::vector<std::uint32_t> ring_;  // places of the jobs that wait
  std::size_t head_ = 0;
  std::size_t count_ = 0;
  std::vector<std::unique_ptr<Open>> open_;  // places, used again and again
  std::vector<std::uint32_t> free_;          // places in open_
  std::vector<std::uint32_t> elsewhere_;     // those that go on elsewhere
  Executed executed_;                        // the newest outcome
  Instant next_timeout_ = kNever;            // not later than the first of their deadlines
  Batcher batcher_;
  std::size_t batched_ = 0;               // jobs that wait in it
  std::vector<BatchPiece> batch_pieces_;  // of the batch that is executed, and what it is told
  std::vector<Running> batch_requests_;
  Contents batch_;
  wire::PartHeader batch_header_;
  std::string first_need_;
  Instant busy_until_{};
  std::vector<Parked> parked_;
  std::vector<route::GatheredRequest> expired_;
  CoreCounters counters_;
  std::string last_failure_;
};

}  // namespace flow::worker
