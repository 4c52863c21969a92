#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/stop_signal.h"
#include "base/units.h"
#include "config/flow_file.h"
#include "config/report.h"
#include "flow/client.h"
#include "flowctl/commands.h"
#include "flowctl/exit_code.h"
#include "flowctl/launch.h"
#include "flowctl/output.h"
#include "flowctl/private_flow.h"
#include "flowctl/test_report.h"
#include "flowctl/test_run.h"

namespace flow::flowctl {
namespace {

struct TestOptions {
  std::vector<std::string> files;
  std::vector<std::string> overrides;
  std::string wait_ready = "30s";
  std::string output = "tap";
};

// All tests of one command line, in order.
class TestSession {
 public:
  explicit TestSession(const TestOptions& options) : options_(options) {}

  int run() {
    if (!load()) return kExitBadFlow;
    if (is_tap() && !write_out(tap_plan(total_))) return kExitNo;
    for (const config::LoadResult& file : files_) {
      if (!run_file(file) || stop_.take() != 0) return interrupted();
    }
    if (!is_tap() && !write_out(to_json(Value(test_report_value(outcomes_))) + "\n")) {
      return kExitNo;
    }
    for (const TestOutcome& outcome : outcomes_) {
      if (!outcome.passed) return kExitNo;
    }
    return kExitOk;
  }

 private:
  int interrupted() const {
    if (is_tap()) (void)write_out("Bail out! interrupted\n");
    return kExitInterrupted;
  }

  bool is_tap() const { return options_.output == "tap"; }

  // Whether all files are good; what is wrong with the others goes to stderr.
  bool load() {
    config::LoadOptions load;
    load.overrides = options_.overrides;
    load.builtin_dir = builtin_directory();
    bool ok = true;
    for (const std::string& file : options_.files) {
      config::LoadResult result = config::load_flow(file, load);
      const std::string report = config::report_text(result, use_color(STDERR_FILENO));
      if (!report.empty()) fmt::print(stderr, "{}", report);
      ok = ok && result.ok();
      if (result.ok()) total_ += result.flow->tests.size();
      if (result.ok() && result.flow->tests.empty()) {
        say("{} has no [[test]] tables", harmless(file));
      }
      files_.push_back(std::move(result));
    }
    return ok;
  }

  // False when a signal ended it.
  bool run_file(const config::LoadResult& file) {
    const std::vector<config::TestDecl>& tests = file.flow->tests;
    if (tests.empty()) return true;
    PrivateFlowOptions settings;
    settings.file = file.file;
    settings.overrides = options_.overrides;
    settings.wait_ready = *parse_duration(options_.wait_ready);
    Result<PrivateFlow> flow = PrivateFlow::start(file.flow->decl, settings, stop_);
    if (!flow && flow.error().code == Errc::kCancelled) return false;
    if (!flow) return fail_all(file, flow.error().message);
    ClientOptions client_options;
    client_options.name = "flowctl test";
    Result<Client> client = Client::connect(flow->gateway(), client_options);
    if (!client) return fail_all(file, client.error().message);
    for (const config::TestDecl& test : tests) {
      std::optional<TestOutcome> outcome = run_test(*client, test, file.file, stop_);
      if (!outcome) return false;
      add(std::move(*outcome));
    }
    return true;
  }

  bool fail_all(const config::LoadResult& file, const std::string& why) {
    for (const config::TestDecl& test : file.flow->tests)
      add(untried_test(test, file.file, why));
    return true;
  }

  void add(TestOutcome outcome) {
    outcomes_.push_back(std::move(outcome));
    if (is_tap()) (void)write_out(tap_line(outcomes_.size(), outcomes_.back()));
  }

  const TestOptions& options_;
  StopSignal stop_;
  std::vector<config::LoadResult> files_;
  std::size_t total_ = 0;
  std::vector<TestOutcome> outcomes_;
};

}  // namespace

Command add_test(CLI::App& root) {
  CLI::App* app = root.add_subcommand(
      "test", "runs the [[test]] tables of flow files, each flow started for itself alone");
  const auto options = std::make_shared<TestOptions>();
  app->add_option("FILE", options->files, "flow files")->required();
  app->add_option("--set", options->overrides, "KEY=VALUE over what the files say; repeatable")
      ->expected(1)
      ->take_all();
  app->add_option("--wait-ready", options->wait_ready, "how long a flow may take to become ready")
      ->check(duration_option())
      ->capture_default_str();
  app->add_option("-o,--output", options->output, "tap: a line a test; json: one object at the end")
      ->check(CLI::IsMember({"tap", "json"}))
      ->capture_default_str();
  return {app, [options] { return TestSession(*options).run(); }};
}

}  // namespace flow::flowctl
