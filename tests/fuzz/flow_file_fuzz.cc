// Flow files from anywhere: loading must end in a flow or in errors that can be reported, and a
// flow that loaded must survive being written and loaded again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/check.h"
#include "base/json.h"
#include "config/flow_file.h"
#include "config/flow_writer.h"
#include "config/report.h"
#include "graph/plot.h"

namespace {

flow::config::LoadOptions options() {
  flow::config::LoadOptions made;
  made.environment = [](std::string_view name) -> std::optional<std::string> {
    if (name == "A") return "1";
    return std::nullopt;
  };
  made.find_programs = false;
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const flow::config::LoadResult result =
      flow::config::load_flow_text(text, "fuzz.toml", options());
  const std::string report = flow::config::report_text(result, true);
  FLOW_CHECK(result.ok() || !report.empty(), "a refused file has a report");
  (void)flow::to_json(flow::Value(flow::config::report_value(result)));
  if (!result.ok()) return 0;

  for (const auto format : {flow::graph::PlotFormat::kDot, flow::graph::PlotFormat::kMermaid,
                            flow::graph::PlotFormat::kText}) {
    (void)flow::graph::plot(result.flow->decl, result.flow->graph, format);
  }
  const std::string written = flow::config::write_flow(result.flow->decl);
  if (written.size() > (1U << 20)) return 0;
  const flow::config::LoadResult again =
      flow::config::load_flow_text(written, "again.toml", options());
  FLOW_CHECK(again.ok(), "a written flow loads");
  FLOW_CHECK(flow::config::write_flow(again.flow->decl) == written, "and is the same");
  return 0;
}
