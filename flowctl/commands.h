// The commands of flowctl, one source file each.
//
// add_x() declares the command's options on `root` and returns what runs it; main calls it when the
// command was given. The result is the exit code (exit_code.h).
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <vector>

namespace flow::flowctl {

struct Command {
  CLI::App* app = nullptr;
  std::function<int()> run;
};

Command add_up(CLI::App& root);
Command add_down(CLI::App& root);
Command add_status(CLI::App& root);
Command add_post(CLI::App& root);
Command add_validate(CLI::App& root);
Command add_test(CLI::App& root);
Command add_plot(CLI::App& root);
Command add_bench(CLI::App& root);
Command add_explain(CLI::App& root);
Command add_version(CLI::App& root);

// All of them, in the order help shows them.
std::vector<Command> add_commands(CLI::App& root);

// Checks an option that is a time ("30s"), a size ("4KiB", or plain bytes) or a rate ("500",
// "2.5k") when the command line is read; option_values.h has the limits.
CLI::Validator duration_option();
CLI::Validator size_option();
CLI::Validator rate_option();

}  // namespace flow::flowctl
