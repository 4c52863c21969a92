#include "net/loop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>

#include "base/check.h"

namespace flow::net {
namespace {

constexpr Duration kLongestWait = std::chrono::hours(1);

timespec wait_time(Instant now, Instant until) {
  const Duration left =
      until == kNever ? kLongestWait : std::clamp(until - now, Duration{}, kLongestWait);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  return {static_cast<time_t>(seconds.count()), static_cast<long>((left - seconds).count())};
}

int option(void* socket, int name) {
  int value = 0;
  std::size_t size = sizeof value;
  return zmq_getsockopt(socket, name, &value, &size) == 0 ? value : 0;
}

bool readable(void* socket) {
  return (option(socket, ZMQ_EVENTS) & ZMQ_POLLIN) != 0;
}

}  // namespace

Waker::Waker() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  FLOW_CHECK(fd_ >= 0, "eventfd failed");
}
Waker::~Waker() {
  close(fd_);
}

void Waker::signal() {
  const std::uint64_t one = 1;
  if (write(fd_, &one, sizeof one) < 0) return;  // full: it is readable already
}

void Waker::drain() {
  std::uint64_t count = 0;
  if (read(fd_, &count, sizeof count) < 0) return;  // nothing to take
}

void Loop::watch(const Socket& socket, Handler handler) {
  *socket.quiet() = false;
  add(socket.handle(), socket.quiet(), std::move(handler));
}
void Loop::watch(const Monitor& monitor, Handler handler) {
  add(monitor.handle(), std::make_shared<bool>(false), std::move(handler));
}
void Loop::watch_fd(int fd, Handler handler) {
  sources_.push_back({nullptr, fd, nullptr, std::make_shared<Handler>(std::move(handler))});
  changed_ = true;
}
void Loop::unwatch(const Socket& socket) {
  remove(socket.handle(), -1);
}
void Loop::unwatch(const Monitor& monitor) {
  remove(monitor.handle(), -1);
}
void Loop::unwatch_fd(int fd) {
  remove(nullptr, fd);
}

void Loop::add(void* socket, std::shared_ptr<bool> quiet, Handler handler) {
  int fd = -1;
  std::size_t size = sizeof fd;
  zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
  sources_.push_back({socket, fd, std::move(quiet), std::make_shared<Handler>(std::move(handler))});
  changed_ = true;
}

void Loop::remove(void* socket, int fd) {
  std::erase_if(sources_, [&](const Source& source) {
    return socket != nullptr ? source.socket == socket
                             : source.socket == nullptr && source.fd == fd;
  });
  changed_ = true;
}

// A ZeroMQ descriptor tells of changes, not of messages: what ZMQ_EVENTS says counts, and asking
// for it re-arms the descriptor. Sending takes the news away as well. So every socket is asked
// before each wait, but those that are quiet: asking costs three system calls.
bool Loop::any_pending() {
  bool any = false;
  for (const Source& source : sources_) {
    if (source.socket == nullptr) continue;
    if (!*source.quiet) *source.quiet = !readable(source.socket);
    any = any || !*source.quiet;
  }
  return any;
}

void Loop::dispatch() {
  for (std::size_t i = 0; i < items_.size() && !changed_ && !stopping_; ++i) {
    const Source& source = sources_[i];
    const bool fired = (items_[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
    if (!fired && (source.socket == nullptr || *source.quiet)) continue;
    if (source.socket != nullptr) *source.quiet = false;      // unless it is found empty
    const std::shared_ptr<Handler> handler = source.handler;  // it may unwatch itself
    (*handler)();
  }
}

void Loop::run(const BeforeWait& before_wait) {
  while (!stopping_) {
    const Instant until = before_wait(clock_.now());
    if (stopping_) break;
    if (changed_) {
      items_.clear();
      for (const Source& source : sources_)
        items_.push_back({source.fd, POLLIN, 0});
      changed_ = false;
    }
    const bool pending = any_pending();
    const timespec wait = pending ? timespec{} : wait_time(clock_.now(), until);
    const bool for_ever = !pending && until == kNever;
    const int ready = ppoll(items_.data(), items_.size(), for_ever ? nullptr : &wait, nullptr);
    if (ready < 0) {
      for (pollfd& item : items_)
        item.revents = 0;
    }
    if (ready > 0 || pending) dispatch();
  }
  stopping_ = false;
}

}  // namespace flow::net
