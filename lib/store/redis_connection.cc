#include <fcntl.h>
#include <fmt/format.h>

#include <charconv>

#include "store/redis_connection_internal.h"

namespace flow::store {
namespace {

timeval to_timeval(Duration duration) {
  const std::int64_t us = to_us(duration);
  timeval value{};
  value.tv_sec = us / 1'000'000;
  value.tv_usec = us % 1'000'000;
  return value;
}

std::string text_of(const redisReply& reply) {
  return reply.str == nullptr ? std::string() : std::string(reply.str, reply.len);
}

bool is_text(const redisReply& reply) {
  return reply.type == REDIS_REPLY_STRING || reply.type == REDIS_REPLY_STATUS;
}

}  // namespace

Status RedisConnection::open(const RedisAddress& address) {
  const timeval wait = to_timeval(connect_timeout_);
  context_.reset(address.path.empty()
                     ? redisConnectWithTimeout(address.host.c_str(), address.port, wait)
                     : redisConnectUnixWithTimeout(address.path.c_str(), wait));
  if (context_ == nullptr) return Error{Errc::kUnavailable, "no memory for a connection to Redis"};
  if (context_->err != 0) {
    Error error{Errc::kUnavailable, fmt::format("cannot connect to Redis at {}: {}",
                                                to_string(address), context_->errstr)};
    close();
    return error;
  }
  fcntl(context_->fd, F_SETFD, FD_CLOEXEC);
  if (redisSetTimeout(context_.get(), to_timeval(command_timeout_)) != REDIS_OK)
    return failed({"connect"}, "cannot set the time limit");
  if (!address.password.empty()) {
    const Status authorised = expect_status({"AUTH", address.password}, "OK");
    if (!authorised) return authorised;
  }
  if (address.database != 0)
    return expect_status({"SELECT", std::to_string(address.database)}, "OK");
  return {};
}

Error RedisConnection::failed(const Command& command, std::string_view why) {
  Error error{Errc::kUnavailable, fmt::format("Redis {}: {}", command.front(), why)};
  close();
  return error;
}

Result<Reply> RedisConnection::command(const Command& command) {
  if (!is_open()) return Error{Errc::kUnavailable, "no connection to Redis"};
  std::vector<const char*> arguments;
  std::vector<std::size_t> sizes;
  for (const std::string& argument : command) {
    arguments.push_back(argument.data());
    sizes.push_back(argument.size());
  }
  Reply reply(static_cast<redisReply*>(redisCommandArgv(
      context_.get(), static_cast<int>(command.size()), arguments.data(), sizes.data())));
  if (reply == nullptr) return failed(command, context_->err != 0 ? context_->errstr : "no reply");
  if (reply->type == REDIS_REPLY_ERROR) return failed(command, text_of(*reply));
  return reply;
}

Status RedisConnection::expect_status(const Command& what, std::string_view status) {
  const Result<Reply> reply = command(what);
  if (!reply) return reply.error();
  if ((*reply)->type != REDIS_REPLY_STATUS || text_of(**reply) != status)
    return failed(what, fmt::format("expected the answer {}", status));
  return {};
}

Result<std::optional<std::string>> RedisConnection::text(const Command& what) {
  const Result<Reply> reply = command(what);
  if (!reply) return reply.error();
  if ((*reply)->type == REDIS_REPLY_NIL) return std::optional<std::string>();
  if (!is_text(**reply)) return failed(what, "expected a string");
  return std::optional<std::string>(text_of(**reply));
}

Result<std::uint64_t> RedisConnection::number_or_zero(const Command& what) {
  Result<std::optional<std::string>> read = text(what);
  if (!read) return std::move(read).error();
  if (!*read) return std::uint64_t{0};
  const std::string& digits = **read;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size())
    return failed(what, "expected a number");
  return value;
}

Result<std::map<std::string, std::string>> RedisConnection::map(const Command& what) {
  const Result<Reply> reply = command(what);
  if (!reply) return reply.error();
  const redisReply& list = **reply;
  if (list.type != REDIS_REPLY_ARRAY || list.elements % 2 != 0)
    return failed(what, "expected a list of pairs");
  std::map<std::string, std::string> result;
  for (std::size_t i = 0; i < list.elements; i += 2) {
    const redisReply* key = list.element[i];
    const redisReply* value = list.element[i + 1];
    if (key == nullptr || value == nullptr || !is_text(*key) || !is_text(*value))
      return failed(what, "expected a list of strings");
    result[text_of(*key)] = text_of(*value);
  }
  return result;
}

}  // namespace flow::store
