// endpoints.json in a flow's run directory: where a running flow is reached, and its processes.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace flow::flowctl {

// The supervisor's own name among the pids.
inline constexpr std::string_view kSupervisorName = "supervisor";

struct Endpoints {
  std::string flow;
  std::string gateway;  // empty ones are null in the file
  std::string broker;
  std::string redis;
  std::string http;
  std::vector<std::pair<std::string, pid_t>> pids;
};

std::string endpoints_json(const Endpoints& endpoints);
Result<Endpoints> parse_endpoints(std::string_view text);

// Reads <dir>/endpoints.json. kNotFound when there is none.
Result<Endpoints> read_endpoints(const std::string& dir);

// Replaces it: a reader sees the old or the new file, never a part.
Status write_endpoints(const std::string& dir, const Endpoints& endpoints);

}  // namespace flow::flowctl
