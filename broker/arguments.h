// The command line of flow-broker.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace flow::broker {

struct Arguments {
  std::string flow_file;
  std::string run_dir;                 // of this flow
  std::string redis;                   // empty: what the flow file says
  std::vector<std::string> overrides;  // KEY=VALUE
  bool check_config = false;
  bool version = false;
  bool help = false;
};

// kInvalidArgument names the option and what was expected.
Result<Arguments> parse_arguments(int argc, const char* const* argv);

extern const char* const kUsage;

}  // namespace flow::broker
