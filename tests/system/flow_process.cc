#include "flow_process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/json.h"

namespace flow::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kPollMs = 5;

std::string programs_folder() {
  const char* other = std::getenv("FLOW_TEST_PROGRAMS");
  return other != nullptr ? other : FLOW_PROGRAMS;
}

// Every process whose command line names `folder`, this one excepted.
std::vector<std::pair<pid_t, std::string>> processes_of(const std::string& folder) {
  std::vector<std::pair<pid_t, std::string>> found;
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", failed)) {
    const std::string name = entry.path().filename().string();
    if (!std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c) != 0; })) continue;
    std::string line = read_file("/proc/" + name + "/cmdline");
    std::ranges::replace(line, '\0', ' ');
    const pid_t pid = std::stoi(name);
    if (pid != getpid() && line.find(folder) != std::string::npos) found.emplace_back(pid, line);
  }
  return found;
}

int exit_code(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

Value parsed(const std::string& text) {
  Result<Value> value = parse_json(text);
  return value ? std::move(*value) : Value();
}

std::string joined(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, ","));
}

}  // namespace

std::string read_file(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;  // an iterator would throw for a file of /proc whose process has gone
  text << file.rdbuf();
  return text.str();
}

Instant now() {
  return SystemClock().now();
}

bool eventually(const std::function<bool()>& condition, Duration patience) {
  const Instant until = now() + patience;
  while (!condition()) {
    if (now() >= until) return false;
    ::poll(nullptr, 0, kPollMs);
  }
  return true;
}

Program::Program(Program&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      code_(other.code_),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)) {}

Program& Program::operator=(Program&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(code_, other.code_);
  std::swap(out_, other.out_);
  std::swap(err_, other.err_);
  return *this;
}

Program::~Program() {
  if (pid_ == 0) return;
  signal(SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
}

void Program::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

bool Program::ended() {
  int status = 0;
  if (pid_ > 0 && waitpid(pid_, &status, WNOHANG) == pid_) {
    pid_ = 0;
    code_ = exit_code(status);
  }
  return pid_ == 0;
}

std::string Program::out() const {
  return read_file(out_);
}

std::string Program::err() const {
  return read_file(err_);
}

Finished Program::wait(Duration patience) {
  if (!eventually([this] { return ended(); }, patience)) {
    signal(SIGKILL);
    CHECK(eventually([this] { return ended(); }));
  }
  return {code_, out(), err()};
}

Sandbox::Sandbox() {
  std::string name = "/tmp/flow-system-XXXXXX";
  REQUIRE(mkdtemp(name.data()) != nullptr);
  path_ = name;
  environment_ = {{"FLOW_RUN_DIR", path_ + "/run"},
                  {"FLOW_STATE_DIR", path_ + "/state"},
                  {"FLOW_EXECUTOR_PATH", ""},
                  {"FLOW_LOG", "warn"},
                  {"NO_COLOR", "1"},
                  {"HOME", path_},
                  {"PATH", programs_folder() + ":/usr/local/bin:/usr/bin:/bin"}};
}

Sandbox::~Sandbox() {
  for (const auto& [pid, line] : processes_of(path_))
    ::kill(pid, SIGKILL);
  (void)eventually([this] { return processes_of(path_).empty(); });
  std::error_code failed;
  fs::remove_all(path_, failed);
}

std::string Sandbox::run_dir(std::string_view flow) const {
  return fmt::format("{}/run/{}", path_, flow);
}

std::string Sandbox::file(std::string_view name) const {
  return fmt::format("{}/{}", path_, name);
}

std::string Sandbox::write(std::string_view name, std::string_view text, bool executable) const {
  const std::string path = file(name);
  std::ofstream(path, std::ios::binary) << text;
  if (executable) ::chmod(path.c_str(), S_IRWXU);
  return path;
}

Program Sandbox::start(std::vector<std::string> command, std::string_view input) {
  const int number = programs_++;
  const std::string in = write(fmt::format("stdin-{}", number), input);
  const std::string out = write(fmt::format("stdout-{}", number), "");
  const std::string err = write(fmt::format("stderr-{}", number), "");
  std::vector<std::string> texts;
  for (const auto& [name, value] : environment_)
    texts.push_back(fmt::format("{}={}", name, value));
  std::vector<char*> environment;
  for (std::string& text : texts)
    environment.push_back(text.data());
  environment.push_back(nullptr);
  std::vector<char*> arguments;
  for (std::string& argument : command)
    arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    dup2(open(in.c_str(), O_RDONLY), STDIN_FILENO);
    dup2(open(out.c_str(), O_WRONLY | O_APPEND), STDOUT_FILENO);
    dup2(open(err.c_str(), O_WRONLY | O_APPEND), STDERR_FILENO);
    if (chdir(path_.c_str()) != 0) _exit(127);
    execve(arguments[0], arguments.data(), environment.data());
    _exit(127);
  }
  return {pid, out, err};
}

Program Sandbox::start_flowctl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), programs_folder() + "/flowctl");
  return start(std::move(arguments));
}

Finished Sandbox::flowctl(std::vector<std::string> arguments, std::string_view input) {
  arguments.insert(arguments.begin(), programs_folder() + "/flowctl");
  return start(std::move(arguments), input).wait();
}

std::string Sandbox::leftovers() const {
  std::string found;
  for (const auto& [pid, line] : processes_of(path_))
    found += fmt::format("process {}: {}\n", pid, line);
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path_ + "/run", failed))
    found += fmt::format("file {}\n", entry.path().string());
  return found;
}

