#include <fmt/format.h>

#include "base/host.h"
#include "flowctl/commands.h"
#include "flowctl/exit_code.h"
#include "flowctl/option_values.h"
#include "flowctl/output.h"

namespace flow::flowctl {

Command add_version(CLI::App& root) {
  CLI::App* app = root.add_subcommand("version", "prints the version");
  return {app,
          [] { return write_out(fmt::format("flowctl {}\n", version())) ? kExitOk : kExitNo; }};
}

std::vector<Command> add_commands(CLI::App& root) {
  return {add_up(root),   add_down(root), add_status(root), add_post(root),    add_validate(root),
          add_test(root), add_plot(root), add_bench(root),  add_explain(root), add_version(root)};
}

CLI::Validator duration_option() {
  return CLI::Validator(
      [](const std::string& text) {
        const Result<Duration> parsed = parse_duration_option(text);
        return parsed ? std::string() : parsed.error().message;
      },
      "TIME");
}

CLI::Validator size_option() {
  return CLI::Validator(
      [](const std::string& text) {
        const Result<std::uint64_t> parsed = parse_size_option(text);
        return parsed ? std::string() : parsed.error().message;
      },
      "SIZE");
}

}  // namespace flow::flowctl
