#include "net/socket.h"

#include <fmt/format.h>
#include <unistd.h>
#include <zmq.h>

#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "net/message_internal.h"

namespace flow::net {
namespace {

constexpr int kPeerIdSize = 5;  // ZeroMQ's own: a zero byte and a 32-bit number
constexpr int kMilliseconds = 1'000'000;
constexpr std::size_t kMaxIpcPath = 107;
constexpr int kClientUnread = 64;  // messages of one client that wait here; further ones wait there

int zmq_type(SocketType type) {
  switch (type) {
    case SocketType::kPush: return ZMQ_PUSH;
    case SocketType::kPull: return ZMQ_PULL;
    case SocketType::kRouter: return ZMQ_ROUTER;
    case SocketType::kDealer: return ZMQ_DEALER;
    case SocketType::kXpub: return ZMQ_XPUB;
    case SocketType::kSub: return ZMQ_SUB;
  }
  return ZMQ_PUSH;
}

void set(void* socket, int option, int value) {
  FLOW_CHECK(zmq_setsockopt(socket, option, &value, sizeof value) == 0, "socket option refused");
}

// The reasons for these options are the traps of libzmq 4.3.4; docs/decisions tells them.
void configure(void* socket, SocketType type, const SocketOptions& options) {
  // All a subscriber may have unsent are subscriptions; nobody misses them.
  const bool lingers = options.traffic != Traffic::kControl && type != SocketType::kSub;
  const auto linger = static_cast<int>(options.linger.count() / kMilliseconds);
  set(socket, ZMQ_LINGER, lingers ? linger : 0);
  set(socket, ZMQ_SNDHWM, options.traffic == Traffic::kClient ? options.client_queue : 0);
  set(socket, ZMQ_RCVHWM, options.traffic == Traffic::kClient ? kClientUnread : 0);
  set(socket, ZMQ_IMMEDIATE, 0);
  set(socket, ZMQ_RECONNECT_IVL, options.traffic == Traffic::kControl ? 10 : 20);
  set(socket, ZMQ_RECONNECT_IVL_MAX, options.traffic == Traffic::kControl ? 200 : 2000);
  set(socket, ZMQ_CONNECT_TIMEOUT, 1000);
  set(socket, ZMQ_HANDSHAKE_IVL, 5000);
  set(socket, ZMQ_BACKLOG, 512);
  set(socket, ZMQ_TCP_KEEPALIVE, 1);
  set(socket, ZMQ_TCP_KEEPALIVE_IDLE, 10);
  set(socket, ZMQ_TCP_KEEPALIVE_INTVL, 3);
  set(socket, ZMQ_TCP_KEEPALIVE_CNT, 3);
  const auto limit = static_cast<std::int64_t>(options.max_message);
  FLOW_CHECK(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &limit, sizeof limit) == 0,
             "socket option refused");
  if (type == SocketType::kRouter) set(socket, ZMQ_ROUTER_MANDATORY, 1);
}

std::string_view ipc_path(std::string_view address) {
  constexpr std::string_view kIpc = "ipc://";
  return address.starts_with(kIpc) ? address.substr(kIpc.size()) : std::string_view();
}

Error failed(std::string_view what, const std::string& address, int error) {
  return Error{Errc::kUnavailable,
               fmt::format("cannot {} {}: {}", what, address, zmq_strerror(error))};
}

Sent sent_error(int error) {
  switch (error) {
    case EHOSTUNREACH: return Sent::kNoPeer;
    case EAGAIN: return Sent::kFull;
    default: return Sent::kClosed;
  }
}

Sent send_message(void* socket, zmq_msg_t& message, int flags) {
  for (;;) {
    if (zmq_msg_send(&message, socket, flags | ZMQ_DONTWAIT) >= 0) return Sent::kSent;
    if (const int error = zmq_errno(); error != EINTR) {
      zmq_msg_close(&message);
      return sent_error(error);
    }
  }
}

void copy_first(const Frames& frames, zmq_msg_t& first) {
  const std::size_t size = frames.head.size() + frames.tail.size();
  FLOW_CHECK(zmq_msg_init_size(&first, size) == 0, "out of memory");
  auto* data = static_cast<std::byte*>(zmq_msg_data(&first));
  if (!frames.head.empty()) std::memcpy(data, frames.head.data(), frames.head.size());
  if (!frames.tail.empty())
    std::memcpy(data + frames.head.size(), frames.tail.data(), frames.tail.size());
}

Sent send_frames(void* socket, const Frames& frames) {
  zmq_msg_t first;
  if (frames.kept != nullptr) {
    unwrap_message(*frames.kept, first);
  } else {
    copy_first(frames, first);
  }
  std::size_t left = frames.payloads.size();
  Sent sent = send_message(socket, first, left == 0 ? 0 : ZMQ_SNDMORE);
  for (const Bytes& payload : frames.payloads) {
    if (sent != Sent::kSent) break;
    zmq_msg_t next;
    unwrap_message(payload, next);
    sent = send_message(socket, next, --left == 0 ? 0 : ZMQ_SNDMORE);
  }
  return sent;
}

Sent send_peer(void* socket, PeerId peer) {
  std::array<unsigned char, kPeerIdSize> id{};
  std::memcpy(id.data() + 1, &peer.value, sizeof peer.value);
  zmq_msg_t message;
  FLOW_CHECK(zmq_msg_init_size(&message, id.size()) == 0, "out of memory");
  std::memcpy(zmq_msg_data(&message), id.data(), id.size());
  return send_message(socket, message, ZMQ_SNDMORE);
}

}  // namespace

