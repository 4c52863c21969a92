#include "flowctl/admin_link.h"

#include <fmt/format.h>

#include <utility>
#include <variant>

#include "base/units.h"
#include "net/loop.h"

namespace flow::flowctl {

Result<AdminLink> AdminLink::open(net::Context& context, const std::string& address) {
  net::SocketOptions options;
  options.traffic = net::Traffic::kControl;
  Result<net::Socket> socket = net::Socket::open(context, net::SocketType::kDealer, options);
  if (!socket) return std::move(socket).error();
  if (Status connected = socket->connect(address); !connected) return std::move(connected).error();
  return AdminLink(std::move(*socket), address);
}

std::uint64_t AdminLink::send(std::string_view command, ValueMap arguments) {
  wire::AdminRequest request;
  request.id = ++last_id_;
  request.command = command;
  request.arguments = std::move(arguments);
  (void)socket_.send(wire::encode_control(request));
  return request.id;
}

std::optional<wire::AdminReply> AdminLink::receive() {
  Received received;
  while (socket_.receive(received)) {
    Result<wire::ControlMessage> message = wire::decode_control(std::move(received));
    received = Received{};
    if (!message) continue;
    if (auto* reply = std::get_if<wire::AdminReply>(&*message)) return std::move(*reply);
  }
  return std::nullopt;
}

Result<ValueMap> AdminLink::ask(std::string_view command, ValueMap arguments, Duration patience) {
  const SystemClock clock;
  const Instant until = clock.now() + patience;
  const std::uint64_t id = send(command, std::move(arguments));
  std::optional<wire::AdminReply> answer;
  net::Loop loop(clock);
  loop.watch(socket_, [&] {
    while (auto reply = receive()) {
      if (reply->id == id) answer = std::move(reply);
    }
  });
  loop.run([&](Instant now) {
    if (answer || now >= until) loop.stop();
    return until;
  });
  if (!answer) {
    return Error{Errc::kUnavailable, fmt::format("the broker at {} does not answer (waited {})",
                                                 address_, format_duration(patience))};
  }
  if (answer->code != Errc::kOk) return Error{answer->code, answer->message};
  return std::move(answer->value);
}

}  // namespace flow::flowctl
