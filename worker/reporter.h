// When a worker tells a gateway about its requests: when half of a window was finished, else 10 ms
// after something changed, else every 200 ms while that gateway has work here. Pure.
//
// What was finished before its receipt was told is told as finished alone, in the receipt's place:
// who finished has received.
//
// The control thread owns one. Bounded: kMaxPending entries a gateway, what is above is lost and
// counted.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "wire/part.h"

namespace flow::worker {

class Reporter {
 public:
  static constexpr std::size_t kMaxPending = 65'536;
  static constexpr std::size_t kMaxEntries = 8'192;  // in one report
  static constexpr Duration kSoon = std::chrono::milliseconds(10);
  static constexpr Duration kSeldom = std::chrono::milliseconds(200);

  explicit Reporter(std::uint32_t concurrency) : concurrency_(concurrency) {}

  // The gateways that can be told. What others were to be told is dropped.
  void set_gateways(std::span<const InstanceId> gateways);

  // One entry of the data thread's ring.
  void add(InstanceId gateway, const wire::Progress& progress, Instant now);

  // Takes what is due for one gateway: fills `entries` (at most kMaxEntries) and names it. False
  // when nothing is due at `now`; call until then.
  bool take_due(Instant now, InstanceId& gateway, std::vector<wire::Progress>& entries);

  // When take_due() next has something, if nothing is added; kNever when there is no work.
  Instant next() const;

  // Requests to finish before a report should go out at once: half of what keeps this worker busy
  // until a gateway reacts, from the mean service time of late.
  std::uint32_t half_window() const;

  // Whether there is nothing to tell but that work goes on.
  bool quiet() const;

  // Whether a request was received and not finished.
  bool has_work() const;

  std::uint64_t service_us() const { return static_cast<std::uint64_t>(service_us_); }
  std::uint64_t dropped() const { return dropped_; }

 private:
  struct Gateway {
    InstanceId id;
    bool known = false;
    std::vector<wire::Progress> pending;
    std::size_t receipts = 0;       // pending ones before this are all finished
    std::uint64_t outstanding = 0;  // received here, not finished
    std::uint32_t finished = 0;     // of the pending ones
    Instant changed = kNever;       // when the oldest pending entry came
    Instant reported{};
  };

  Gateway& find(InstanceId id);
  static bool replace_receipt(Gateway& gateway, const wire::Progress& finish);
  static bool replace_later_receipt(Gateway& gateway, const wire::Progress& finish);
  void append(Gateway& gateway, const wire::Progress& progress, Instant now);
  Instant due(const Gateway& gateway) const;

  std::uint32_t concurrency_;
  std::vector<Gateway> gateways_;
  double service_us_ = 0;
  bool measured_ = false;
  std::uint64_t dropped_ = 0;
};

}  // namespace flow::worker
