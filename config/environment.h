// The process environment as a function, and ${NAME} in the strings of a flow file.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "config/toml_node.h"

namespace flow::config {

// The value of a variable; nothing when it is not set.
using EnvLookup = std::function<std::optional<std::string>(std::string_view name)>;

// Reads the environment of this process. Only while no thread changes it.
EnvLookup process_environment();

// Replaces ${NAME} and ${NAME:-default} (for unset or empty) in every string of the tree; `$${` is
// a plain `${`. A variable that is not set, or a form that is not one of these, is an error and
// leaves the string as it is. A string longer than 64 KiB is an error.
void expand_variables(TomlNode& tree, const EnvLookup& environment,
                      graph::Diagnostics& diagnostics);

}  // namespace flow::config
