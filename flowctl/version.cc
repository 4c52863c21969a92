#include <fmt/format.h>

#include "base/host.h"
#include "flowctl/commands.h"
#include "flowctl/exit_code.h"
#include "flowctl/option_values.h"
#include "flowctl/output.h"

namespace flow::flowctl {
namespace {

template <typename Parse>
CLI::Validator checked_by(Parse parse, const char* type) {
  return CLI::Validator(
      [parse](const std::string& text) {
        const auto parsed = parse(text);
        return parsed ? std::string() : parsed.error().message;
      },
      type);
}

}  // namespace

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
  return checked_by(parse_duration_option, "TIME");
}

CLI::Validator size_option() {
  return checked_by(parse_size_option, "SIZE");
}

CLI::Validator rate_option() {
  return checked_by(parse_rate_option, "RATE");
}

}  // namespace flow::flowctl
