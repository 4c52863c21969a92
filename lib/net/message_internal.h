// Bytes that are a ZeroMQ message, and back. Inside this folder only.
#pragma once

#include <zmq.h>

#include "base/bytes.h"

namespace flow::net {

// Takes the message over: it must not be used or closed any more.
Bytes wrap_message(zmq_msg_t& message);

// Makes `message` (uninitialised) carry `bytes` without copying them, unless they are small.
void unwrap_message(const Bytes& bytes, zmq_msg_t& message);

}  // namespace flow::net
