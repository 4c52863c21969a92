// The event loop of one thread: sockets, file descriptors and one time to wake up at.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/time.h"
#include "net/socket.h"

namespace flow::net {

// Wakes a Loop from another thread. signal() from any thread; the rest on the loop's.
class Waker {
 public:
  Waker();
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  void signal();
  void drain();
  int fd() const { return fd_; }

 private:
  int fd_;
};

// Handlers run on the thread that calls run(). A handler is called when its source is readable and
// should take a bounded number of messages (some hundred, say); it is called again if more wait.
class Loop {
 public:
  using Handler = std::function<void()>;

  // `before_wait(now)` runs before each wait: does what is due and returns when it wants to run
  // next, kNever for only when something arrives.
  using BeforeWait = std::function<Instant(Instant)>;

  explicit Loop(const Clock& clock);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void watch(const Socket& socket, Handler handler);
  void watch(const Monitor& monitor, Handler handler);
  void watch_fd(int fd, Handler handler);
  void unwatch(const Socket& socket);
  void unwatch(const Monitor& monitor);
  void unwatch_fd(int fd);

  // Until stop(), which ends one run. Must not be called from a handler. While a `before_wait` has
  // not returned another thread may run the loop, one at a time.
  void run(const BeforeWait& before_wait);
  void stop() { stopping_ = true; }

 private:
  struct Source {
    void* socket;  // null: a plain descriptor
    int fd;
    std::shared_ptr<bool> quiet;  // Socket::quiet()
    Handler handler;
    bool fired = false;
  };
  void add(void* socket, int fd, std::shared_ptr<bool> quiet, Handler handler);
  void remove(void* socket, int fd);
  bool any_pending();
  int wait(bool pending, Instant until);
  void dispatch();

  const Clock& clock_;
  const int epoll_;
  std::vector<std::shared_ptr<Source>> sources_;
  bool changed_ = false;  // sources_, since a dispatch began
  bool stopping_ = false;
};

}  // namespace flow::net
