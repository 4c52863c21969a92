// Where the parts of a request meet: at a join, and at the gateway behind shards.
//
// One thread owns a table. It holds at most `limits.open` requests and `limits.bytes` of payload
// and refuses the newest part rather than grow. Time does not pass by itself: the caller hands in
// deadlines and `now`. Parts are identified by (need, shard, replica); how many each need sends,
// and whether all of them are waited for, is in the part's own plan, so the table needs no
// topology.
//
// A need polled ALL_ASYNC is satisfied by its first part that is no failure; only when all of its
// parts are failures, the first by shard stands for it. A request that went on before all of its
// parts came is remembered, without any payload, until they came, a higher attempt comes or its
// deadline passed: what still comes of it is late, dropped and counted. At most `limits.remembered`
// are; of older ones a late part would open a gathering again.
//
// The highest attempt wins: its first part ends the gathering of every older one. A gathering ends
// with its last part, a higher attempt, its deadline, or its gateway leaving.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "route/part_pool.h"
#include "wire/part.h"

namespace flow::route {

// How many parts a node with these needs receives from `need` under `plan`; 0 when the request
// does not reach it. The gateway, as a need, sends one.
std::uint16_t expected_from(NodeIndex need, std::span<const wire::PlanEntry> plan);

// The same, of all needs together. With one part there is nothing to gather.
std::uint32_t expected_parts(std::span<const NodeIndex> needs,
                             std::span<const wire::PlanEntry> plan);

struct GatherLimits {
  std::size_t open = 10'000;
  std::size_t bytes = std::size_t{512} << 20;
  std::size_t remembered = 65'536;
};

// Parts that went nowhere, since the start.
struct GatherCounters {
  std::uint64_t duplicate = 0;   // a part seen before
  std::uint64_t stale = 0;       // of an older attempt than the one being gathered
  std::uint64_t superseded = 0;  // held, then a higher attempt came
  std::uint64_t unexpected = 0;  // from a node the plan does not expect here
  std::uint64_t refused = 0;     // the table was full
  std::uint64_t expired = 0;     // held, then the deadline passed
  std::uint64_t orphaned = 0;    // held, then the gateway left or the request ended
  std::uint64_t late = 0;        // of an ALL_ASYNC need that another part satisfied
  std::uint64_t forgotten = 0;   // requests with parts to come that were too many to remember

  friend bool operator==(const GatherCounters&, const GatherCounters&) = default;
};

// A request that was gathered here, and never complete.
struct GatheredRequest {
  RequestId request;
  std::uint16_t attempt = 0;
};

// The parts of a request, in the order of `needs`, shards ascending, replicas ascending; of an
// ALL_ASYNC need one.
struct Joined {
  std::vector<PartPointer> parts;
  Instant deadline{};  // the earliest of the parts'
};

class GatherTable {
 public:
  enum class Outcome { kComplete, kWaiting, kDuplicate, kStale, kUnexpected, kRefused, kLate };

  explicit GatherTable(GatherLimits limits = {}) : limits_(limits) {}

  // Takes one part; `deadline` is when its time is up. kComplete: `joined` holds the request.
  // kWaiting: more are due. Any other outcome: the part was dropped and counted. A part whose bytes
  // no longer fit loses its documents and counts as a failure (kOverloaded).
  Outcome add(PartPointer part, std::span<const NodeIndex> needs, Instant deadline, Joined& joined);

  // Drops the requests whose deadline has passed; how many. Adds them to `expired` where given.
  std::size_t expire(Instant now, std::vector<GatheredRequest>* expired = nullptr);

  // Drops the requests of gateways that are not in `alive`; how many.
  std::size_t keep_gateways(std::span<const InstanceId> alive);

  // Drops what is held of a request, if anything is.
  void drop_request(RequestId request);

  // Not later than the next deadline of a request held; kNever when there is none.
  Instant next_deadline() const { return next_deadline_; }

  std::size_t open() const { return entries_.size(); }
  std::size_t remembered() const { return remembered_.size(); }
  std::size_t bytes() const { return bytes_; }
  const GatherCounters& counters() const { return counters_; }

 private:
  struct Slot {
    std::uint16_t need = 0;  // position in the declared order
    std::uint16_t shard = 0;
    std::uint16_t replica = 0;
    PartPointer part;  // null: it came and went nowhere
  };
  struct Entry {
    std::uint16_t attempt = 0;
    std::uint32_t expected = 0;  // parts of all needs
    std::uint32_t waiting = 0;   // parts without which it cannot go on
    std::size_t bytes = 0;
    Instant deadline = kNever;
    std::vector<Slot> slots;  // by (need, shard, replica)
  };
  using Entries = std::unordered_map<RequestId, Entry>;

  // Where a part belongs.
  struct Place {
    std::uint16_t need = 0;
    std::uint16_t shard = 0;
    std::uint16_t replica = 0;  // where those of a shard all send one
    std::uint16_t due = 0;      // parts of the need
    bool first_wins = false;
  };
  // What is known of a request that went on.
  struct Past {
    std::uint16_t attempt = 0;
    std::uint32_t left = 0;  // parts to come
  };
  struct Went {
    RequestId request;
    std::uint16_t attempt = 0;
    Instant deadline;
  };

  static Place place_of(const wire::PartHeader& header, std::span<const NodeIndex> needs);
  std::optional<Outcome> refuse_old(const wire::PartHeader& header);
  std::optional<Outcome> refuse_seen(Entry& entry, const Place& place);
  std::optional<Outcome> make_room(wire::Part& part, bool opens);
  void hold(Entry& entry, const Place& place, PartPointer part);
  void settle(Entry& entry, const Place& place, bool success);
  static void put(Entry& entry, const Place& place, PartPointer part);
  void release(Entry& entry, PartPointer& part);
  Entries::iterator open_entry(const wire::PartHeader& header, std::span<const NodeIndex> needs);
  void close_entry(Entries::iterator entry);
  void complete(Entries::iterator entry, Joined& joined);
  void remember(RequestId request, const Entry& entry);
  bool forget(const Went& went);
  bool has_room(std::size_t bytes, bool opens) const;
  std::size_t drop(Entries::iterator entry);  // how many parts it held

  GatherLimits limits_;
  GatherCounters counters_;
  Entries entries_;
  std::vector<Entries::node_type> spare_;  // closed entries, to be used again
  std::unordered_map<RequestId, Past> remembered_;
  std::deque<Went> went_;  // all of remembered_, and some that are not any more; oldest first
  std::size_t bytes_ = 0;
  Instant next_deadline_ = kNever;
};

}  // namespace flow::route
