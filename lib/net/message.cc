#include <cstring>

#include "base/check.h"
#include "net/message_internal.h"

namespace flow::net {
namespace {

// Below this a copy is cheaper than sharing.
constexpr std::size_t kShareAbove = 1024;

// A zmq_msg_t has 64 bytes and may keep what fits inside.
constexpr std::size_t kInsideUpTo = sizeof(zmq_msg_t);

// A message that was received. It is moved in by copying its 64 bytes: what zmq_msg_move() does in
// libzmq, behind two calls more.
struct Message {
  explicit Message(const zmq_msg_t& received) : message(received) {}
  ~Message() { zmq_msg_close(&message); }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  zmq_msg_t message;
};

void release_bytes(void* /*data*/, void* hint) {
  delete static_cast<Bytes*>(hint);
}

}  // namespace

Bytes wrap_message(zmq_msg_t& message) {
  const std::span bytes(static_cast<const std::byte*>(zmq_msg_data(&message)),
                        zmq_msg_size(&message));
  // Only the smallest messages have their bytes inside: those do not stay where they are.
  if (bytes.size() > kInsideUpTo) return Bytes::keep<Message>(bytes, message);
  Bytes copy = Bytes::copy_of(bytes);
  zmq_msg_close(&message);
  return copy;
}

void unwrap_message(const Bytes& bytes, zmq_msg_t& message) {
  if (bytes.size() <= kShareAbove) {
    FLOW_CHECK(zmq_msg_init_size(&message, bytes.size()) == 0, "out of memory");
    if (!bytes.empty()) std::memcpy(zmq_msg_data(&message), bytes.data(), bytes.size());
    return;
  }
  auto keeper = std::make_unique<Bytes>(bytes);
  void* data = const_cast<std::byte*>(keeper->data());  // NOLINT: ZeroMQ only reads it
  FLOW_CHECK(zmq_msg_init_data(&message, data, bytes.size(), release_bytes, keeper.get()) == 0,
             "out of memory");
  (void)keeper.release();  // release_bytes deletes it
}

}  // namespace flow::net
