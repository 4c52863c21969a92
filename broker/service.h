// The broker process around its core: the control ROUTER, the store, the loop. One thread runs it;
// the Redis store has a second one of its own.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop_signal.h"
#include "broker/core.h"
#include "net/context.h"
#include "net/loop.h"
#include "net/socket.h"
#include "store/memory_store.h"
#include "store/redis_store.h"

namespace flow::broker {

struct ServiceOptions {
  CoreOptions core;
  std::string run_dir;
  std::optional<store::RedisOptions> redis;  // none: nothing outlives the process
};

class Service final : private Effects {
 public:
  // All references outlive the service.
  Service(ServiceOptions options, net::Context& context, const Clock& clock, StopSignal& signal);
  ~Service() override;

  // Binds ipc://RUN_DIR/broker.ipc. The error names the address and who has it.
  Status open();

  // Until SIGTERM or SIGINT: what the store lacks is written (at most half a second). Returns 0.
  int run();

 private:
  void send(ConnectionId to, const wire::ControlMessage& message) override;
  void broadcast(std::span<const ConnectionId> to, const wire::ControlMessage& message) override;
  void store(store::Operation operation) override;
  void probe(InstanceId instance, const std::string& address) override;

  void send_bytes(ConnectionId to, const Bytes& bytes);
  void take_messages();
  void take_signal();
  Instant before_wait(Instant now);
  void settle(Instant now);
  void report_state();
  void feed_watchdog(Instant now);

  ServiceOptions options_;
  net::Context& context_;
  const Clock& clock_;
  StopSignal& signal_;
  net::Loop loop_;
  net::Socket router_;
  net::Monitor monitor_;
  store::MemoryData memory_;
  std::unique_ptr<store::Store> store_;
  store::RedisStore* redis_ = nullptr;  // store_, if it is one
  Core core_;

  std::vector<ConnectionId> unreachable_;
  std::set<std::pair<InstanceId, std::string>> probes_;
  std::uint64_t malformed_ = 0;
  std::string reported_;
  bool notified_ready_ = false;
  Duration watchdog_;
  Instant next_watchdog_{};
};

}  // namespace flow::broker
