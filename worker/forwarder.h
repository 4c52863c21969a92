// Executes by asking elsewhere: each job of an external executor goes as a request to its far end,
// a gateway or a worker that listens, many at a time, and what comes back is the outcome.
//
// Pure over the client's pure core; the data thread owns one. Bounded by kLimit and by what the far
// end allows one client. Where the far end is not there a request waits until it has been away for
// as long as patience lasts, and fails UNAVAILABLE: it was certainly not delivered. One that was on
// its way when the connection was lost ends UNKNOWN_OUTCOME. The far end's own failures keep code
// and message.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/time.h"
#include "client/core.h"
#include "execution.h"
#include "wire/document_ids.h"

namespace flow::worker {

struct ForwarderOptions {
  std::string address;  // for messages
  Duration timeout{};   // of one execution, 0: none
  Duration patience{};  // with a far end that was lost; with one that was never there kPatience
  std::uint64_t max_part_bytes = 16U << 20;
  std::uint64_t seed = 0;  // for ids of documents without one
};

class Forwarder final : public Execution {
 public:
  static constexpr std::uint32_t kLimit = 1024;

  // What counts as its concurrency where its window is made: a far end does many things at a time,
  // and queues at its own front door.
  static constexpr std::uint32_t kConcurrency = 256;
  static constexpr Duration kPatience = std::chrono::seconds(1);
  static constexpr Duration kShortPatience = std::chrono::milliseconds(100);  // others serve, too

  using Finish = std::function<void(Ticket, Executed)>;

  Forwarder(ForwarderOptions options, client::Core& far, const Clock& clock);

  // Who is told when an execution has ended; before the first.
  void set_finish(Finish finish) { finish_ = std::move(finish); }

  bool wants_matrix(std::string_view /*endpoint*/) const override { return false; }
  bool has_room() const override;
  bool run(Ticket ticket, const wire::PartHeader& header, Contents& contents, Instant begun,
           Duration remaining, Executed& executed) override;
  void abandon(Ticket ticket) override;
  Instant now() const override { return clock_.now(); }

  // Does what time demands; when it wants to be called again. `trouble`: why there is no
  // connection, where that is known.
  Instant tick(Instant now, const std::string& trouble);

  // Since when nobody answers; kNever while somebody does, or may do so in a moment (patience).
  Instant away_since() const { return gave_up_ ? lost_at_ : kNever; }

  // What to tell people then: the address, and why if that is known.
  std::string nobody_there() const;

 private:
  struct Open {
    Contents* contents = nullptr;
    std::uint64_t request = 0;  // the client core's id
  };

  void replied(Ticket ticket, Reply& reply);
  Error error_of(const wire::Failure& failure) const;

  const ForwarderOptions options_;
  client::Core& far_;
  const Clock& clock_;
  wire::DocumentIds ids_;
  Finish finish_;
  std::vector<Open> open_;  // by a ticket's slot
  Instant lost_at_;         // kNever: there is a connection
  Instant gives_up_at_;     // kNever: the same
  bool gave_up_ = false;
  std::string trouble_;
};

}  // namespace flow::worker
