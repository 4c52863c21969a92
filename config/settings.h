// Where a flow keeps what it makes: the run directory (sockets, logs, endpoints.json) and the
// workspaces of executors. Pure: the environment and the user come in as arguments.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/environment.h"

namespace flow::config {

// $FLOW_RUN_DIR, else $XDG_RUNTIME_DIR/flow, else /run/flow (root) or /tmp/flow-<uid>. A variable
// that is empty counts as unset.
std::string run_directory(const EnvLookup& environment, std::uint32_t uid);

// The folder of one flow in it.
std::string flow_directory(std::string_view run_directory, std::string_view flow);

// $FLOW_STATE_DIR, else $XDG_STATE_HOME/flow, else /var/lib/flow (root) or ~/.local/state/flow.
// kInvalidArgument when nothing of this is known: no HOME.
Result<std::string> state_directory(const EnvLookup& environment, std::uint32_t uid);

// <base>/<flow>/<executor>/<shard>/<replica>. It outlives the flow's processes.
std::string workspace_directory(std::string_view base, std::string_view flow,
                                std::string_view executor, std::uint32_t shard,
                                std::uint32_t replica);

}  // namespace flow::config