Socket::~Socket() {
  close();
}

Socket::Socket(Socket&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      quiet_(std::move(other.quiet_)),
      publishes_(other.publishes_),
      dropped_(other.dropped_),
      ipc_path_(std::move(other.ipc_path_)) {
  other.ipc_path_.clear();
}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this == &other) return *this;
  close();
  handle_ = std::exchange(other.handle_, nullptr);
  quiet_ = std::move(other.quiet_);
  publishes_ = other.publishes_;
  dropped_ = other.dropped_;
  ipc_path_ = std::exchange(other.ipc_path_, std::string());
  return *this;
}

Result<Socket> Socket::open(Context& context, SocketType type, const SocketOptions& options) {
  Socket socket;
  socket.handle_ = zmq_socket(context.handle(), zmq_type(type));
  if (socket.handle_ == nullptr) {
    return Error{Errc::kInternal,
                 fmt::format("cannot make a socket: {} (raise the limit of open files)",
                             zmq_strerror(zmq_errno()))};
  }
  configure(socket.handle_, type, options);
  socket.publishes_ = type == SocketType::kXpub;
  return socket;
}

Result<std::string> Socket::bind(const std::string& address) {
  const std::string_view path = ipc_path(address);
  if (path.size() > kMaxIpcPath) {
    return Error{
        Errc::kInvalidArgument,
        fmt::format("cannot bind {}: the path has {} bytes, at most {} fit; choose a shorter run "
                    "directory (FLOW_RUN_DIR)",
                    address, path.size(), kMaxIpcPath)};
  }
  if (!path.empty() && probe(address) == Listening::kYes) {
    return Error{Errc::kUnavailable,
                 fmt::format("cannot bind {}: another process listens there", address)};
  }
  *quiet_ = false;
  if (zmq_bind(handle_, address.c_str()) != 0) return failed("bind", address, zmq_errno());
  if (!path.empty()) ipc_path_ = path;
  std::array<char, 256> bound{};
  std::size_t size = bound.size();
  if (zmq_getsockopt(handle_, ZMQ_LAST_ENDPOINT, bound.data(), &size) != 0) {
    return failed("bind", address, zmq_errno());
  }
  return std::string(bound.data());
}

Status Socket::connect(const std::string& address) {
  *quiet_ = false;
  if (zmq_connect(handle_, address.c_str()) != 0) return failed("connect to", address, zmq_errno());
  return {};
}

