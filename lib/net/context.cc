#include "net/context.h"

#include <zmq.h>

#include "base/check.h"

namespace flow::net {
namespace {
constexpr int kMaxSockets = 8192;
}

Context::Context() : handle_(zmq_ctx_new()) {
  FLOW_CHECK(handle_ != nullptr, "no ZeroMQ context");
  zmq_ctx_set(handle_, ZMQ_IO_THREADS, 1);
  zmq_ctx_set(handle_, ZMQ_MAX_SOCKETS, kMaxSockets);
  zmq_ctx_set(handle_, ZMQ_BLOCKY, 0);
}

Context::~Context() {
  while (zmq_ctx_term(handle_) != 0 && zmq_errno() == EINTR) {
  }
}

}  // namespace flow::net
