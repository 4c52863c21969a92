// Where the far ends of an external executor are: the grammar of `host` and `port`, and how the two
// are put together. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace flow::config {

struct Host {
  std::string place;  // tcp://10.0.0.7, tcp://[::1], ipc:///run/flow/a/gateway.ipc
  std::optional<std::uint16_t> port;
  bool is_path() const { return place.starts_with("ipc://"); }
};

// h, h:p, tcp://h:p, [v6]:p, ipc:///PATH or /PATH. kInvalidArgument says as a clause what is wrong.
Result<Host> parse_host(std::string_view text);

// One address a far end. A port that a host has itself wins, and a path needs none. As many hosts
// as ports: pairs; one of them once: it goes with each of the others. kInvalidArgument: the counts
// do not match, or a host is left without a port.
Result<std::vector<std::string>> pair_hosts(std::span<const Host> hosts,
                                            std::span<const std::uint16_t> ports);

}  // namespace flow::config
