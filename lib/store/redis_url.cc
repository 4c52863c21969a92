#include "store/redis_url.h"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>

namespace flow::store {
namespace {

constexpr std::string_view kTcp = "redis://";
constexpr std::string_view kUnix = "unix://";
constexpr std::size_t kLongestPath = 107;
constexpr std::size_t kLongestPassword = 4096;

Error expected(std::string_view what) {
  return Error{
      Errc::kInvalidArgument,
      fmt::format("{}; expected redis://[:password@]host[:port][/db] or unix:///path", what)};
}

template <typename T>
std::optional<T> number(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<RedisAddress> parse_unix(std::string_view rest) {
  RedisAddress address;
  const auto question = rest.find('?');
  if (question != std::string_view::npos) {
    const std::string_view query = rest.substr(question + 1);
    const auto db = query.rfind("db=", 0) == 0 ? number<std::uint32_t>(query.substr(3))
                                               : std::optional<std::uint32_t>();
    if (!db) return expected(fmt::format("'?{}' in the Redis url is not ?db=NUMBER", query));
    address.database = *db;
    rest = rest.substr(0, question);
  }
  if (rest.empty() || rest.front() != '/')
    return expected(fmt::format("the Redis url has no absolute path: '{}'", rest));
  if (rest.size() > kLongestPath) {
    return expected(
        fmt::format("the path of the Redis socket has {} bytes, at most {} are possible",
                    rest.size(), kLongestPath));
  }
  address.path = std::string(rest);
  return address;
}

Status parse_host(std::string_view text, RedisAddress& address) {
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return expected("the Redis url has a '[' without a ']'");
    address.host = std::string(text.substr(1, end - 1));
    if (end + 1 < text.size() && text[end + 1] != ':')
      return expected("the Redis url goes on behind ']'");
    port = end + 2 <= text.size() ? text.substr(end + 2) : std::string_view();
    if (end + 1 < text.size() && port.empty()) return expected("the Redis url has an empty port");
  } else {
    const auto colon = text.find(':');
    address.host = std::string(text.substr(0, colon));
    if (colon != std::string_view::npos) {
      port = text.substr(colon + 1);
      if (port.empty()) return expected("the Redis url has an empty port");
    }
  }
  if (address.host.empty()) return expected("the Redis url has no host");
  if (port.empty()) return {};
  const auto value = number<std::uint16_t>(port);
  if (!value || *value == 0) {
    return expected(fmt::format("'{}' in the Redis url is no port (1 to {})", port,
                                std::numeric_limits<std::uint16_t>::max()));
  }
  address.port = *value;
  return {};
}

Result<RedisAddress> parse_tcp(std::string_view rest) {
  RedisAddress address;
  const auto at = rest.rfind('@');
  if (at != std::string_view::npos) {
    if (rest.front() != ':')
      return expected("the Redis url has a user; only a password (:password@) is supported");
    address.password = std::string(rest.substr(1, at - 1));
    rest = rest.substr(at + 1);
  }
  const auto slash = rest.find('/');
  if (slash != std::string_view::npos && slash + 1 < rest.size()) {
    const auto db = number<std::uint32_t>(rest.substr(slash + 1));
    if (!db)
      return expected(fmt::format("'{}' in the Redis url is no database", rest.substr(slash + 1)));
    address.database = *db;
  }
  const Status host = parse_host(rest.substr(0, slash), address);
  if (!host) return host.error();
  return address;
}

}  // namespace

Result<RedisAddress> parse_redis_url(std::string_view url) {
  if (url.rfind(kTcp, 0) == 0) return parse_tcp(url.substr(kTcp.size()));
  if (url.rfind(kUnix, 0) == 0) return parse_unix(url.substr(kUnix.size()));
  return expected("the Redis url has another scheme");
}

Result<std::string> read_password_file(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) {
    return Error{Errc::kNotFound, fmt::format("cannot read the Redis password from '{}': {}", path,
                                              errno != 0 ? std::strerror(errno) : "it is empty")};
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.empty() || line.size() > kLongestPassword) {
    return Error{Errc::kInvalidArgument,
                 fmt::format("the first line of '{}' is to be the Redis password (1 to {} bytes)",
                             path, kLongestPassword)};
  }
  return line;
}

std::string to_string(const RedisAddress& address) {
  if (!address.path.empty()) return address.path;
  return fmt::format("{}:{}/{}", address.host, address.port, address.database);
}

}  // namespace flow::store
