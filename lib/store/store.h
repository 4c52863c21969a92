// The Store: what a broker keeps outside of itself, in Redis or (for the simulator) in memory.
//
// Asynchronous: operations are queued and answered by events, so that a store that is slow or away
// never blocks the broker. Bounded: at most kStoreQueue operations wait; more are refused and
// counted. Writes are fenced by the term: a store that has seen a higher term refuses them
// (kFenced).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace flow::store {

inline constexpr std::size_t kStoreQueue = 4096;

// Everything a starting broker reads.
struct Snapshot {
  std::uint64_t term = 0;  // the new term: this broker's, already incremented
  Bytes topology;          // encoded, empty when there is none
  std::map<std::string, std::string> assignment;  // slot name -> what was written for it
  std::uint32_t highest_id = 0;
};

// Requests.
struct Acquire {               // take leadership: increments the term, reads everything
  std::uint64_t at_least = 0;  // the new term is above this as well
};
struct SaveTopology {
  std::uint64_t term = 0;
  std::uint64_t version = 0;
  std::uint32_t highest_id = 0;
  Bytes topology;
};
struct SaveAssignment {
  std::string slot;   // executor/shard/replica
  std::string value;  // instance, host, since
};
struct SaveHealth {
  std::string instance;  // name
  std::string value;     // state, since, reason, queue, executing, last beat; empty removes it
};
struct SaveSpec {
  std::string toml;
};
inline constexpr std::size_t kEventsKept = 1000;  // the newest
struct AppendEvent {
  std::string kind;  // joined, lost, drained, …
  std::string detail;
};
using Operation =
    std::variant<Acquire, SaveTopology, SaveAssignment, SaveHealth, SaveSpec, AppendEvent>;

// Answers.
struct Acquired {
  Snapshot snapshot;
};
struct Connected {};  // the store can be reached (again): everything should be saved again
struct Disconnected {
  std::string reason;
};
struct Fenced {  // somebody leads with a higher term
  std::uint64_t term = 0;
};
using Event = std::variant<Acquired, Connected, Disconnected, Fenced>;

class Store {
 public:
  virtual ~Store() = default;

  // Queues an operation. False: the queue is full, the operation was dropped and counted.
  virtual bool submit(Operation operation) = 0;

  // The next event, nothing when there is none now.
  virtual std::optional<Event> poll() = 0;

  // Readable when poll() has something; -1 for a store without a thread.
  virtual int fd() const = 0;

  virtual std::uint64_t refused() const = 0;
};

}  // namespace flow::store
