#include "graph/explain.h"

#include <memory>
#include <string>

#include "base/text.h"
#include "flowctl/commands.h"
#include "flowctl/exit_code.h"
#include "flowctl/output.h"

namespace flow::flowctl {
namespace {

std::string all_codes() {
  std::string out;
  for (const auto entries :
       {graph::file_explanations(), graph::graph_explanations(), graph::status_explanations()}) {
    for (const graph::Explanation& entry : entries) {
      out += fmt::format("{}  {}\n", entry.code, entry.title);
    }
  }
  return out;
}

int explain(const std::string& code) {
  if (code.empty()) return write_out(all_codes()) ? kExitOk : kExitNo;
  const std::string text = graph::explain(code);
  if (text.empty()) {
    say("there is no code '{}'; `flowctl explain` lists them all", harmless(code));
    return kExitUsage;
  }
  return write_out(text.ends_with('\n') ? text : text + "\n") ? kExitOk : kExitNo;
}

}  // namespace

Command add_explain(CLI::App& root) {
  CLI::App* app =
      root.add_subcommand("explain", "tells what a code of a flow file or of a request means");
  const auto code = std::make_shared<std::string>();
  app->add_option("CODE", *code,
                  "as printed, E0107 or NOT_FOUND; without one all codes are listed");
  return {app, [code] { return explain(*code); }};
}

}  // namespace flow::flowctl
