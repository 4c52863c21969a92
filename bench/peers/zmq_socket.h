// ZeroMQ for the peers that are ZeroMQ alone.
#pragma once

#include <zmq.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "peer.h"

namespace peer {

// A socket of a context, without high-water marks: what is in flight bounds the queues. Both live
// until the process ends. What fails throws Error; a signal is no failure.
class Socket {
 public:
  Socket(void* context, int type);
  void set(int option, int value);
  void bind(const std::string& address);
  void connect(const std::string& address);
  // Whether there was one; false only with ZMQ_DONTWAIT or a ZMQ_RCVTIMEO.
  bool receive(zmq_msg_t& message, int flags);
  void send(zmq_msg_t& message);
  void send_more(const void* bytes, std::size_t size);
  void* handle() const { return socket_; }

 private:
  void* socket_;
};

std::uint64_t number_of(zmq_msg_t& message);

// What a stage does, for ever: looks whether a message is whole and sends it on.
void pass_on(Socket& in, Socket& out);

// The gateway's side of the clients: remembers by its number whose a request is.
class Front {
 public:
  Front(void* context, const std::string& address);
  // A request, with its number; nothing if there is none now.
  std::optional<std::uint64_t> receive(zmq_msg_t& message);
  void answer(std::uint64_t number, zmq_msg_t& message);
  void* handle() const { return socket_.handle(); }

 private:
  struct Owner {
    std::array<char, 16> id{};
    std::size_t size = 0;
  };

  Socket socket_;
  std::vector<Owner> owners_ = std::vector<Owner>(kSlots);
};

// Waits until one of two sockets has something.
void wait_for(void* one, void* other);

class ZmqClient : public Client {
 public:
  explicit ZmqClient(const std::string& address);
  void send(std::string_view message) override;
  std::optional<std::uint64_t> receive() override;

 private:
  Socket socket_;
  zmq_msg_t answer_{};
};

}  // namespace peer
