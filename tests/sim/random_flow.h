// Random flows, requests and filters: small, and full of what is awkward (repeated ids, nothing
// left, failures, types that clash). The same dice, the same flow.
#pragma once

#include <string>

#include "interpreter.h"
#include "world.h"

namespace flow::sim {

ScriptedFlow random_flow(World& dice);
Asked random_request(World& dice, const ScriptedFlow& flow);

// The flow as a flow file, the scripts as the test suite's scripted executor takes them.
std::string to_toml(const ScriptedFlow& flow);

std::string to_text(const Asked& asked);

}  // namespace flow::sim
