// What the two threads of a worker share. Everything here is an atomic, a queue between exactly
// the two, or under a mutex.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/spsc_queue.h"
#include "handlers.h"
#include "net/loop.h"
#include "wire/membership.h"
#include "wire/part.h"
#include "wire/topology.h"

namespace flow::worker {

struct ProgressItem {
  InstanceId gateway;
  wire::Progress progress;
};

// The execution under way, as the control thread sees it.
struct Executing {
  Instant since;
  Running first;  // of a batch, else the only one
};

// The data thread writes, the control thread reads.
class ExecutionSlot final : public ExecutionWatch {
 public:
  void enter(std::span<const Running> requests, Instant now) override {
    const Running& first = requests.front();
    gateway_.store(first.request.gateway.value, std::memory_order_relaxed);
    sequence_.store(first.request.sequence, std::memory_order_relaxed);
    attempt_.store(first.attempt, std::memory_order_relaxed);
    if (requests.size() > 1) put_batch(requests, now);
    since_.store(now.time_since_epoch().count(), std::memory_order_release);
  }
  void leave() override { since_.store(0, std::memory_order_release); }

  // Nothing when idle, or when the execution changes in this moment.
  std::optional<Executing> read() const {
    const std::int64_t since = since_.load(std::memory_order_acquire);
    if (since == 0) return std::nullopt;
    Executing executing;
    executing.since = Instant(Duration(since));
    executing.first.request = {.gateway = {gateway_.load(std::memory_order_relaxed)},
                               .sequence = sequence_.load(std::memory_order_relaxed)};
    executing.first.attempt = attempt_.load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (since_.load(std::memory_order_relaxed) != since) return std::nullopt;
    return executing;
  }

  // All that is executed in `executing`; only the first when that is over.
  std::vector<Running> requests(const Executing& executing) const {
    const std::lock_guard lock(mutex_);
    const bool there = batch_since_ == executing.since && batch_.front() == executing.first;
    return there ? batch_ : std::vector{executing.first};
  }

 private:
  void put_batch(std::span<const Running> requests, Instant now) {
    const std::lock_guard lock(mutex_);
    batch_.assign(requests.begin(), requests.end());
    batch_since_ = now;
  }

  mutable std::mutex mutex_;
  std::vector<Running> batch_;  // the newest
  Instant batch_since_ = kNever;
  std::atomic<std::int64_t> since_{0};  // 0: idle
  std::atomic<std::uint64_t> sequence_{0};
  std::atomic<std::uint32_t> gateway_{0};
  std::atomic<std::uint16_t> attempt_{0};
};

// What a forwarder knows of its far end. kNever: somebody answers, or may do so in a moment.
struct FarState {
  Instant away_since = kNever;
  std::string trouble;  // for people
  friend bool operator==(const FarState&, const FarState&) = default;
};

// kDrain: end when nothing has come for a while. kDrained: nothing can come any more, end when what
// is here is done.
enum class Stopping { kNo, kDrain, kDrained };

struct Shared {
  static constexpr std::size_t kProgressItems = 65'536;

  // Data to control.
  SpscQueue<ProgressItem> progress{kProgressItems};
  net::Waker to_control;
  std::atomic<bool> control_waits{false};    // it wants a signal when there is something
  std::atomic<std::uint32_t> wake_after{4};  // finished requests that are worth a signal
  std::atomic<std::uint64_t> progress_dropped{0};
  std::atomic<std::uint64_t> executed{0};
  std::atomic<std::uint32_t> queue{0};
  std::atomic<std::uint32_t> in_flight{0};
  std::atomic<std::uint64_t> topology_in_use{0};
  std::atomic<bool> ended{false};
  ExecutionSlot executing;

  // Control to data.
  net::Waker to_data;
  std::atomic<Stopping> stopping{Stopping::kNo};

  // The newest topology, for the data thread; older ones it did not take are skipped.
  void put_topology(std::shared_ptr<const wire::Topology> topology) {
    const std::lock_guard lock(mutex_);
    topology_ = std::move(topology);
  }
  std::shared_ptr<const wire::Topology> take_topology() {
    const std::lock_guard lock(mutex_);
    return std::exchange(topology_, nullptr);
  }

  // What the data thread's publisher sees of its subscribers, when it changed.
  void put_subscriptions(std::vector<wire::LaneMark> marks) {
    const std::lock_guard lock(mutex_);
    subscriptions_ = std::move(marks);
  }
  std::optional<std::vector<wire::LaneMark>> take_subscriptions() {
    const std::lock_guard lock(mutex_);
    return std::exchange(subscriptions_, std::nullopt);
  }

  // Which sibling the broker wants to be copied; none: nothing new.
  void put_copy(InstanceId sibling) { copy_.store(sibling.value, std::memory_order_release); }
  InstanceId take_copy() {
    if (copy_.load(std::memory_order_relaxed) == 0) return {};
    return InstanceId{copy_.exchange(0, std::memory_order_acquire)};
  }

  // How that went, for the broker.
  void put_copied(wire::CaughtUp outcome) {
    const std::lock_guard lock(mutex_);
    copied_ = std::move(outcome);
  }
  std::optional<wire::CaughtUp> take_copied() {
    const std::lock_guard lock(mutex_);
    return std::exchange(copied_, std::nullopt);
  }

  // Whether somebody answers at the far end, when that changed.
  void put_far(FarState state) {
    const std::lock_guard lock(mutex_);
    far_ = std::move(state);
  }
  std::optional<FarState> take_far() {
    const std::lock_guard lock(mutex_);
    return std::exchange(far_, std::nullopt);
  }

  // The outcome of the data thread's start, for the control thread.
  void put_start(Result<wire::Ready> outcome) {
    const std::lock_guard lock(mutex_);
    start_.emplace(std::move(outcome));
  }
  std::optional<Result<wire::Ready>> take_start() {
    const std::lock_guard lock(mutex_);
    return std::exchange(start_, std::nullopt);
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<const wire::Topology> topology_;
  std::optional<std::vector<wire::LaneMark>> subscriptions_;
  std::optional<Result<wire::Ready>> start_;
  std::optional<wire::CaughtUp> copied_;
  std::optional<FarState> far_;
  std::atomic<std::uint32_t> copy_{0};
};

}  // namespace flow::worker
