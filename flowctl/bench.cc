#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <thread>
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
#include "flowctl/open_loop.h"
#include "flowctl/option_values.h"
#include "flowctl/output.h"
#include "flowctl/process_usage.h"
#include "flowctl/run_dir.h"
#include "wire/document_list.h"

namespace flow::flowctl {
namespace {

constexpr Duration kStatusPatience = std::chrono::seconds(2);
constexpr std::size_t kMostInFlight = 65'536;  // of one client
constexpr std::size_t kUsualInFlight = 8;      // in a closed loop

struct BenchOptions {
  std::vector<std::string> where;  // [FLOW] ENDPOINT
  std::string gateway;
  std::string rate;  // empty: a closed loop
  std::string duration = "10s";
  std::string size = "128B";
  std::string timeout = "0s";
  std::string output = "table";
  std::size_t concurrency = 0;  // 0: kUsualInFlight, or with a rate all that the gateway allows
  std::size_t documents = 1;    // in each request
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
  processes.push_back({kClientName, ::getpid(), *cpu_time(::getpid()), {}, 0});
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

Result<Client> connect(const BenchOptions& options, const std::string& address) {
  ClientOptions client_options;
  client_options.name = "flowctl bench";
  client_options.max_in_flight = static_cast<std::uint32_t>(kMostInFlight);
  Result<Client> client = connect_gateway(address, client_options);
  if (!client) return client;
  const std::uint32_t allowed = client->welcome().max_in_flight;
  if (allowed > 0 && options.concurrency > allowed) {
    return Error{Errc::kInvalidArgument,
                 fmt::format("--concurrency {} is more than the gateway allows a client ({})",
                             options.concurrency, allowed)};
  }
  return client;
}

std::size_t in_flight(const BenchOptions& options, const wire::ClientWelcome& welcome) {
  if (options.concurrency > 0) return options.concurrency;
  const std::size_t allowed = welcome.max_in_flight > 0 ? welcome.max_in_flight : kMostInFlight;
  return options.rate.empty() ? std::min(kUsualInFlight, allowed) : allowed;
}

LoopOptions loop_options(const BenchOptions& options, const wire::ClientWelcome& welcome) {
  LoopOptions loop;
  loop.endpoint = options.where.back();
  loop.rate = options.rate.empty() ? 0 : *parse_rate_option(options.rate);
  loop.concurrency = in_flight(options, welcome);
  loop.duration = *parse_duration(options.duration);
  loop.timeout = *parse_duration(options.timeout);
  loop.payload = make_payload(options.documents, *parse_size_option(options.size));
  return loop;
}

BenchReport measure(const BenchOptions& options, const Subject& subject, Client& client) {
  LoopOptions loop = loop_options(options, client.welcome());
  BenchReport report;
  report.flow = client.welcome().flow;
  report.endpoint = loop.endpoint;
  report.rate = loop.rate;
  report.concurrency = loop.concurrency;
  report.size_bytes = *parse_size_option(options.size);
  report.cores = std::thread::hardware_concurrency();
  report.executors = executor_places(subject);
  report.processes = watched_processes(subject);
  report.result = loop.rate > 0 ? OpenLoop(client, std::move(loop)).run()
                                : ClosedLoop(client, std::move(loop)).run();
  read_usage(report.processes);
  return report;
}

int show(const BenchOptions& options, const BenchReport& report) {
  const std::string text =
      options.output == "json" ? to_json(Value(bench_value(report))) + "\n" : bench_text(report);
  if (!report.result.first_failure.empty()) {
    say("the first failure: {}", report.result.first_failure);
  }
  if (!write_out(text)) return kExitNo;
  return report.result.failed.empty() ? kExitOk : kExitNo;
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
  Result<Client> client = connect(options, subject->address);
  if (!client) {
    say("{}", client.error().message);
    return client.error().code == Errc::kInvalidArgument ? kExitUsage : kExitUnreachable;
  }
  return show(options, measure(options, *subject, *client));
}

}  // namespace

Command add_bench(CLI::App& root) {
  CLI::App* app = root.add_subcommand(
      "bench",
      "measures a flow: throughput, latency, CPU per request, and what keeps it from more.\n"
      "Closed loop: a request is sent when another was answered; latency is from when it was "
      "sent.\n"
      "With --rate an open loop: requests are sent on a schedule, whatever comes back; latency is\n"
      "from when each was due, so waiting behind slow answers counts.");
  const auto options = std::make_shared<BenchOptions>();
  app->add_option("WHERE", options->where, "where requests go; FLOW may be left out when one runs")
      ->required()
      ->expected(1, -1)  // more than two are refused later: an unknown option is named first
      ->option_text("[FLOW] ENDPOINT");
  app->add_option("--gateway", options->gateway,
                  "an address instead of a flow; then only flowctl's own CPU is measured");
  app->add_option("--rate", options->rate,
                  "requests a second, an open loop: 500, 2.5k; default: a closed loop")
      ->check(rate_option());
  app->add_option("--concurrency", options->concurrency,
                  "requests in flight (8); with --rate the most there may be, others wait (what "
                  "the gateway allows)")
      ->check(CLI::Range(std::size_t{1}, kMostInFlight));
  app->add_option("--duration", options->duration, "how long requests are sent")
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
