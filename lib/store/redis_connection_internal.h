// One connection to a Redis server, blocking, with a limit on every wait. The only place that says
// hiredis. After any error, one from the server included, the connection is closed and freed: late
// replies can then never be taken for the answer to another command.
#pragma once

#include <hiredis/hiredis.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "store/redis_url.h"

namespace flow::store {

using Command = std::vector<std::string>;

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};

class RedisConnection {
 public:
  RedisConnection(Duration connect_timeout, Duration command_timeout)
      : connect_timeout_(connect_timeout), command_timeout_(command_timeout) {}

  // Connects, says the password, selects the database.
  Status open(const RedisAddress& address);
  bool is_open() const { return context_ != nullptr; }
  void close() { context_.reset(); }

  // kUnavailable: I/O, protocol or time; the connection is closed. Also for an error reply
  // (READONLY, OOM, MISCONF, LOADING, NOAUTH, NOPERM, ...): the message is the server's.
  Result<Reply> command(const Command& command);

  // Typed replies; another type is an error like any other.
  Status expect_status(const Command& command, std::string_view status);
  Result<std::optional<std::string>> text(const Command& command);
  Result<std::uint64_t> number_or_zero(const Command& command);
  Result<std::map<std::string, std::string>> map(const Command& command);

 private:
  Error failed(const Command& command, std::string_view why);

  Duration connect_timeout_;
  Duration command_timeout_;
  std::unique_ptr<redisContext, FreeContext> context_;
};

}  // namespace flow::store
