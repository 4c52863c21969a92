#include "config/host_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/address.h"

namespace flow::config {
namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kIpc = "ipc://";
constexpr std::size_t kMaxHostName = 253;

Error wrong(std::string message) {
  return Error{Errc::kInvalidArgument, std::move(message)};
}

Result<std::uint16_t> parse_port(std::string_view text) {
  unsigned port = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, port);
  if (read.ec != std::errc() || read.ptr != end || port < 1 || port > 65535)
    return wrong(fmt::format("'{}' is no port from 1 to 65535", text));
  return static_cast<std::uint16_t>(port);
}

bool is_host_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !text.empty() && text.size() <= kMaxHostName && text.front() != '-' &&
         std::ranges::all_of(text, fits);
}

bool is_v6(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' ||
           c == '.';
  };
  return std::ranges::count(text, ':') >= 2 && std::ranges::all_of(text, fits);
}

Result<Host> parse_path(std::string_view path) {
  if (std::string fault = check_socket_path(path); !fault.empty()) return wrong(std::move(fault));
  return Host{fmt::format("ipc://{}", path), std::nullopt};
}

// `rest` is what stands behind the host: nothing, or ":7001".
Result<Host> with_port(Host host, std::string_view rest) {
  if (rest.empty()) return host;
  if (rest.front() != ':') return wrong(fmt::format("'{}' is no port", rest));
  const Result<std::uint16_t> port = parse_port(rest.substr(1));
  if (!port) return port.error();
  host.port = *port;
  return host;
}

}  // namespace

Result<Host> parse_host(std::string_view text) {
  if (text.starts_with('/')) return parse_path(text);
  if (text.starts_with(kIpc)) return parse_path(text.substr(kIpc.size()));
  if (text.starts_with(kTcp)) text.remove_prefix(kTcp.size());
  if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) {
    return wrong(fmt::format("a flow is not reached by {}, but by tcp:// or ipc://",
                             text.substr(0, scheme + 3)));
  }
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || !is_v6(text.substr(1, end - 1)))
      return wrong("between [ and ] must be an IPv6 address");
    return with_port({fmt::format("tcp://{}", text.substr(0, end + 1)), std::nullopt},
                     text.substr(end + 1));
  }
  if (is_v6(text)) return wrong("an IPv6 address is written in brackets: [::1]:7001");
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  if (!is_host_name(name)) return wrong(fmt::format("'{}' is no name of a host", name));
  return with_port({fmt::format("tcp://{}", name), std::nullopt},
                   colon == std::string_view::npos ? std::string_view() : text.substr(colon));
}

Result<std::vector<std::string>> pair_hosts(std::span<const Host> hosts,
                                            std::span<const std::uint16_t> ports) {
  const auto complete = [](const Host& host) { return host.is_path() || host.port; };
  const bool needs_ports = !std::ranges::all_of(hosts, complete);
  const std::size_t count = needs_ports ? std::max(hosts.size(), ports.size()) : hosts.size();
  if (needs_ports && ports.empty()) {
    const Host& bare = *std::ranges::find_if_not(hosts, complete);
    return wrong(fmt::format("host '{}' has no port", bare.place.substr(kTcp.size())));
  }
  if (needs_ports && hosts.size() != ports.size() && hosts.size() != 1 && ports.size() != 1) {
    return wrong(fmt::format("number of hosts ({}) does not match the number of ports ({})",
                             hosts.size(), ports.size()));
  }
  std::vector<std::string> addresses;
  for (std::size_t i = 0; i < count; ++i) {
    const Host& host = hosts[hosts.size() == 1 ? 0 : i];
    if (host.is_path()) {
      addresses.push_back(host.place);
    } else {
      const std::uint16_t port = host.port ? *host.port : ports[ports.size() == 1 ? 0 : i];
      addresses.push_back(fmt::format("{}:{}", host.place, port));
    }
  }
  return addresses;
}

}  // namespace flow::config
