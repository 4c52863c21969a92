// The command line of an executor program.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/value.h"

namespace flow::worker {

struct Arguments {
  std::string broker;   // --broker ADDRESS: of the flow it is part of
  std::string name;     // --name encode/rep-0; on its own any name
  std::string run_dir;  // --run-dir DIR
  std::string uses;     // --uses NAME: which built-in; empty when not given

  std::string listen;     // --listen ADDRESS: on its own, without a broker; empty: in a flow
  std::string with_text;  // --with JSON
  ValueMap with;          // the same, read
  std::string workspace;  // --workspace DIR
  bool insecure = false;  // --insecure: the network beyond loopback is trusted

  bool check_config = false;
  bool version = false;
  bool help = false;
};

// Takes `--key value` and `--key=value`. kInvalidArgument names the option that is unknown, given
// twice, without a value or not for this way of running, what is missing (with --version and --help
// nothing is), or why the address or the JSON is none.
Result<Arguments> parse_arguments(std::span<const std::string_view> arguments);

// What --help prints.
std::string usage(std::string_view program, bool built_ins);

}  // namespace flow::worker
