// `--set KEY=VALUE`: settings of a flow file changed from the command line. Pure.
#pragma once

#include <span>
#include <string>

#include "config/toml_node.h"

namespace flow::config {

inline constexpr std::size_t kMaxOverrides = 256;

// Puts each VALUE into the tree of a flow file. KEY begins with flow, gateway or redis, or with the
// name of an executor (also as executor.NAME), and goes on with keys: encode.with.dim=64. VALUE is
// TOML; what is none is a string. Adds an error for each that cannot be applied.
void apply_overrides(TomlNode& tree, std::span<const std::string> overrides,
                     graph::Diagnostics& diagnostics);

}  // namespace flow::config
