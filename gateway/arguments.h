// The command line of flow-gateway.
#pragma once

#include <optional>

#include "gateway/service.h"

namespace flow::gateway {

struct Parsed {
  Arguments arguments;
  std::optional<int> exit_status;  // set: end at once with it (0 --version, 2 usage)
};

// --broker ADDRESS --name gateway/0 --run-dir DIR [--check-config] [--version]. Says on stderr what
// is wrong.
Parsed parse_arguments(int argc, char** argv);

}  // namespace flow::gateway
