// The Store in Redis: a thread of its own talks to the server, the broker only queues and polls.
//
// Keys, all with the prefix flow:{FLOW}: (one hash tag, so that a cluster keeps them together):
//   term                   string   the term of the leading broker
//   topology               hash     term, version, highest_id, snapshot
//   assignment:EXECUTOR    hash     SHARD/REPLICA (gateways: the number) -> value
//   health                 hash     instance name -> value
//   spec                   string
//   events                 stream   kind, detail; about the last 1,000
//
// Every write is guarded: WATCH term, compare, MULTI, writes, EXEC. A writer whose term is lower
// than the server's writes nothing and gets Fenced; one whose term is higher (the server lost its
// data) raises the server's. Any error closes the connection; the next try comes after 100 ms,
// doubling to 5 s. What could not be written stays queued. submit(), poll(), fd() and refused()
// belong to one thread, the broker's.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "store/redis_url.h"
#include "store/store.h"

namespace flow::store {

struct RedisOptions {
  RedisAddress address;
  std::string flow;
  std::vector<std::string> executors;  // whose assignments are read by Acquire; also "gateway"
  Duration connect_timeout = std::chrono::milliseconds(500);
  Duration command_timeout = std::chrono::milliseconds(300);
  Duration first_wait = std::chrono::milliseconds(100);  // before the second try to connect
  Duration longest_wait = std::chrono::seconds(5);
  Duration check_every = std::chrono::seconds(1);  // of an idle server: alive, still our data?
};

class RedisWorker;

class RedisStore final : public Store {
 public:
  explicit RedisStore(RedisOptions options);  // starts the thread; never waits for the server
  ~RedisStore() override;  // waits for the command under way, at most its time limit
  RedisStore(const RedisStore&) = delete;
  RedisStore& operator=(const RedisStore&) = delete;

  // Operations that wait and that a newer one replaces (the same topology, slot, instance, spec)
  // are replaced in place once many wait, so that a long outage does not fill the queue.
  bool submit(Operation operation) override;
  std::optional<Event> poll() override;
  int fd() const override;
  std::uint64_t refused() const override { return refused_; }

  // Waits until all that was submitted is written. False: not within `limit`.
  bool flush(Duration limit);

  // Writes the server refused for good (a key of another type, say); dropped.
  std::uint64_t failed() const;

 private:
  std::unique_ptr<RedisWorker> worker_;
  std::uint64_t refused_ = 0;
};

}  // namespace flow::store
