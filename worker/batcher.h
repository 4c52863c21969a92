// Which requests are executed together: those of one endpoint whose parameters are the same to this
// executor, as long as there is room for their documents in one batch.
//
// Only numbers of documents; whose they are, the caller knows by place. A batch is due when it is
// full, when its first document has waited for the rule's timeout, or in time for the earliest
// deadline of its requests; the one that is due for longest is taken first. What does not fit goes
// into the next: a request may be in several. Pure; one thread. At most kMaxOpen batches are filled
// at once: one more makes the oldest of them due.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/batching.h"
#include "base/time.h"
#include "base/value.h"

namespace flow::worker {

// Documents first, first + 1, … of the request in place `slot`.
struct BatchPiece {
  std::uint32_t slot = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  friend bool operator==(const BatchPiece&, const BatchPiece&) = default;
};

class Batcher {
 public:
  static constexpr std::size_t kMaxOpen = 64;

  // For what is added from now on. Where they change, what is being filled is due.
  void set_rules(std::span<const BatchRule> rules);

  // The endpoint's own rule, else that of "*"; nullptr: it is not batched. Valid until set_rules().
  const BatchRule* rule_for(std::string_view endpoint) const {
    return rules_.empty() ? nullptr : find_rule(endpoint);
  }

  bool has_rules() const { return !rules_.empty(); }

  struct Request {
    std::string_view endpoint;
    std::uint32_t slot = 0;
    std::uint32_t documents = 0;  // with none it rides along
    ValueMap parameters;          // as the executor sees them
    Instant arrived;
    Instant deadline;
  };

  // How many pieces the request became, at least one.
  std::uint32_t add(const BatchRule& rule, Request request, Instant now);

  // Takes the batch that is due for longest; false when there is none.
  bool take(Instant now, std::vector<BatchPiece>& pieces);

  // All are due at once: nobody else is to come.
  void flush();

  // An execution took this long: so long before a deadline a batch is due.
  void note_execution(Duration took) { reserve_ = took; }

  // When the next batch is due; kNever when there is none.
  Instant next_due() const;

  bool any_full() const { return !full_.empty(); }
  std::size_t open() const { return filling_.size() + full_.size(); }

 private:
  struct Batch {
    std::string endpoint;
    ValueMap parameters;
    std::vector<BatchPiece> pieces;
    std::uint32_t documents = 0;
    Instant due;
  };

  struct Full {
    std::vector<BatchPiece> pieces;
    Instant due;
  };

  const BatchRule* find_rule(std::string_view endpoint) const;
  Batch& batch_for(const Request& request, Instant now);
  std::vector<BatchPiece> close(std::size_t index);

  std::vector<BatchRule> rules_;
  std::vector<Batch> filling_;  // oldest first
  std::deque<Full> full_;       // in the order they became due
  Duration reserve_{};
};

}  // namespace flow::worker
