// The broker's status (contract: `status -o json`) as people see it.
#pragma once

#include <string>
#include <string_view>

#include "base/value.h"

namespace flow::flowctl {

// The address clients use; the tcp one when there are several; empty when unknown.
std::string gateway_address(const ValueMap& status);

// "ready", "starting", …; empty when the status does not say.
std::string flow_state(const ValueMap& status);

// The flow's line and a table with a line an instance.
std::string status_table(const ValueMap& status, bool color);

}  // namespace flow::flowctl
