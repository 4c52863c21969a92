#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <string_view>
#include <vector>

#include "base/host.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process_id.h"
#include "base/text.h"
#include "flowctl/commands.h"
#include "flowctl/exit_code.h"
#include "flowctl/output.h"

namespace {

// CLI11 calls an unknown command a missing one; this names it, and the one that may be meant.
int check_command(int argc, char** argv, const std::vector<flow::flowctl::Command>& commands) {
  if (argc < 2 || argv[1][0] == '-') return flow::flowctl::kExitOk;
  std::vector<std::string> names;
  for (const flow::flowctl::Command& command : commands)
    names.push_back(command.app->get_name());
  if (std::ranges::find(names, argv[1]) != names.end()) return flow::flowctl::kExitOk;
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const auto meant = flow::did_you_mean(argv[1], candidates);
  flow::flowctl::say("there is no command '{}'; {}", flow::flowctl::harmless(argv[1]),
                     meant ? fmt::format("did you mean {}?", *meant)
                           : fmt::format("there are {}", flow::join(names, ", ")));
  return flow::flowctl::kExitUsage;
}

int usage_exit(const CLI::App& app, const CLI::ParseError& error) {
  const int code = app.exit(error);
  return code == 0 ? flow::flowctl::kExitOk : flow::flowctl::kExitUsage;
}

extern "C" void interrupted(int /*signal*/) {
  _exit(flow::flowctl::kExitInterrupted);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace flow::flowctl;
  flow::keep_freed_memory();
  flow::remember_process_id();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, interrupted);  // `up` takes it as a file descriptor instead
  flow::log::init("flowctl");
  CLI::App app("Runs dataflows: starts and stops flows, looks at them, sends requests.", "flowctl");
  app.set_version_flag("--version", "flowctl " + std::string(flow::version()));
  app.require_subcommand(1);
  const std::vector<Command> commands = add_commands(app);
  if (const int code = check_command(argc, argv, commands); code != kExitOk) return code;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return usage_exit(app, error);
  }
  for (const Command& command : commands) {
    if (command.app->parsed()) return command.run();
  }
  return kExitUsage;
}
