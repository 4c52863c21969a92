// The broker's status (contract: `status -o json`) as people see it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/value.h"

namespace flow::flowctl {

// The address clients use; the tcp one when there are several; empty when unknown.
std::string gateway_address(const ValueMap& status);

// "ready", "starting", …; empty when the status does not say.
std::string flow_state(const ValueMap& status);

// The names of the instances, one a line; of an executor without any, its own.
std::string status_names(const ValueMap& status);

// The instances as JSON lines, each with its `executor` and what that `uses` in front.
std::string status_lines(const ValueMap& status);

// The flow's line, one about Redis when it is away, and a table with a line an instance.
std::string status_table(const ValueMap& status, bool color);

// What works, but perhaps not as it was meant, a line each: replicas that start without a GPU.
std::vector<std::string> status_warnings(const ValueMap& status);

}  // namespace flow::flowctl