Flow::Flow(Sandbox& sandbox, std::string_view executors, std::vector<std::string> arguments)
    : sandbox_(sandbox), dir_(sandbox.run_dir("t")) {
  const std::string file =
      sandbox.write("t.toml", fmt::format("[flow]\nname = \"t\"\n{}", executors));
  arguments.insert(arguments.begin(), {"up", file});
  up_ = sandbox.start_flowctl(std::move(arguments));
  const bool ready =
      eventually([this] { return up_.ended() || up_.out().find("is ready") != std::string::npos; });
  INFO(up_.err());
  REQUIRE(ready);
  REQUIRE(up_.pid() != 0);
}

Flow::~Flow() {
  if (up_.pid() != 0 && std::uncaught_exceptions() == 0) stop();
}

Value Flow::post(const std::string& endpoint, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"post", endpoint, "--flow", "t", "--show-header"});
  const Finished finished = sandbox_.flowctl(std::move(arguments));
  INFO("stdout: ", finished.out, "stderr: ", finished.err);
  Value reply = parsed(finished.out);
  REQUIRE(reply.if_map() != nullptr);
  reply.if_map()->set("exit", finished.code);
  return reply;
}

Client Flow::client(std::uint32_t max_in_flight) const {
  ClientOptions options;
  options.max_in_flight = max_in_flight;
  Result<Client> client = Client::connect("ipc://" + dir_ + "/gateway.ipc", options);
  REQUIRE(client.ok());
  return std::move(*client);
}

Value Flow::status() {
  const Finished finished = sandbox_.flowctl({"status", "t", "-o", "json"});
  return parsed(finished.out);
}

std::string Flow::state() {
  return text_of(at(status(), "state"));
}

Value Flow::instance(std::string_view name) {
  const Value answer = status();
  for (const std::string_view list : {"executors", "gateways"}) {
    const ValueList* entries = at(answer, list).if_list();
    if (entries == nullptr) continue;
    for (const Value& entry : *entries) {
      if (text_of(at(entry, "name")) == name && at(entry, "instances").is_null()) return entry;
      const ValueList* instances = at(entry, "instances").if_list();
      if (instances == nullptr) continue;
      for (const Value& instance : *instances) {
        if (text_of(at(instance, "name")) == name) return instance;
      }
    }
  }
  return {};
}

pid_t Flow::pid(std::string_view name) {
  const Value known = parsed(read_file(dir_ + "/endpoints.json"));
  const std::int64_t* pid = at(at(known, "pids"), name).if_int();
  return pid != nullptr ? static_cast<pid_t>(*pid) : 0;
}

pid_t Flow::kill(std::string_view name, int signal) {
  const pid_t victim = pid(name);
  REQUIRE(victim > 0);
  REQUIRE(::kill(victim, signal) == 0);
  return victim;
}

bool Flow::back(std::string_view name, pid_t before, Duration patience) {
  const bool member = name != "broker" && name != "redis";
  return eventually(
      [&] {
        const pid_t current = pid(name);
        if (current == 0 || current == before) return false;
        const Value known = member ? at(instance(name), "pid") : Value(std::int64_t{current});
        return known == Value(std::int64_t{current}) && state() == "ready";
      },
      patience);
}

Finished Flow::stop() {
  up_.signal(SIGINT);
  Finished finished = up_.wait();
  INFO("stderr: ", finished.err);
  CHECK(finished.code == 0);
  CHECK(sandbox_.leftovers() == "");
  return finished;
}

std::string executor(std::string_view name, std::string_view uses, std::string_view more) {
  return fmt::format("[[executor]]\nname = \"{}\"\nuses = \"{}\"\n{}\n", name, uses, more);
}

std::string append(std::string_view name, std::string_view needs) {
  const std::string with = fmt::format("with = {{ text = \"{}\" }}\n", name);
  return executor(name, "append", needs.empty() ? with : fmt::format("{}needs = {}", with, needs));
}

std::string record(std::string_view name, std::string_view needs) {
  return executor(name, "record", needs.empty() ? "" : fmt::format("needs = {}", needs));
}

const Value& at(const Value& value, std::string_view key) {
  static const Value kNull;
  const ValueMap* map = value.if_map();
  const Value* found = map != nullptr ? map->find(key) : nullptr;
  return found != nullptr ? *found : kNull;
}

std::string text_of(const Value& value) {
  return value.if_string() != nullptr ? *value.if_string() : to_json(value);
}

std::string texts(const Value& reply) {
  std::vector<std::string> found;
  const ValueList* documents = at(reply, "docs").if_list();
  if (documents == nullptr) return "(no documents)";
  for (const Value& document : *documents)
    found.push_back(at(document, "text").is_null() ? "" : text_of(at(document, "text")));
  return joined(found);
}

std::string texts(const Reply& reply) {
  std::vector<std::string> found;
  for (const wire::Document& document : reply.documents)
    found.emplace_back(document.text());
  return joined(found);
}

std::string header(const Value& reply, std::string_view field) {
  return text_of(at(at(reply, "header"), field));
}

std::vector<Value> lines(const Sandbox& sandbox, std::string_view recorder) {
  std::vector<Value> found;
  std::error_code failed;
  const std::string workspaces = sandbox.file(fmt::format("state/t/{}", recorder));
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(workspaces, failed)) {
    if (entry.path().filename() != "record.jsonl") continue;
    std::istringstream text(read_file(entry.path().string()));
    for (std::string line; std::getline(text, line);)
      found.push_back(parsed(line));
  }
  return found;
}

wire::DocumentList one_document(std::string_view id, std::string_view text) {
  wire::Document document;
  document.set_id(id);
  document.set_text(text);
  wire::DocumentList list;
  list.push_back(std::move(document));
  return list;
}

}  // namespace flow::testing
