#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "config/flow_file.h"
#include "config/report.h"
#include "flowctl/commands.h"
#include "flowctl/exit_code.h"
#include "flowctl/launch.h"
#include "flowctl/output.h"

namespace flow::flowctl {
namespace {

struct ValidateOptions {
  std::vector<std::string> files;
  std::vector<std::string> overrides;
  std::string output = "table";
  bool deny_warnings = false;
};

int validate(const ValidateOptions& options) {
  config::LoadOptions load;
  load.overrides = options.overrides;
  load.deny_warnings = options.deny_warnings;
  load.builtin_dir = builtin_directory();
  bool ok = true;
  for (const std::string& file : options.files) {
    const config::LoadResult result = config::load_flow(file, load);
    ok = ok && result.ok();
    if (options.output == "json") {
      if (!write_out(to_json(Value(config::report_value(result))) + "\n")) return kExitNo;
      continue;
    }
    const std::string report = config::report_text(result, use_color(STDOUT_FILENO));
    const std::string good = result.ok() ? fmt::format("{}: ok\n", harmless(file)) : "";
    if (!write_out(report + good)) return kExitNo;
  }
  return ok ? kExitOk : kExitBadFlow;
}

}  // namespace

Command add_validate(CLI::App& root) {
  CLI::App* app = root.add_subcommand("validate", "checks flow files; starts nothing");
  const auto options = std::make_shared<ValidateOptions>();
  app->add_option("FILE", options->files, "flow files")->required();
  app->add_option("--set", options->overrides, "KEY=VALUE over what the file says; repeatable")
      ->expected(1)
      ->take_all();
  app->add_flag("--deny-warnings", options->deny_warnings, "warnings are errors");
  app->add_option("-o,--output", options->output, "table or json (one object a file)")
      ->check(CLI::IsMember({"table", "json"}));
  return {app, [options] { return validate(*options); }};
}

}  // namespace flow::flowctl
