// A flow written back as a flow file. Pure.
#pragma once

#include <string>

#include "graph/flow.h"

namespace flow::config {

// TOML that load_flow reads into an equal flow: every setting is spelled out, defaults too;
// comments, `x-` keys, [[test]] tables and the ${...} that were replaced are not kept.
std::string write_flow(const graph::FlowDecl& flow);

}  // namespace flow::config
