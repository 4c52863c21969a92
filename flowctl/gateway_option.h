// Which gateway a command talks to: --gateway, or the one of a running flow.
#pragma once

#include <string>

#include "base/result.h"
#include "flow/client.h"
#include "flowctl/run_dir.h"

namespace flow::flowctl {

// The address of the gateway. kUnavailable, kNotFound or kInvalidArgument (several run) say what to
// do.
Result<std::string> find_gateway(const std::string& flow, const std::string& gateway);

// Connects; at once kUnavailable when surely nobody listens there.
Result<Client> connect_gateway(const std::string& address, const ClientOptions& options);

}  // namespace flow::flowctl
