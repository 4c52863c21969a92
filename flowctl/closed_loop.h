// A closed loop of requests: each of `concurrency` places sends its next request when its last one
// was answered, on the client's own thread, so that no thread hand-off is part of what is measured.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "flow/client.h"
#include "flowctl/histogram.h"

namespace flow::flowctl {

struct LoopOptions {
  std::string endpoint;
  std::size_t concurrency = 8;  // at most what the gateway allows a client
  Duration duration = std::chrono::seconds(10);
  Duration timeout{};
  Bytes payload;
};

struct ExecutorTime {
  std::string name;
  std::uint64_t execute_us = 0;
};

struct LoopResult {
  Duration took{};
  std::uint64_t ok = 0;
  std::map<std::string, std::uint64_t> failed;  // by code
  Histogram latency_ns;                         // of good requests
  std::vector<ExecutorTime> executors;
  std::string first_failure;

  std::uint64_t requests() const;
};

class ClosedLoop {
 public:
  // The client outlives the loop.
  ClosedLoop(Client& client, LoopOptions options);

  // Until the duration is over and every request has ended.
  LoopResult run();

 private:
  void send(std::size_t place);
  void answered(std::size_t place, const Reply& reply);
  void count(const Reply& reply, Duration latency);
  std::vector<std::size_t> wait_for_rested();

  Client& client_;
  const LoopOptions options_;
  const SystemClock clock_;

  // The client's thread's while the loop runs.
  LoopResult result_;
  std::vector<Instant> sent_at_;  // by place
  Instant until_{};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::size_t> resting_;  // places whose request failed: sent again after a moment
  std::size_t ended_ = 0;
};

}  // namespace flow::flowctl
