#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "net/socket.h"

namespace flow::net {
namespace {

// For tcp: on the same host the answer is there at once, over a network it may take a round trip.
constexpr int kPatienceMs = 5;

Listening try_connect(const sockaddr* address, socklen_t size) {
  const int fd = ::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Listening::kUnknown;
  const int rc = ::connect(fd, address, size);
  int error = rc == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd waiting{fd, POLLOUT, 0};
    socklen_t length = sizeof error;
    if (::poll(&waiting, 1, kPatienceMs) == 1)
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  }
  ::close(fd);
  if (error == 0) return Listening::kYes;
  return error == ECONNREFUSED || error == ENOENT ? Listening::kRefused : Listening::kUnknown;
}

Listening probe_ipc(std::string_view path) {
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof address.sun_path) return Listening::kUnknown;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return try_connect(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Listening probe_tcp(std::string_view host_port) {
  const auto colon = host_port.rfind(':');
  if (colon == std::string_view::npos) return Listening::kUnknown;
  std::uint16_t port = 0;
  const std::string_view digits = host_port.substr(colon + 1);
  if (std::from_chars(digits.data(), digits.data() + digits.size(), port).ec != std::errc()) {
    return Listening::kUnknown;
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  const std::string host(host_port.substr(0, colon));
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return Listening::kUnknown;
  return try_connect(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

}  // namespace

Listening probe(const std::string& address) {
  constexpr std::string_view kIpc = "ipc://";
  constexpr std::string_view kTcp = "tcp://";
  const std::string_view text = address;
  if (text.starts_with(kIpc)) return probe_ipc(text.substr(kIpc.size()));
  if (text.starts_with(kTcp)) return probe_tcp(text.substr(kTcp.size()));
  return Listening::kUnknown;
}

}  // namespace flow::net
