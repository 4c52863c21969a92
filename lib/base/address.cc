#include "base/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <charconv>

namespace flow {
namespace {

constexpr std::size_t kMaxSocketPath = 107;

bool is_port(std::string_view text) {
  unsigned number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() && number <= 65535;
}

}  // namespace

std::string check_socket_path(std::string_view path) {
  if (!path.starts_with('/')) return "the path must begin with /";
  if (path.size() > kMaxSocketPath) {
    return fmt::format("the path has {} characters, a socket's has at most {}", path.size(),
                       kMaxSocketPath);
  }
  return {};
}

std::string check_listen_address(std::string_view text, bool insecure, std::string_view permit) {
  if (text.starts_with("ipc://")) return check_socket_path(text.substr(6));
  if (!text.starts_with("tcp://")) return "it must begin with tcp:// or ipc://";
  const std::size_t colon = text.rfind(':');
  if (colon < 6 || !is_port(text.substr(colon + 1)))
    return "a port from 0 to 65535 must be at its end";
  const std::string_view host = text.substr(6, colon - 6);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  const std::string name(bracketed ? host.substr(1, host.size() - 2) : host);
  std::array<unsigned char, 16> address{};
  if (::inet_pton(bracketed ? AF_INET6 : AF_INET, name.c_str(), address.data()) != 1) {
    return fmt::format("the host '{}' must be a numeric address", host);
  }
  const bool loopback = bracketed ? name == "::1" : address[0] == 127;
  if (loopback || insecure) return {};
  return fmt::format("everyone on the network could use it; `{}` permits it", permit);
}

}  // namespace flow
