#include "flowctl/launch.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "config/flow_file.h"

namespace flow::flowctl {
namespace {

Launch plan(const std::string& text, std::vector<std::string> overrides = {}) {
  config::LoadOptions load;
  load.overrides = overrides;
  config::LoadResult result = config::load_flow_text(text, "/flows/x.toml", load);
  REQUIRE(result.ok());
  LaunchOptions options;
  options.flow_file = "/flows/x.toml";
  options.run_dir = "/run/flow/x";
  options.overrides = std::move(overrides);
  return plan_launch(*result.flow, options);
}

std::vector<std::string> names(const Launch& launch) {
  std::vector<std::string> out;
  for (const Planned& planned : launch.processes)
    out.push_back(planned.spec.name);
  return out;
}

const Planned& find(const Launch& launch, const std::string& name) {
  const auto it = std::ranges::find(launch.processes, name,
                                    [](const Planned& planned) { return planned.spec.name; });
  REQUIRE(it != launch.processes.end());
  return *it;
}

bool has(const Planned& planned, const std::string& option, const std::string& value) {
  const auto& arguments = planned.spec.arguments;
  const auto it = std::ranges::find(arguments, option);
  return it != arguments.end() && it + 1 != arguments.end() && *(it + 1) == value;
}

}  // namespace

TEST_CASE("a flow is Redis, broker, gateway and a worker a replica") {
  const Launch launch = plan(
      "[flow]\nname = \"x\"\n[[executor]]\nname = \"a\"\nreplicas = 2\n"
      "env = { LEVEL = \"high\" }\nrestart = false\n");
  CHECK(names(launch) ==
        std::vector<std::string>{"redis", "broker", "gateway/0", "a/rep-0", "a/rep-1"});
  const Planned& worker = find(launch, "a/rep-1");
  CHECK(has(worker, "--name", "a/rep-1"));
  CHECK(has(worker, "--broker", "ipc:///run/flow/x/broker.ipc"));
  CHECK(has(worker, "--run-dir", "/run/flow/x"));
  CHECK(has(worker, "--uses", "pass-through"));
  CHECK(worker.spec.environment.at("LEVEL") == "high");
  CHECK(worker.spec.log == "/run/flow/x/logs/a.rep-1.log");
  CHECK_FALSE(worker.restart);
  CHECK(find(launch, "gateway/0").restart);
}

TEST_CASE("the broker is told the private Redis and every --set") {
  const Launch launch =
      plan("[flow]\nname = \"x\"\n[[executor]]\nname = \"a\"\n", {"gateway.deadline=5s"});
  const Planned& broker = find(launch, "broker");
  CHECK(has(broker, "--flow", "/flows/x.toml"));
  CHECK(has(broker, "--redis", "unix:///run/flow/x/redis.sock"));
  CHECK(has(broker, "--set", "gateway.deadline=5s"));
}

TEST_CASE("a flow with a Redis of its own starts none") {
  const Launch launch = plan(
      "[flow]\nname = \"x\"\n[redis]\nurl = \"redis://127.0.0.1:6379/0\"\n"
      "[[executor]]\nname = \"a\"\n");
  CHECK_FALSE(launch.private_redis);
  CHECK(names(launch).front() == "broker");
  CHECK_FALSE(has(find(launch, "broker"), "--redis", launch.redis));
}

TEST_CASE("a selector of devices in flowctl's own environment is refused for whom it is meant") {
  config::LoadResult result = config::load_flow_text(
      "[flow]\nname = \"x\"\n[[executor]]\nname = \"own\"\nenv = { CUDA_VISIBLE_DEVICES = \"1\" }\n"
      "[[executor]]\nname = \"a\"\n",
      "/flows/x.toml", {});
  REQUIRE(result.ok());
  for (const char* fine : {"", "0,1", "1,,", "RR", "RR1:", "RRGPU-a"})
    CHECK(check_devices(*result.flow, fine).ok());
  const Status refused = check_devices(*result.flow, "RR1,3,");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.starts_with(
      "CUDA_VISIBLE_DEVICES of this process is for executor 'a', which has none of its own: "
      "'RR1,3,' selects no devices: an entry of the list is empty; right are RR (all), "));
  result.flow->decl.executors.pop_back();
  CHECK(check_devices(*result.flow, "RR1,3,").ok());
}

}  // namespace flow::flowctl
