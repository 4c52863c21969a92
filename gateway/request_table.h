// The requests a gateway has accepted and not yet let go of.
//
// This, not a socket, is where an accepted request lives: its documents stay here until it is
// answered, so that it can be sent again when an instance dies. A fixed number of slots; the slot
// is part of the request's sequence number, so that a part finds its request without a search.
// Pure; one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "route/planner.h"
#include "wire/part.h"

namespace flow::gateway {

// A client connection, as the service numbers them.
struct ClientId {
  std::uint32_t value = 0;
  friend auto operator<=>(ClientId, ClientId) = default;
};

inline constexpr std::uint32_t kNoSlot = 0xFFFFFFFF;

// What is known of a request from its first plan on. Few fly while many wait, so that the memory of
// those that landed is used again while it is warm.
struct Flight {
  route::Choices choices;
  std::vector<wire::PlanEntry> plan;  // by node
  std::uint64_t topology_version = 0;
  Instant sent_at{};
  Instant retry_at{};
  Flight* next = nullptr;  // of those that landed

  // Whether all members of a node have reported the request received; no member: they have not.
  bool received(NodeIndex node) const;
  // When the last member of a node reported its finish; kNever while one has not.
  Instant finished_at(NodeIndex node) const;
};

// What most looks need comes first, what waits for its turn is three lines of the cache.
struct alignas(64) Pending {
  enum class State : std::uint8_t {
    kFree,
    kQueued,    // accepted, waiting for room
    kInFlight,  // sent to its first nodes
    kLosing,    // an instance of its plan died; waiting for receipts that prove it got past
    kRetry,     // to be planned again
    kAnswered,  // answered; something of it still runs (hanging nodes, late executions)
  };

  State state = State::kFree;
  bool refused = false;  // kLosing: not for a death, an instance could not reach what it stands for
  bool skips = false;    // whether `skip` says anything
  std::uint8_t killed = 0;           // attempts in which an instance died while it executed it
  std::uint16_t blamed_attempt = 0;  // the last of them
  std::uint16_t attempt = 1;
  route::EndpointIndex endpoint = 0;
  ClientId client;
  std::uint32_t next = kNoSlot;  // in the queue it stands in
  std::uint64_t client_request = 0;
  Instant accepted{};
  Instant deadline{};
  std::uint64_t sequence = 0;  // running number << RequestTable::kSlotBits | slot
  std::uint64_t bytes = 0;
  Bytes payload;
  Bytes parameters;
  std::uint64_t written_ns = 0;  // wire::PartHeader's
  Flight* flight = nullptr;      // the table's; none before the first plan
  std::string name;              // of the endpoint
  std::vector<bool> skip;        // by node: passed over by target_executor

  // Whether its first parts are on their way, or were.
  bool sent() const { return flight != nullptr && state != State::kRetry; }
};

class RequestTable {
 public:
  static constexpr int kSlotBits = 16;

  // At most `limit` requests at once, below 65,536.
  explicit RequestTable(std::uint32_t limit) : limit_(limit) {}

  // A fresh entry, or nullptr when the table is full.
  Pending* take() {
    if (free_.empty() && !widen()) return nullptr;
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    ++used_;
    Pending& entry = (*this)[slot];
    entry.sequence = sequences_[slot] = (++number_ << kSlotBits) | slot;
    entry.state = Pending::State::kQueued;
    entry.refused = false;
    entry.killed = 0;
    entry.blamed_attempt = 0;
    entry.attempt = 1;
    return &entry;
  }
  // Its payload and parameters were let go of.
  void free(Pending& entry) {
    if (entry.flight != nullptr) land(entry);
    entry.state = Pending::State::kFree;
    sequences_[slot(entry)] = 0;
    free_.push_back(slot(entry));
    --used_;
  }

  // Gives an entry that has none a flight to be planned, and takes it back.
  Flight& launch(Pending& entry) {
    if (entry.flight != nullptr) return *entry.flight;
    if (landed_ == nullptr) build();
    entry.flight = landed_;
    landed_ = landed_->next;
    entry.flight->choices.clear();
    return *entry.flight;
  }
  void land(Pending& entry) {
    entry.flight->next = landed_;
    landed_ = entry.flight;
    entry.flight = nullptr;
  }

  // Entries stay where they are.
  Pending& operator[](std::uint32_t slot) { return chunks_[slot / kChunk][slot % kChunk]; }
  const Pending& operator[](std::uint32_t slot) const {
    return chunks_[slot / kChunk][slot % kChunk];
  }

  // Of an entry that is not free.
  static std::uint32_t slot(const Pending& entry) {
    return static_cast<std::uint32_t>(entry.sequence & ((1U << kSlotBits) - 1));
  }

  // The slot of a sequence number; kNoSlot when that request is gone. Touches no entry.
  std::uint32_t find(std::uint64_t sequence) const {
    const auto slot = static_cast<std::uint32_t>(sequence & ((1U << kSlotBits) - 1));
    return slot < sequences_.size() && sequences_[slot] == sequence && sequence != 0 ? slot
                                                                                     : kNoSlot;
  }

  std::uint32_t size() const { return used_; }  // taken slots
  std::uint32_t slots() const { return static_cast<std::uint32_t>(sequences_.size()); }

 private:
  static constexpr std::uint32_t kChunk = 32;

  bool widen();  // by a slot
  void build();  // a flight more

  std::uint32_t limit_;
  std::uint32_t used_ = 0;
  std::uint64_t number_ = 0;
  std::vector<std::unique_ptr<Pending[]>> chunks_;
  std::vector<std::uint64_t> sequences_;  // by slot; 0: free
  std::vector<std::uint32_t> free_;
  std::vector<std::unique_ptr<Flight>> flights_;  // all
  Flight* landed_ = nullptr;
};

// A first-in first-out line of slots, linked through Pending::next.
class SlotQueue {
 public:
  bool empty() const { return head_ == kNoSlot; }
  std::uint32_t front() const { return head_; }
  std::uint32_t size() const { return size_; }
  void push(RequestTable& table, std::uint32_t slot);
  std::uint32_t pop(RequestTable& table);
  void remove(RequestTable& table, std::uint32_t slot);  // linear

 private:
  std::uint32_t head_ = kNoSlot;
  std::uint32_t tail_ = kNoSlot;
  std::uint32_t size_ = 0;
};

}  // namespace flow::gateway
