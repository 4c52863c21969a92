#include "config/settings.h"

#include <fmt/format.h>

namespace flow::config {
namespace {

std::string get(const EnvLookup& environment, std::string_view name) {
  return environment(name).value_or("");
}

}  // namespace

std::string run_directory(const EnvLookup& environment, std::uint32_t uid) {
  if (std::string own = get(environment, "FLOW_RUN_DIR"); !own.empty()) return own;
  const std::string runtime = get(environment, "XDG_RUNTIME_DIR");
  if (!runtime.empty()) return runtime + "/flow";
  return uid == 0 ? "/run/flow" : fmt::format("/tmp/flow-{}", uid);
}

std::string flow_directory(std::string_view run_directory, std::string_view flow) {
  return fmt::format("{}/{}", run_directory, flow);
}

Result<std::string> state_directory(const EnvLookup& environment, std::uint32_t uid) {
  if (std::string own = get(environment, "FLOW_STATE_DIR"); !own.empty()) return own;
  const std::string state = get(environment, "XDG_STATE_HOME");
  if (!state.empty()) return state + "/flow";
  if (uid == 0) return std::string("/var/lib/flow");
  const std::string home = get(environment, "HOME");
  if (!home.empty()) return home + "/.local/state/flow";
  return Error{Errc::kInvalidArgument,
               "no place for workspaces: set FLOW_STATE_DIR, XDG_STATE_HOME or HOME"};
}

std::string workspace_directory(std::string_view base, std::string_view flow,
                                std::string_view executor, std::uint32_t shard,
                                std::uint32_t replica) {
  return fmt::format("{}/{}/{}/{}/{}", base, flow, executor, shard, replica);
}

}  // namespace flow::config
