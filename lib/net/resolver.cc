#include "net/resolver.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "net/loop.h"

namespace flow::net {
namespace {

constexpr std::string_view kTcp = "tcp://";

struct Parts {
  std::string host;
  std::string port;
};

std::optional<Parts> split_address(std::string_view address) {
  if (!address.starts_with(kTcp)) return std::nullopt;
  address.remove_prefix(kTcp.size());
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return Parts{std::string(address.substr(0, colon)), std::string(address.substr(colon + 1))};
}

const addrinfo* preferred(const addrinfo* found) {
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    if (each->ai_family == AF_INET) return each;
  }
  return found;
}

Result<std::string> look_up(const std::string& address) {
  const std::optional<Parts> parts = split_address(address);
  if (!parts) return Error{Errc::kNotFound, fmt::format("'{}' has no host", address)};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int rc = ::getaddrinfo(parts->host.c_str(), nullptr, &hints, &found);
  if (rc != 0) {
    return Error{Errc::kNotFound,
                 fmt::format("cannot look up host '{}': {}", parts->host, ::gai_strerror(rc))};
  }
  const addrinfo* one = preferred(found);
  std::array<char, 64> text{};
  ::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0,
                NI_NUMERICHOST);
  const bool v6 = one->ai_family == AF_INET6;
  ::freeaddrinfo(found);
  return fmt::format("{}{}{}{}:{}", kTcp, v6 ? "[" : "", text.data(), v6 ? "]" : "", parts->port);
}

}  // namespace

bool has_host_name(const std::string& address) {
  const std::optional<Parts> parts = split_address(address);
  if (!parts || parts->host.empty() || parts->host.front() == '[') return false;
  in_addr numeric{};
  return ::inet_pton(AF_INET, parts->host.c_str(), &numeric) != 1;
}

struct Resolver::Shared {
  Waker done;
  std::mutex mutex;
  std::optional<Result<std::string>> answer;
};

Resolver::Resolver() : shared_(std::make_shared<Shared>()) {}
Resolver::~Resolver() = default;

void Resolver::start(const std::string& address) {
  if (busy_) return;
  busy_ = true;
  std::thread([shared = shared_, address] {
    Result<std::string> answer = look_up(address);
    const std::lock_guard lock(shared->mutex);
    shared->answer.emplace(std::move(answer));
    shared->done.signal();
  }).detach();
}

int Resolver::fd() const {
  return shared_->done.fd();
}

std::optional<Result<std::string>> Resolver::take() {
  shared_->done.drain();
  const std::lock_guard lock(shared_->mutex);
  if (shared_->answer) busy_ = false;
  return std::exchange(shared_->answer, std::nullopt);
}

}  // namespace flow::net
