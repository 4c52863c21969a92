#include "case_flow.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <utility>

#include "base/text.h"
#include "flow_text.h"
#include "flowctl/child.h"
#include "flowctl/endpoints.h"
#include "flowctl/exit_code.h"
#include "flowctl/run_dir.h"

namespace flow::conformance {
namespace {

namespace fs = std::filesystem;

constexpr int kLookMs = 50;  // how often whether to stop
constexpr Duration kToEnd = std::chrono::seconds(10);
constexpr std::size_t kGistBytes = 300;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

bool CaseFlow::Started::refused() const {
  return code == flowctl::kExitBadFlow;
}

CaseFlow::CaseFlow(const Surroundings& surroundings, std::size_t number)
    : surroundings_(surroundings),
      until_(clock_.now() + surroundings.patience),
      folder_(fmt::format("{}/{}", surroundings.folder, number)) {
  fs::create_directories(folder_);
}

CaseFlow::~CaseFlow() {
  (void)down();
  std::error_code failed;
  fs::remove_all(folder_, failed);
}

std::string CaseFlow::dir() const {
  return fmt::format("{}/run/{}", folder_, kFlowName);
}

bool CaseFlow::given_up(Instant until, bool stoppable) const {
  return clock_.now() >= until || (stoppable && surroundings_.stopped->load());
}

std::optional<int> CaseFlow::run_flowctl(std::vector<std::string> arguments, Instant until,
                                         bool stoppable) {
  flowctl::ChildSpec spec;
  spec.name = "flowctl " + arguments.front();
  spec.program = surroundings_.programs + "/flowctl";
  spec.arguments = std::move(arguments);
  spec.environment = {{"FLOW_RUN_DIR", folder_ + "/run"},
                      {"FLOW_STATE_DIR", folder_ + "/state"},
                      {"NO_COLOR", "1"}};
  spec.log = folder_ + "/said";
  const Result<pid_t> pid = flowctl::spawn(spec);
  if (!pid) return std::nullopt;
  pollfd ended{static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)), POLLIN, 0};
  while (::poll(&ended, 1, kLookMs) <= 0 && !given_up(until, stoppable)) {
  }
  const bool in_time = ended.revents != 0;
  if (!in_time) ::kill(*pid, SIGKILL);
  int status = 0;
  ::waitpid(*pid, &status, 0);
  ::close(ended.fd);
  if (!in_time || !WIFEXITED(status)) return std::nullopt;
  return WEXITSTATUS(status);
}

Result<CaseFlow::Started> CaseFlow::up(const std::string& flow_file) {
  const std::string path = folder_ + "/flow.toml";
  std::ofstream(path, std::ios::binary) << flow_file;
  started_ = true;
  const std::optional<int> code =
      run_flowctl({"up", path, "--detach", "--no-restart"}, until_, true);
  std::string said = read_file(folder_ + "/said");
  if (!code) {
    return Error{Errc::kUnavailable, "flowctl up did not end in time: " + gist(said)};
  }
  return Started{*code, std::move(said)};
}

Result<Client*> CaseFlow::client() {
  if (client_) return &*client_;
  const Result<flowctl::Endpoints> endpoints = flowctl::read_endpoints(dir());
  if (!endpoints) return endpoints.error();
  ClientOptions options;
  options.name = "run_oracle";
  Result<Client> client = Client::connect(endpoints->gateway, options);
  if (!client) return client.error();
  client_ = std::move(*client);
  return &*client_;
}

Result<Reply> CaseFlow::post(const CaseRequest& request) {
  const Result<Client*> client = this->client();
  if (!client) return client.error();
  PostOptions options;
  options.parameters = request.parameters;
  options.target_executor = request.target;
  const auto promise = std::make_shared<std::promise<Reply>>();
  std::future<Reply> reply = promise->get_future();
  (*client)->submit(request.endpoint, request.documents, options,
                    [promise](Reply answer) { promise->set_value(std::move(answer)); });
  while (reply.wait_for(std::chrono::milliseconds(kLookMs)) != std::future_status::ready) {
    if (given_up(until_, true)) {
      return Error{Errc::kDeadlineExceeded, "there was no reply in time"};
    }
  }
  return reply.get();
}

Status CaseFlow::down() {
  client_.reset();
  if (!std::exchange(started_, false)) return {};
  if (!flowctl::is_supervised(dir())) {
    (void)flowctl::clear_leftovers(dir());
    return {};
  }
  const std::optional<int> code = run_flowctl({"down", kFlowName, "--timeout", "5s"},
                                              clock_.now() + kToEnd, /*stoppable=*/false);
  if (code == flowctl::kExitOk) return {};
  if (flowctl::is_supervised(dir())) {
    const pid_t supervisor = flowctl::supervisor_pid(dir());
    if (supervisor > 0) ::kill(supervisor, SIGKILL);  // the kernel ends its children
  }
  (void)flowctl::clear_leftovers(dir());
  return Error{Errc::kInternal,
               "the flow did not end by itself: " + gist(read_file(folder_ + "/said"))};
}

std::string gist(const std::string& said) {
  std::string last;
  for (const std::string_view line : split(said, '\n')) {
    const std::string_view text = trim(line);
    if (text.empty()) continue;
    last = text;
    if (text.find("error") != std::string_view::npos) break;
  }
  if (last.size() > kGistBytes) last.resize(kGistBytes);
  return last.empty() ? "nothing was said" : last;
}

}  // namespace flow::conformance
