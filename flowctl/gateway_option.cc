#include "flowctl/gateway_option.h"

#include <fmt/format.h>

#include "net/socket.h"

namespace flow::flowctl {

Result<std::string> find_gateway(const std::string& flow, const std::string& gateway) {
  if (!gateway.empty()) return gateway;
  Result<FoundFlow> found = choose_flow(run_root(), flow);
  if (!found) return std::move(found).error();
  if (!found->supervised) {
    return Error{Errc::kNotFound, fmt::format("flow '{}' does not run", found->name)};
  }
  Result<Endpoints> endpoints = read_endpoints(found->dir);
  if (!endpoints) return std::move(endpoints).error();
  if (endpoints->gateway.empty()) {
    return Error{Errc::kUnavailable,
                 fmt::format("flow '{}' is starting, its gateway is not there yet", found->name)};
  }
  return endpoints->gateway;
}

Result<Client> connect_gateway(const std::string& address, const ClientOptions& options) {
  if (net::probe(address) == net::Listening::kRefused) {
    return Error{Errc::kUnavailable, fmt::format("nobody listens at {}", address)};
  }
  return Client::connect(address, options);
}

}  // namespace flow::flowctl
