// Where a Redis server is: redis://[:password@]host[:port][/db] or unix:///path[?db=N].
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace flow::store {

struct RedisAddress {
  std::string path;  // of a unix socket; else empty and host, port count
  std::string host;
  std::uint16_t port = 6379;
  std::uint32_t database = 0;
  std::string password;  // empty: none

  friend bool operator==(const RedisAddress&, const RedisAddress&) = default;
};

// kInvalidArgument says what was expected. A password is never repeated in a message.
Result<RedisAddress> parse_redis_url(std::string_view url);

// The first line of a file. kNotFound names the file and why it cannot be read.
Result<std::string> read_password_file(const std::string& path);

// For people: host:port/db or the path; no password.
std::string to_string(const RedisAddress& address);

}  // namespace flow::store
