// flowctl's conversation with a broker: asks, and gets answers. Used by one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "base/value.h"
#include "net/context.h"
#include "net/socket.h"
#include "wire/membership.h"

namespace flow::flowctl {

class AdminLink {
 public:
  static Result<AdminLink> open(net::Context& context, const std::string& address);

  // Sends without waiting; the id its reply will carry.
  std::uint64_t send(std::string_view command, ValueMap arguments = {});

  // The next reply, if one is there. Other messages are ignored.
  std::optional<wire::AdminReply> receive();

  // Asks and waits. kUnavailable names the address when no answer comes in time; a refusal is the
  // broker's own code and message.
  Result<ValueMap> ask(std::string_view command, ValueMap arguments, Duration patience);

  const net::Socket& socket() const { return socket_; }

 private:
  AdminLink(net::Socket socket, std::string address)
      : socket_(std::move(socket)), address_(std::move(address)) {}

  net::Socket socket_;
  std::string address_;
  std::uint64_t last_id_ = 0;
};

}  // namespace flow::flowctl
