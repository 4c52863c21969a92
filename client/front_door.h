// The gateway's side of the conversation with clients: a ROUTER that says who it is, hands requests
// in and takes answers out. A gateway has one, and so has a worker that listens on its own.
//
// One thread. Everything a client sends is verified here, once, before anybody else reads it, and
// documents without an id get one. What one turn has for a client that understands carriers leaves
// as one message. A client that does not read its answers, or is gone, is dropped and counted.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/context.h"
#include "net/socket.h"
#include "wire/carrier.h"
#include "wire/client_messages.h"
#include "wire/document_ids.h"

namespace flow::client {

// Who stands behind the door.
class DoorOwner {
 public:
  virtual ~DoorOwner() = default;

  // What a client is told that says hello; `carriers` is set by the door.
  virtual wire::ClientWelcome welcome() = 0;

  // Whether a request of this size would be taken now; answers it if not. For asking before its
  // documents are looked at.
  virtual bool acceptable(net::PeerId client, const wire::Request& request) = 0;

  // `arrived`: when the message that brought it was taken from the socket. The request may be taken
  // out of the door's hands; else it is forgotten.
  virtual void on_request(net::PeerId client, wire::Request&& request, Instant arrived) = 0;
  virtual void on_cancel(net::PeerId client, std::uint64_t request, Instant arrived) = 0;
};

class FrontDoor {
 public:
  static constexpr std::uint32_t kInFlight = 1024;  // of one client

  // `owner` and `clock` outlive it. `seed`: for the ids of documents, another one in each process.
  FrontDoor(DoorOwner& owner, const Clock& clock, std::uint64_t seed)
      : owner_(owner), clock_(clock), ids_(seed) {}

  // `max_request`: bytes of the largest request or answer.
  Status open(net::Context& context, std::uint64_t max_request);
  Result<std::string> bind(const std::string& address) { return socket_.bind(address); }
  const net::Socket& socket() const { return socket_; }

  // Takes a batch of messages, more only to finish a carrier.
  void receive();

  void answer(net::PeerId client, const wire::Response& response);

  // How many large requests came together at most since the last flush().
  std::size_t together() const { return together_; }

  // Sends what this turn had for each client, `together` as in wire::Outbox::flush().
  void flush(std::size_t together);

  // Clients that turned out to be gone since the last call.
  std::vector<net::PeerId> take_gone();

  std::uint64_t malformed() const { return malformed_; }  // messages that did not verify
  std::uint64_t dropped() const { return dropped_; }      // answers nobody took

 private:
  void on_message(net::PeerId client, Received&& message, Instant arrived);
  void on_hello(net::PeerId client, const Received& message);
  void on_request(net::PeerId client, Received&& message, Instant arrived);
  Status verify(wire::Request& request);
  Status give_ids(Bytes& payload);
  void carry_for(net::PeerId client);
  wire::Outbox* outbox(net::PeerId client);
  void send(net::PeerId client, const Frames& frames);

  DoorOwner& owner_;
  const Clock& clock_;
  net::Socket socket_;
  wire::ClientEncoder encoder_;
  wire::DocumentIds ids_;
  wire::Request request_;
  std::unordered_map<std::uint32_t, wire::Outbox> carried_;  // clients that understand carriers
  net::PeerId last_;                                         // whom the last answer went to,
  wire::Outbox* last_outbox_ = nullptr;                      // if it is in carried_
  std::vector<net::PeerId> dirty_;                           // with something in their outbox
  std::vector<net::PeerId> gone_;
  std::size_t together_ = 1;
  std::uint64_t malformed_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace flow::client
