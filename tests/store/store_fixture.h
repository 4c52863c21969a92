// The two stores behind one face, for the conformance suite and the tests of Redis alone.
#pragma once

#include <doctest/doctest.h>
#include <poll.h>

#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "store/memory_store.h"
#include "store/redis_connection_internal.h"
#include "store/redis_store.h"
#include "tests/store/redis_server.h"

namespace flow::store {

// The next event of type T; others before it are passed over. Nothing: none came in five seconds.
template <typename T>
std::optional<T> next(Store& store) {
  const SystemClock clock;
  const Instant until = clock.now() + std::chrono::seconds(5);
  do {
    while (auto event = store.poll()) {
      if (T* value = std::get_if<T>(&*event)) return std::move(*value);
    }
    if (store.fd() < 0) return std::nullopt;
    pollfd waiting{store.fd(), POLLIN, 0};
    ::poll(&waiting, 1, 100);
  } while (clock.now() < until);
  return std::nullopt;
}

// Takes the lead; what the store knew.
inline Snapshot acquire(Store& store, std::uint64_t at_least = 0) {
  REQUIRE(store.submit(Acquire{at_least}));
  auto acquired = next<Acquired>(store);
  REQUIRE(acquired.has_value());
  return std::move(acquired->snapshot);
}

inline Bytes bytes(std::string_view text) {
  return Bytes::copy_of(text);
}

class MemoryBackend {
 public:
  std::unique_ptr<Store> open() { return std::make_unique<MemoryStore>(data_); }
  void settle(Store& store) {
    while (store.poll()) {
    }
  }
  void away() { data_.away = true; }
  void back() { data_.away = false; }
  void lose_everything() { data_.lose_everything(); }
  std::map<std::string, std::string> health() { return data_.health; }
  std::string spec() { return data_.spec; }
  std::size_t events() { return data_.events.size(); }

 private:
  MemoryData data_;
};

inline RedisOptions fast_options(const RedisServer& server) {
  RedisOptions options;
  options.address.path = server.path();
  options.flow = "hello";
  options.executors = {"gateway", "encode", "index/uses_before"};
  options.first_wait = std::chrono::milliseconds(10);
  options.longest_wait = std::chrono::milliseconds(50);
  options.check_every = std::chrono::milliseconds(50);
  return options;
}

class RedisBackend {
 public:
  std::unique_ptr<Store> open() { return std::make_unique<RedisStore>(fast_options(server_)); }
  void settle(Store& store) {
    REQUIRE(static_cast<RedisStore&>(store).flush(std::chrono::seconds(5)));
  }
  void away() { server_.kill(); }
  void back() { server_.start(); }
  void lose_everything() { command({"FLUSHALL"}); }
  std::map<std::string, std::string> health() {
    return *ready().map({"HGETALL", "flow:{hello}:health"});
  }
  std::string spec() { return ready().text({"GET", "flow:{hello}:spec"})->value_or(""); }
  std::size_t events() {
    auto reply = ready().command({"XLEN", "flow:{hello}:events"});
    REQUIRE(reply.ok());
    return static_cast<std::size_t>((*reply)->integer);
  }

  void command(const Command& what) {
    const auto reply = ready().command(what);
    REQUIRE_MESSAGE(reply.ok(), reply.error().message);
  }
  RedisServer& server() { return server_; }

 private:
  RedisConnection& ready() {
    if (!direct_.is_open()) REQUIRE(direct_.open(fast_options(server_).address).ok());
    return direct_;
  }

  RedisServer server_;
  RedisConnection direct_{std::chrono::seconds(1), std::chrono::seconds(1)};
};

}  // namespace flow::store
