#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/units.h"
#include "flow/client.h"
#include "flowctl/admin_link.h"
#include "flowctl/bench_report.h"
#include "flowctl/closed_loop.h"
#include "flowctl/commands.h"
#include "flowctl/exit_code.h"
#include "flowctl/gateway_option.h"
#include "flowctl/option_values.h"
#include "flowctl/output.h"
#include "flowctl/process_usage.h"
#include "flowctl/run_dir.h"
#include "wire/document_list.h"

namespace flow::flowctl {
namespace {

constexpr Duration kStatusPatience = std::chrono::seconds(2);

struct BenchOptions {
  std::vector<std::string> where;  // [FLOW] ENDPOINT
  std::string gateway;
  std::string duration = "10s";
  std::string size = "128B";
  std::string timeout = "0s";
  std::string output = "table";
  std::size_t concurrency = 8;
  std::size_t documents = 1;  // in each request
};

// The flow whose processes are measured; none with --gateway.
struct Subject {
  std::string address;
  std::optional<FoundFlow> flow;
};

Result<Subject> find_subject(const BenchOptions& options) {
  Subject subject;
  const std::string name = options.where.size() > 1 ? options.where.front() : "";
  Result<std::string> address = find_gateway(name, options.gateway);
  if (!address) return std::move(address).error();
  subject.address = *address;
  if (!options.gateway.empty()) return subject;
  Result<FoundFlow> flow = choose_flow(run_root(), name);
  if (flow) subject.flow = std::move(*flow);
  return subject;
}

Bytes make_payload(std::size_t documents, std::uint64_t size) {
  wire::DocumentList list;
  for (std::size_t i = 0; i < documents; ++i) {
    wire::Document document;
    document.set_id(fmt::format("bench-{}", i));
    document.set_text(std::string(size, 'x'));
    list.push_back(std::move(document));
  }
  return list.encode();
}

std::vector<ProcessCpu> watched_processes(const Subject& subject) {
  std::vector<ProcessCpu> processes;
  if (subject.flow) {
    const Result<Endpoints> endpoints = read_endpoints(subject.flow->dir);
    for (const auto& [name, pid] : endpoints ? endpoints->pids : Endpoints{}.pids) {
      const std::optional<Duration> used = cpu_time(pid);
      if (used && name != kSupervisorName) processes.push_back({name, pid, *used, {}, 0});
    }
  }
  processes.push_back({"flowctl", ::getpid(), *cpu_time(::getpid()), {}, 0});
  return processes;
}

void read_usage(std::vector<ProcessCpu>& processes) {
  for (ProcessCpu& process : processes) {
    process.after = cpu_time(process.pid).value_or(process.before);
    process.rss_bytes = resident_memory(process.pid);
  }
}

// How many instances each executor has, as the broker says.
std::vector<ExecutorPlaces> executor_places(const Subject& subject) {
  if (!subject.flow) return {};
  net::Context context;
  Result<AdminLink> link = AdminLink::open(context, "ipc://" + subject.flow->dir + "/broker.ipc");
  if (!link) return {};
  const Result<ValueMap> status = link->ask("status", {}, kStatusPatience);
  return status ? places_of(*status) : std::vector<ExecutorPlaces>();
}

// What the parser does not check; empty when it is fine.
std::string wrong_usage(const BenchOptions& options) {
  const std::size_t most = options.gateway.empty() ? 2 : 1;
  if (options.where.size() > most) {
    return most == 2 ? fmt::format("expected [FLOW] ENDPOINT, got one more: {}",
                                   harmless(options.where.back()))
                     : "expected ENDPOINT alone: --gateway says which flow";
  }
  return *parse_duration(options.duration) > Duration{} ? "" : "--duration must be longer than 0";
}

int bench(const BenchOptions& options) {
  if (const std::string wrong = wrong_usage(options); !wrong.empty()) {
    say("{}", wrong);
    return kExitUsage;
  }
  const Result<Subject> subject = find_subject(options);
  if (!subject) {
    say("{}", subject.error().message);
    return kExitUnreachable;
  }
  ClientOptions client_options;
  client_options.name = "flowctl bench";
  client_options.max_in_flight = static_cast<std::uint32_t>(options.concurrency);
  Result<Client> client = connect_gateway(subject->address, client_options);
  if (!client) {
    say("{}", client.error().message);
    return kExitUnreachable;
  }
  const std::uint32_t allowed = client->welcome().max_in_flight;
  if (allowed > 0 && options.concurrency > allowed) {
    say("--concurrency {} is more than the gateway allows a client ({})", options.concurrency,
        allowed);
    return kExitUsage;
  }
  BenchReport report;
  report.flow = client->welcome().flow;
  report.endpoint = options.where.back();
  report.concurrency = options.concurrency;
  report.size_bytes = *parse_size_option(options.size);
  report.executors = executor_places(*subject);
  LoopOptions loop;
  loop.endpoint = report.endpoint;
  loop.concurrency = options.concurrency;
  loop.duration = *parse_duration(options.duration);
  loop.timeout = *parse_duration(options.timeout);
  loop.payload = make_payload(options.documents, report.size_bytes);
  report.processes = watched_processes(*subject);
  report.result = ClosedLoop(*client, std::move(loop)).run();
  read_usage(report.processes);
  const std::string text =
      options.output == "json" ? to_json(Value(bench_value(report))) + "\n" : bench_text(report);
  if (!report.result.first_failure.empty()) {
    say("the first failure: {}", report.result.first_failure);
  }
  if (!write_out(text)) return kExitNo;
  return report.result.failed.empty() ? kExitOk : kExitNo;
}

}  // namespace

Command add_bench(CLI::App& root) {
  CLI::App* app = root.add_subcommand(
      "bench", "measures a flow in a closed loop: throughput, latency, CPU per request");
  const auto options = std::make_shared<BenchOptions>();
  app->add_option("WHERE", options->where, "where requests go; FLOW may be left out when one runs")
      ->required()
      ->expected(1, -1)  // more than two are refused later: an unknown option is named first
      ->option_text("[FLOW] ENDPOINT");
  app->add_option("--gateway", options->gateway,
                  "an address instead of a flow; then only flowctl's own CPU is measured");
  app->add_option("--concurrency", options->concurrency, "requests in flight")
      ->check(CLI::Range(1, 65'536))
      ->capture_default_str();
  app->add_option("--duration", options->duration, "how long")
      ->check(duration_option())
      ->capture_default_str();
  app->add_option("--documents", options->documents, "in each request")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app->add_option("--size", options->size, "of the text of each document: 4KiB, 128")
      ->check(size_option())
      ->capture_default_str();
  app->add_option("--timeout", options->timeout, "for each request; default: the flow's deadline")
      ->check(duration_option());
  app->add_option("-o,--output", options->output, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
  return {app, [options] { return bench(*options); }};
}

}  // namespace flow::flowctl
