// Tells systemd how a service is: READY=1, STATUS=…, STOPPING=1, WATCHDOG=1, lines joined by \n.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/time.h"

namespace flow {

// One datagram to $NOTIFY_SOCKET; nothing without one. Never blocks; a lost one is no error.
inline void notify_supervisor(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  const std::size_t size = path == nullptr ? 0 : std::strlen(path);
  if (size < 2 || size >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@')) return;
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, size);
  if (path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  [[maybe_unused]] const auto sent = ::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                                              reinterpret_cast<const sockaddr*>(&address), length);
  ::close(fd);
}

// How often systemd wants WATCHDOG=1 at the latest ($WATCHDOG_USEC); 0: not at all.
inline Duration watchdog_interval() {
  const char* text = std::getenv("WATCHDOG_USEC");
  const long long us = text == nullptr ? 0 : std::atoll(text);
  return std::chrono::microseconds(us > 0 ? us : 0);
}

}  // namespace flow
