// What the two ways to load a flow have in common: what is asked for, and how answers are counted.
//
// A closed loop (closed_loop.h) sends a request when another was answered: a slow flow is asked
// less often, and the requests that would have been sent meanwhile are in no figure. An open loop
// (open_loop.h) sends at a fixed rate whatever comes back, as independent users do.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "flow/client.h"
#include "flowctl/histogram.h"

namespace flow::flowctl {

struct LoopOptions {
  std::string endpoint;
  double rate = 0;              // of an open loop: requests a second
  std::size_t concurrency = 8;  // in flight; at most what the gateway allows a client
  Duration duration = std::chrono::seconds(10);
  Duration timeout{};  // of a request; 0: the flow's deadline
  Bytes payload;
};

struct ExecutorTime {
  std::string name;
  std::uint64_t execute_us = 0;  // as good answers tell
};

// How an open loop kept to its schedule. Every request that was due was sent or given up.
struct Sending {
  std::uint64_t due = 0;
  std::uint64_t sent = 0;
  std::uint64_t waited = 0;    // sent when there was room in flight at last
  std::uint64_t late = 0;      // sent 1 ms or more after they were due, though there was room
  std::uint64_t given_up = 0;  // never sent: there was no room until their time was over
  Duration took{};             // from the beginning to the last one, at least the duration
  Histogram delay_ns;          // from due to sent
};

struct LoopResult {
  Duration took{};   // until the last answer
  Duration rated{};  // what rates are of: until the last good answer, at least the duration;
                     // a request that hangs until its deadline is in no rate
  std::uint64_t ok = 0;
  std::map<std::string, std::uint64_t> failed;  // by code
  Histogram latency_ns;  // of good requests: closed loop from sent, open loop from due
  std::vector<ExecutorTime> executors;
  std::string first_failure;
  std::optional<Sending> sending;  // of an open loop

  std::uint64_t requests() const;

  // `since`: from the beginning of the loop until the answer.
  void count(const Reply& reply, Duration latency, Duration since);
  void count_failed(const std::string& code, std::uint64_t requests, const std::string& line);
};

}  // namespace flow::flowctl
