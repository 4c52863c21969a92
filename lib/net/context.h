// The process's one ZeroMQ context.
#pragma once

namespace flow::net {

// Owns the context: one I/O thread, up to 8,192 sockets. Outlives every socket made from it. Any
// thread may make sockets; each socket then belongs to one thread.
class Context {
 public:
  Context();
  ~Context();  // waits for sockets to be closed; sockets never linger longer than their option says
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void* handle() const { return handle_; }

 private:
  void* handle_;
};

}  // namespace flow::net
