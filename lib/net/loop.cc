#include "net/loop.h"

#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>

#include "base/check.h"

namespace flow::net {
namespace {

constexpr std::int64_t kMilliseconds = 1'000'000;
constexpr std::int64_t kLongestWait = 3'600'000;

// Rounded up, so that a wait never ends before its time and spins.
long wait_ms(Instant now, Instant until) {
  if (until == kNever) return -1;
  const std::int64_t left = (until - now).count();
  if (left <= 0) return 0;
  return static_cast<long>(std::min((left + kMilliseconds - 1) / kMilliseconds, kLongestWait));
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
  add({socket.handle(), -1, std::move(handler)});
}
void Loop::watch(const Monitor& monitor, Handler handler) {
  add({monitor.handle(), -1, std::move(handler)});
}
void Loop::watch_fd(int fd, Handler handler) {
  add({nullptr, fd, std::move(handler)});
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

void Loop::add(Source source) {
  sources_.push_back(std::move(source));
  changed_ = true;
}

void Loop::remove(void* socket, int fd) {
  std::erase_if(sources_, [&](const Source& s) { return s.socket == socket && s.fd == fd; });
  changed_ = true;
}

void Loop::run(const BeforeWait& before_wait) {
  std::vector<zmq_pollitem_t> items;
  while (!stopping_) {
    const Instant until = before_wait(clock_.now());
    if (stopping_) return;
    if (changed_) {
      items.clear();
      for (const Source& source : sources_)
        items.push_back({source.socket, source.fd, ZMQ_POLLIN, 0});
      changed_ = false;
    }
    const long timeout = until == kNever ? -1 : wait_ms(clock_.now(), until);
    const int ready = zmq_poll(items.data(), static_cast<int>(items.size()), timeout);
    if (ready < 0 && zmq_errno() == ETERM) return;
    if (ready <= 0) continue;
    for (std::size_t i = 0; i < items.size() && !changed_; ++i) {
      if ((items[i].revents & ZMQ_POLLIN) != 0) sources_[i].handler();
    }
  }
}

}  // namespace flow::net