Status Socket::disconnect(const std::string& address) {
  *quiet_ = false;
  if (zmq_disconnect(handle_, address.c_str()) != 0)
    return failed("disconnect", address, zmq_errno());
  return {};
}

Sent Socket::send(const Frames& frames) {
  if (!publishes_) *quiet_ = false;
  return send_frames(handle_, frames);
}

Sent Socket::send(const Bytes& frame) {
  if (!publishes_) *quiet_ = false;
  zmq_msg_t message;
  unwrap_message(frame, message);
  return send_message(handle_, message, 0);
}

Sent Socket::send_to(PeerId peer, const Frames& frames) {
  *quiet_ = false;
  const Sent sent = send_peer(handle_, peer);
  return sent == Sent::kSent ? send_frames(handle_, frames) : sent;
}

Sent Socket::send_to(PeerId peer, const Bytes& frame) {
  *quiet_ = false;
  const Sent sent = send_peer(handle_, peer);
  return sent == Sent::kSent ? send(frame) : sent;
}

// A receive that fails by EAGAIN has emptied the socket's mailbox, too: the next message will be
// signalled.
bool Socket::receive_frames(Received& message) {
  *quiet_ = false;
  message.frames = 0;
  message.second.clear();
  message.others.clear();
  for (;;) {
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    const int flags = message.frames == 0 ? ZMQ_DONTWAIT : 0;
    if (zmq_msg_recv(&frame, handle_, flags) < 0) {
      const int error = zmq_errno();
      zmq_msg_close(&frame);
      if (error == EINTR) continue;
      *quiet_ = error == EAGAIN && message.frames == 0;
      return false;
    }
    const bool more = zmq_msg_more(&frame) != 0;
    ++message.frames;
    if (message.frames == 1) {
      message.first = wrap_message(frame);
    } else if (message.frames == 2) {
      message.second = wrap_message(frame);
    } else if (message.frames <= kMaxFrames) {
      message.others.push_back(wrap_message(frame));
    } else {
      zmq_msg_close(&frame);
    }
    if (!more) return true;
  }
}

bool Socket::receive(Received& message) {
  return receive_frames(message);
}

bool Socket::receive_from(PeerId& peer, Received& message) {
  for (;;) {
    zmq_msg_t id;
    zmq_msg_init(&id);
    if (zmq_msg_recv(&id, handle_, ZMQ_DONTWAIT) < 0) {
      const int error = zmq_errno();
      zmq_msg_close(&id);
      if (error == EINTR) continue;
      *quiet_ = error == EAGAIN;
      return false;
    }
    *quiet_ = false;
    // A peer that chose its own id could otherwise pass as another one.
    const bool ours = zmq_msg_size(&id) == kPeerIdSize && zmq_msg_more(&id) != 0 &&
                      *static_cast<const char*>(zmq_msg_data(&id)) == 0;
    if (ours) {
      std::memcpy(&peer.value, static_cast<const char*>(zmq_msg_data(&id)) + 1, sizeof peer.value);
    }
    const bool more = zmq_msg_more(&id) != 0;
    zmq_msg_close(&id);
    if (more && !receive_frames(message)) return false;
    if (ours) return true;
    ++dropped_;
  }
}

void Socket::subscribe(std::string_view topic) {
  *quiet_ = false;
  FLOW_CHECK(zmq_setsockopt(handle_, ZMQ_SUBSCRIBE, topic.data(), topic.size()) == 0,
             "subscribe refused");
}

void Socket::unsubscribe(std::string_view topic) {
  *quiet_ = false;
  FLOW_CHECK(zmq_setsockopt(handle_, ZMQ_UNSUBSCRIBE, topic.data(), topic.size()) == 0,
             "unsubscribe refused");
}

void Socket::close() {
  if (handle_ == nullptr) return;
  zmq_close(std::exchange(handle_, nullptr));
  if (!ipc_path_.empty()) unlink(ipc_path_.c_str());
  ipc_path_.clear();
}

}  // namespace flow::net
