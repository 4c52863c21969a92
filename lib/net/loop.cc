#include "net/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/check.h"

namespace flow::net {
namespace {

constexpr Duration kLongestWait = std::chrono::hours(1);
constexpr std::size_t kEvents = 64;  // of one wait; others come with the next

timespec wait_time(Instant now, Instant until) {
  const Duration left =
      until == kNever ? kLongestWait : std::clamp(until - now, Duration{}, kLongestWait);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  return {static_cast<time_t>(seconds.count()), static_cast<long>((left - seconds).count())};
}

// Nothing: the socket is not there any more.
std::optional<int> option(void* socket, int name) {
  int value = 0;
  std::size_t size = sizeof value;
  while (zmq_getsockopt(socket, name, &value, &size) != 0) {
    if (zmq_errno() != EINTR) return std::nullopt;
  }
  return value;
}

int fd_of(void* socket) {
  const std::optional<int> fd = option(socket, ZMQ_FD);
  FLOW_CHECK(fd.has_value(), "a socket that is watched is open");
  return *fd;
}

int milliseconds_of(const timespec& time) {
  return static_cast<int>(time.tv_sec * 1000 + (time.tv_nsec + 999'999) / 1'000'000);
}

bool readable(void* socket) {
  return (option(socket, ZMQ_EVENTS).value_or(0) & ZMQ_POLLIN) != 0;
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

Loop::Loop(const Clock& clock) : clock_(clock), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  FLOW_CHECK(epoll_ >= 0, "epoll_create1 failed");
}

Loop::~Loop() {
  close(epoll_);
}

void Loop::watch(const Socket& socket, Handler handler) {
  *socket.quiet() = false;
  add(socket.handle(), fd_of(socket.handle()), socket.quiet(), std::move(handler));
}
void Loop::watch(const Monitor& monitor, Handler handler) {
  add(monitor.handle(), fd_of(monitor.handle()), std::make_shared<bool>(false), std::move(handler));
}
void Loop::watch_fd(int fd, Handler handler) {
  add(nullptr, fd, nullptr, std::move(handler));
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

void Loop::add(void* socket, int fd, std::shared_ptr<bool> quiet, Handler handler) {
  const auto& source = sources_.emplace_back(
      std::make_shared<Source>(Source{socket, fd, std::move(quiet), std::move(handler)}));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = source.get();
  FLOW_CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0, "the descriptor cannot be watched");
  changed_ = true;
}

void Loop::remove(void* socket, int fd) {
  std::erase_if(sources_, [&](const std::shared_ptr<Source>& source) {
    const bool meant = socket != nullptr ? source->socket == socket
                                         : source->socket == nullptr && source->fd == fd;
    // A descriptor that was closed has left by itself.
    if (meant) epoll_ctl(epoll_, EPOLL_CTL_DEL, source->fd, nullptr);
    return meant;
  });
  changed_ = true;
}

// A ZeroMQ descriptor tells of changes, not of messages: what ZMQ_EVENTS says counts, and asking
// for it re-arms the descriptor. Sending takes the news away as well. So every socket is asked
// before each wait, but those that are quiet: asking costs three system calls.
bool Loop::any_pending() {
  bool any = false;
  for (const auto& source : sources_) {
    if (source->socket == nullptr) continue;
    if (!*source->quiet) *source->quiet = !readable(source->socket);
    any = any || !*source->quiet;
  }
  return any;
}

// Marks what fired; how many did.
int Loop::wait(bool pending, Instant until) {
  std::array<epoll_event, kEvents> events;
  const timespec time = pending ? timespec{} : wait_time(clock_.now(), until);
  const bool for_ever = !pending && until == kNever;
  int ready = epoll_pwait2(epoll_, events.data(), kEvents, for_ever ? nullptr : &time, nullptr);
  if (ready < 0 && errno != EINTR)  // not before Linux 5.11, or not allowed: a millisecond later
    ready = epoll_wait(epoll_, events.data(), kEvents, for_ever ? -1 : milliseconds_of(time));
  for (int i = 0; i < ready; ++i)
    static_cast<Source*>(events[static_cast<std::size_t>(i)].data.ptr)->fired = true;
  return ready;
}

// A handler that adds or removes sources ends it; what is left fires again.
void Loop::dispatch() {
  changed_ = false;
  for (std::size_t i = 0; i < sources_.size() && !changed_ && !stopping_; ++i) {
    const std::shared_ptr<Source> source = sources_[i];  // it may unwatch itself
    const bool fired = std::exchange(source->fired, false);
    if (!fired && (source->socket == nullptr || *source->quiet)) continue;
    if (source->socket != nullptr) *source->quiet = false;  // unless it is found empty
    source->handler();
  }
}

void Loop::run(const BeforeWait& before_wait) {
  while (!stopping_) {
    const Instant until = before_wait(clock_.now());
    if (stopping_) break;
    const bool pending = any_pending();
    if (wait(pending, until) > 0 || pending) dispatch();
  }
  stopping_ = false;
}

}  // namespace flow::net
