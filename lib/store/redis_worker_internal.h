// The thread behind a RedisStore: its queue, its events, its connection.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "store/redis_connection_internal.h"
#include "store/redis_store.h"

namespace flow::store {

class RedisWorker {
 public:
  explicit RedisWorker(RedisOptions options);
  ~RedisWorker();
  RedisWorker(const RedisWorker&) = delete;
  RedisWorker& operator=(const RedisWorker&) = delete;

  // From the broker's thread.
  bool submit(Operation operation);
  std::optional<Event> poll();
  bool flush(Duration limit);
  int fd() const { return event_fd_; }
  std::uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }

 private:
  // All below on the worker's thread.
  void run();
  bool connect();
  void work();
  Status acquire(const Acquire& operation);
  Status write(std::deque<Operation>& batch);
  Status transact(const std::vector<Command>& commands, std::uint64_t stored, bool& raced);
  Status check();
  void up();
  void lost(const std::string& reason);
  void fenced(std::uint64_t term);
  void emit(Event event);
  bool wait(Duration time, bool also_for_work);
  std::deque<Operation> take();
  void give_back(std::deque<Operation>& batch);
  std::string key(const std::string& name) const;
  void add_commands(const Operation& operation, std::vector<Command>& commands) const;

  RedisOptions options_;
  RedisConnection connection_;
  Duration next_wait_;
  std::uint64_t term_ = 0;  // this writer's
  std::uint64_t fenced_by_ = 0;
  bool up_ = false;
  bool told_down_ = false;

  std::mutex mutex_;  // guards queue_, events_, busy_, stopping_
  std::condition_variable changed_;
  std::deque<Operation> queue_;
  std::deque<Event> events_;
  bool busy_ = false;
  bool stopping_ = false;

  std::atomic<std::uint64_t> failed_{0};
  int event_fd_ = -1;
  std::thread thread_;
};

}  // namespace flow::store
