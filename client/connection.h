// The client's side of one connection to a gateway: the Core and the socket under it, on somebody's
// loop.
//
// One thread, that of the loop. A host in the address may be a name: it is looked up each time the
// connection is opened, on a thread that does nothing else (net/resolver.h), and again when that
// failed; meanwhile the core is not ready and what is submitted waits as Core says.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "client/core.h"
#include "net/context.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/socket.h"
#include "wire/carrier.h"
#include "wire/client_messages.h"

namespace flow::client {

// Who has a Connection: is told on its thread.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual void on_welcome(const wire::ClientWelcome& welcome) = 0;  // each one
  virtual void on_stranger(const Error& error) = 0;  // what answers there is no gateway
  virtual void before_reply() = 0;                   // just before a reply is delivered
};

class Connection final : private Link {
 public:
  // `context`, `clock` and `owner` outlive it. `name` is for the gateway's people, and unique among
  // the connections of the process.
  Connection(net::Context& context, const Clock& clock, std::string address, std::string name,
             std::uint32_t limit, ConnectionOwner& owner);

  // Opens the socket on `loop`, which outlives its use, or begins to look its host up, and says
  // hello. An address that cannot be one is an error.
  Status open(net::Loop& loop);

  Core& core() { return core_; }
  const Core& core() const { return core_; }

  // Does what is due and sends what this turn has; when it wants to be called next.
  Instant turn(Instant now);

  // Ends everything with CANCELLED, and waits `patience` for a sign that the gateway has taken the
  // cancellations. The loop must not be running.
  void shut_down(Duration patience);

  // Why there is no connection, if that is known: "cannot look up host 'a': ..."; else empty.
  const std::string& trouble() const { return trouble_; }

 private:
  void send_hello() override;
  void send_request(const wire::Request& request) override;
  void send_cancel(std::uint64_t id) override;
  void send_ping() override;
  void reopen() override;
  void deliver(const Client::OnReply& on_reply, bool open_documents, Reply&& reply) override;

  Status connect_socket();
  Status connect_to(const std::string& numeric);
  void close_socket();
  void take_address();
  void take_messages();
  void take_disconnects();
  Status take_message(Received& received);
  Status take_response(Received& received);
  Status take_welcome(Received& received);
  void meet_stranger(const Error& error);
  void flush();

  net::Context& context_;
  const Clock& clock_;
  const std::string address_;
  const std::string name_;
  ConnectionOwner& owner_;
  net::Loop* loop_ = nullptr;
  net::Resolver resolver_;
  net::Socket socket_;
  net::Monitor monitor_;
  std::uint64_t connections_ = 0;
  wire::ClientEncoder encoder_;
  wire::Outbox outbox_;    // what this turn sends
  bool carriers_ = false;  // the gateway understands them
  wire::Inbox inbox_;
  Core core_;
  Reply reply_;  // the newest; what nobody took of it is used again
  Instant now_{};
  std::string trouble_;
  bool pong_awaited_ = false;
};

}  // namespace flow::client
