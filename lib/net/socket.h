// A ZeroMQ socket with the project's options, set once, at birth.
//
// The only place that says zmq. Addresses are ipc://PATH (a path of at most 107 bytes) or
// tcp://NUMERIC:PORT; names are resolved nowhere, so that no I/O thread ever waits for DNS. One
// thread owns a socket for life; the exception is a loop with a stand-in (stand_in.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/frames.h"
#include "base/result.h"
#include "base/time.h"
#include "net/context.h"

namespace flow::net {

enum class SocketType { kPush, kPull, kRouter, kDealer, kXpub, kSub };

// What a socket carries decides its options.
enum class Traffic {
  kData,     // parts: no high-water mark (windows bound the queues), bounded drain on close
  kControl,  // small and prompt: linger 0, quick reconnect
  kClient,   // the gateway's front door: finite send queue, clients that do not read are dropped
};

struct SocketOptions {
  Traffic traffic = Traffic::kData;
  std::size_t max_message =
      17U << 20;  // larger ones cut the connection; the sender must check first
  Duration linger =
      std::chrono::milliseconds(500);  // not kControl: how long close waits for unsent
  int client_queue = 2048;             // kClient only: messages a client may have unread
};

// What became of a send. Nothing blocked, nothing threw.
enum class [[nodiscard]] Sent{
    kSent,
    kFull,    // the peer does not read (kClient)
    kNoPeer,  // ROUTER: no such connection
    kClosed,  // the context ends
};

// A connection of a ROUTER, as ZeroMQ numbers them; never reused within a process.
struct PeerId {
  std::uint32_t value = 0;
  friend auto operator<=>(PeerId, PeerId) = default;
};

class Socket {
 public:
  Socket() = default;  // closed
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;

  static Result<Socket> open(Context& context, SocketType type, const SocketOptions& options);

  // Binds and returns the address bound (port 0 becomes the port given). kUnavailable names the
  // address and the reason; for ipc the file is only taken over when nobody listens on it.
  Result<std::string> bind(const std::string& address);
  Status connect(const std::string& address);
  Status disconnect(const std::string& address);

  // PUSH, DEALER, XPUB.
  Sent send(const Frames& frames);
  Sent send(const Bytes& frame);  // one frame, copied when small

  // ROUTER.
  Sent send_to(PeerId peer, const Frames& frames);
  Sent send_to(PeerId peer, const Bytes& frame);

  // PULL, DEALER, SUB: takes one message; false when there is none now.
  bool receive(Received& message);

  // ROUTER. Messages of peers that chose their own routing id are dropped and counted.
  bool receive_from(PeerId& peer, Received& message);

  // Messages dropped because they were malformed at the transport (wrong identity).
  std::uint64_t dropped() const { return dropped_; }

  // SUB.
  void subscribe(std::string_view topic);
  void unsubscribe(std::string_view topic);

  void close();
  void* handle() const { return handle_; }

  // For the Loop: true while the last thing done with the socket was to find it empty. Only then
  // its descriptor tells when a message comes. Publishing is not seen here: whoever publishes looks
  // for subscriptions now and then.
  const std::shared_ptr<bool>& quiet() const { return quiet_; }

 private:
  bool receive_frames(Received& message);

  void* handle_ = nullptr;
  std::shared_ptr<bool> quiet_ = std::make_shared<bool>(false);
  bool publishes_ = false;
  std::uint64_t dropped_ = 0;
  std::string ipc_path_;  // of a bound ipc socket, unlinked at close
};

// Sees connections of one socket end.
class Monitor {
 public:
  Monitor() = default;
  ~Monitor();
  Monitor(Monitor&&) noexcept;
  Monitor& operator=(Monitor&&) noexcept;

  // Watches `socket` for ended connections. `name` is unique in the process.
  static Result<Monitor> open(Context& context, Socket& socket, const std::string& name);

  // Takes all events; how many connections ended.
  int disconnects();
  void* handle() const { return handle_; }

 private:
  void* handle_ = nullptr;
};

// Whether anybody listens at a data address, by a plain connect() that is closed at once.
enum class Listening { kYes, kRefused, kUnknown };
Listening probe(const std::string& address);

}  // namespace flow::net
