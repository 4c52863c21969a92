#include "zmq_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace peer {
namespace {

int checked(int outcome, const std::string& what) {
  if (outcome < 0) throw Error(what + ": " + zmq_strerror(zmq_errno()));
  return outcome;
}

}  // namespace

Socket::Socket(void* context, int type) : socket_(zmq_socket(context, type)) {
  if (socket_ == nullptr) throw Error("cannot make a socket");
  for (const int option : {ZMQ_LINGER, ZMQ_SNDHWM, ZMQ_RCVHWM})
    set(option, 0);
}

void Socket::set(int option, int value) {
  checked(zmq_setsockopt(socket_, option, &value, sizeof(value)), "zmq_setsockopt");
}

void Socket::bind(const std::string& address) {
  checked(zmq_bind(socket_, address.c_str()), address);
}

void Socket::connect(const std::string& address) {
  checked(zmq_connect(socket_, address.c_str()), address);
}

bool Socket::receive(zmq_msg_t& message, int flags) {
  while (zmq_msg_recv(&message, socket_, flags) < 0) {
    if (zmq_errno() == EAGAIN) return false;
    if (zmq_errno() != EINTR) checked(-1, "zmq_msg_recv");
  }
  return true;
}

void Socket::send(zmq_msg_t& message) {
  while (zmq_msg_send(&message, socket_, 0) < 0) {
    if (zmq_errno() != EINTR) checked(-1, "zmq_msg_send");
  }
}

void Socket::send_more(const void* bytes, std::size_t size) {
  while (zmq_send(socket_, bytes, size, ZMQ_SNDMORE) < 0) {
    if (zmq_errno() != EINTR) checked(-1, "zmq_send");
  }
}

std::uint64_t number_of(zmq_msg_t& message) {
  return number_of(zmq_msg_data(&message), zmq_msg_size(&message));
}

void pass_on(Socket& in, Socket& out) {
  zmq_msg_t message;
  zmq_msg_init(&message);
  while (in.receive(message, 0)) {
    (void)number_of(message);
    out.send(message);
  }
}

Front::Front(void* context, const std::string& address) : socket_(context, ZMQ_ROUTER) {
  socket_.bind(address);
}

std::optional<std::uint64_t> Front::receive(zmq_msg_t& message) {
  if (!socket_.receive(message, ZMQ_DONTWAIT)) return std::nullopt;
  Owner owner;
  owner.size = std::min(zmq_msg_size(&message), owner.id.size());
  std::memcpy(owner.id.data(), zmq_msg_data(&message), owner.size);
  socket_.receive(message, 0);
  const std::uint64_t number = number_of(message);
  owners_[number % kSlots] = owner;
  return number;
}

void Front::answer(std::uint64_t number, zmq_msg_t& message) {
  const Owner& owner = owners_[number % kSlots];
  socket_.send_more(owner.id.data(), owner.size);
  socket_.send(message);
}

void wait_for(void* one, void* other) {
  std::array<zmq_pollitem_t, 2> items{};
  items[0] = {one, 0, ZMQ_POLLIN, 0};
  items[1] = {other, 0, ZMQ_POLLIN, 0};
  while (zmq_poll(items.data(), static_cast<int>(items.size()), -1) < 0) {
    if (zmq_errno() != EINTR) checked(-1, "zmq_poll");
  }
}

ZmqClient::ZmqClient(const std::string& address) : socket_(zmq_ctx_new(), ZMQ_DEALER) {
  socket_.set(ZMQ_RCVTIMEO, kSliceMs);
  socket_.connect(address);
  zmq_msg_init(&answer_);
}

void ZmqClient::send(std::string_view message) {
  zmq_msg_t copy;
  if (zmq_msg_init_size(&copy, message.size()) != 0) throw Error("no memory for a message");
  std::memcpy(zmq_msg_data(&copy), message.data(), message.size());
  socket_.send(copy);
}

std::optional<std::uint64_t> ZmqClient::receive() {
  if (!socket_.receive(answer_, 0)) return std::nullopt;
  return number_of(answer_);
}

}  // namespace peer
