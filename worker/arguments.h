// The command line of an executor program.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace flow::worker {

struct Arguments {
  std::string broker;   // --broker ADDRESS
  std::string name;     // --name encode/rep-0
  std::string run_dir;  // --run-dir DIR
  std::string uses;     // --uses NAME: which built-in; empty when not given
  bool check_config = false;
  bool version = false;
  bool help = false;
};

// Takes `--key value` and `--key=value`. kInvalidArgument names the option that is unknown, given
// twice or without a value, or what is missing (with --version and --help nothing is).
Result<Arguments> parse_arguments(std::span<const std::string_view> arguments);

// What --help prints.
std::string usage(std::string_view program, bool built_ins);

}  // namespace flow::worker
