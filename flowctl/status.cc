#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>

#include "base/json.h"
#include "base/units.h"
#include "flowctl/admin_link.h"
#include "flowctl/commands.h"
#include "flowctl/endpoints.h"
#include "flowctl/exit_code.h"
#include "flowctl/output.h"
#include "flowctl/run_dir.h"
#include "flowctl/status_view.h"
#include "flowctl/table.h"
#include "net/context.h"

namespace flow::flowctl {
namespace {

struct StatusOptions {
  std::string flow;
  std::string output = "table";
  std::string timeout = "2s";
};

// What is known without the broker: the recorded processes, and whether they live.
int without_broker(const FoundFlow& flow, const StatusOptions& options, const std::string& reason) {
  const Result<Endpoints> endpoints = read_endpoints(flow.dir);
  const bool served = endpoints && !endpoints->gateway.empty();
  const std::string state = served ? "degraded" : "starting";
  if (options.output == "json") {
    ValueMap map;
    map.append("flow", flow.name);
    map.append("state", state);
    map.append("reason", reason);
    map.append("since", nullptr);
    map.append("term", 0);
    map.append("version", 0);
    map.append("gateway", served ? Value(endpoints->gateway) : Value());
    map.append("executors", ValueList{});
    (void)write_out(to_json(Value(std::move(map))) + "\n");
    return kExitNo;
  }
  if (options.output != "table") {
    say("{}: {} ({})", flow.name, state, harmless(reason));
    return kExitNo;
  }
  std::string out = fmt::format("{}: {} ({})\n", flow.name, state, harmless(reason));
  Table table({"PROCESS", "PID", "STATE"});
  table.align_right({1});
  if (endpoints) {
    for (const auto& [name, pid] : endpoints->pids) {
      table.add({name, fmt::format("{}", pid), ::kill(pid, 0) == 0 ? "runs" : "is gone"});
    }
  }
  (void)write_out(out + (table.empty() ? "" : table.render()));
  return kExitNo;
}

std::string shown(ValueMap status, const std::string& output) {
  if (output == "json") return to_json(Value(std::move(status))) + "\n";
  if (output == "jsonl") return status_lines(status);
  if (output == "name") return status_names(status);
  return status_table(status, use_color(STDOUT_FILENO));
}

int status(const StatusOptions& options) {
  const Result<FoundFlow> flow = choose_flow(run_root(), options.flow);
  if (!flow || !flow->supervised) {
    say("{}", flow ? fmt::format("flow '{}' does not run; {} is left over from it (flowctl down "
                                 "{} clears it away)",
                                 flow->name, flow->dir, flow->name)
                   : flow.error().message);
    return kExitUnreachable;
  }
  net::Context context;
  Result<AdminLink> link = AdminLink::open(context, "ipc://" + flow->dir + "/broker.ipc");
  Result<ValueMap> answer = link ? link->ask("status", {}, *parse_duration(options.timeout))
                                 : Result<ValueMap>(link.error());
  if (!answer) return without_broker(*flow, options, answer.error().message);
  const bool ready = flow_state(*answer) == "ready";
  if (!write_out(shown(std::move(*answer), options.output))) return kExitNo;
  if (!ready && options.output == "table") say("what its processes said is in {}/logs", flow->dir);
  return ready ? kExitOk : kExitNo;
}

}  // namespace

Command add_status(CLI::App& root) {
  CLI::App* app = root.add_subcommand("status", "shows a flow's state; 0 ready, 1 not, 69 none");
  const auto options = std::make_shared<StatusOptions>();
  app->add_option("FLOW", options->flow, "its name; may be left out when one flow runs");
  app->add_option("-o,--output", options->output,
                  "table or json; of the instances alone: jsonl or name")
      ->check(CLI::IsMember({"table", "json", "jsonl", "name"}));
  app->add_option("--timeout", options->timeout, "how long to wait for the broker's answer")
      ->check(duration_option())
      ->capture_default_str();
  return {app, [options] { return status(*options); }};
}

}  // namespace flow::flowctl
