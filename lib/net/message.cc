#include <cstring>

#include "base/check.h"
#include "net/message_internal.h"

namespace flow::net {
namespace {

// Below this a copy is cheaper than sharing.
constexpr std::size_t kShareAbove = 1024;

// A zmq_msg_t has 64 bytes and may keep what fits inside.
constexpr std::size_t kInsideUpTo = sizeof(zmq_msg_t);

zmq_msg_t* as_message(void* owner) {
  return static_cast<zmq_msg_t*>(owner);
}

// ZeroMQ's C functions take non-const messages also where they only read.
zmq_msg_t* as_message(const void* owner) {
  return static_cast<zmq_msg_t*>(const_cast<void*>(owner));  // NOLINT: see above
}

const Bytes::Ops kMessageOps = {
    .copy =
        [](const void* from, void* to) {
          zmq_msg_init(as_message(to));
          zmq_msg_copy(as_message(to), as_message(from));
        },
    .destroy = [](void* owner) noexcept { zmq_msg_close(as_message(owner)); },
};

void release_bytes(void* /*data*/, void* hint) {
  delete static_cast<Bytes*>(hint);
}

}  // namespace

// A message is moved by copying its 64 bytes: what zmq_msg_move() does in libzmq, behind two calls
// more. Only the smallest messages have their bytes inside.
Bytes wrap_message(zmq_msg_t& message) {
  static_assert(sizeof(zmq_msg_t) <= Bytes::kInlineOwner);
  const std::span bytes(static_cast<const std::byte*>(zmq_msg_data(&message)),
                        zmq_msg_size(&message));
  if (bytes.size() <= kInsideUpTo) {
    Bytes copy = Bytes::copy_of(bytes);
    zmq_msg_close(&message);
    return copy;
  }
  return Bytes::wrap(kMessageOps, bytes,
                     [&message](void* storage) { std::memcpy(storage, &message, sizeof message); });
}

void unwrap_message(const Bytes& bytes, zmq_msg_t& message) {
  if (const void* owner = bytes.owner(kMessageOps);
      owner != nullptr && zmq_msg_data(as_message(owner)) == bytes.data() &&
      zmq_msg_size(as_message(owner)) == bytes.size()) {
    zmq_msg_init(&message);
    zmq_msg_copy(&message, as_message(owner));
    return;
  }
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
