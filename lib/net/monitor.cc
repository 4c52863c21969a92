#include <fmt/format.h>
#include <zmq.h>

#include <cstring>
#include <utility>

#include "net/socket.h"

namespace flow::net {

Result<Monitor> Monitor::open(Context& context, Socket& socket, const std::string& name) {
  const std::string address = "inproc://monitor-" + name;
  Monitor monitor;
  if (zmq_socket_monitor(socket.handle(), address.c_str(), ZMQ_EVENT_DISCONNECTED) == 0) {
    monitor.handle_ = zmq_socket(context.handle(), ZMQ_PAIR);
  }
  if (monitor.handle_ == nullptr || zmq_connect(monitor.handle_, address.c_str()) != 0) {
    return Error{Errc::kInternal,
                 fmt::format("cannot watch {}: {}", name, zmq_strerror(zmq_errno()))};
  }
  const int none = 0;
  zmq_setsockopt(monitor.handle_, ZMQ_LINGER, &none, sizeof none);
  return monitor;
}

Monitor::~Monitor() {
  if (handle_ != nullptr) zmq_close(handle_);
}

Monitor::Monitor(Monitor&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

Monitor& Monitor::operator=(Monitor&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}

int Monitor::disconnects() {
  int count = 0;
  for (;;) {
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    const bool got = zmq_msg_recv(&frame, handle_, ZMQ_DONTWAIT) >= 0;
    std::uint16_t event = 0;
    const bool first = got && zmq_msg_more(&frame) != 0;  // the second frame is the address
    if (first && zmq_msg_size(&frame) >= sizeof event) {
      std::memcpy(&event, zmq_msg_data(&frame), sizeof event);
    }
    zmq_msg_close(&frame);
    if (!got) return count;
    if (event == ZMQ_EVENT_DISCONNECTED) ++count;
  }
}

}  // namespace flow::net
