// Addresses that a process of ours listens at. Pure.
#pragma once

#include <string>
#include <string_view>

namespace flow {

// A path a unix socket can have: absolute, and short enough. Empty, or what is wrong, as a clause.
std::string check_socket_path(std::string_view path);

// tcp://HOST:PORT with a numeric host, ipc:///PATH. Hosts beyond loopback only where `insecure`;
// `permit` says how that is said. Empty, or what is wrong, as a clause.
std::string check_listen_address(std::string_view text, bool insecure, std::string_view permit);

}  // namespace flow
