// GPUs in turn: what the broker makes of CUDA_VISIBLE_DEVICES and the devices of a worker's host.
#include <doctest/doctest.h>

#include "tests/broker/broker_world.h"

namespace flow::broker {
namespace {

using std::chrono::milliseconds;
using Devices = std::optional<std::string>;

// What a worker of this name is told.
Devices given(World& world, const std::string& name, wire::DevicesAsked asked) {
  world.devices_of_newcomers = std::move(asked);
  const Peer& peer = world.worker(name);
  REQUIRE(peer.welcome.has_value());
  return peer.welcome->devices;
}

std::string refusal(World& world, const std::string& name, wire::DevicesAsked asked) {
  world.devices_of_newcomers = std::move(asked);
  const Peer& peer = world.worker(name);
  CHECK_FALSE(peer.welcome.has_value());
  return peer.refusals.empty() ? "not refused" : peer.refusals.front();
}

const ValueMap& executor(const ValueMap& status, std::size_t index) {
  return *(*status.find("executors")->if_list())[index].if_map();
}

const ValueMap& instance(const ValueMap& status, std::size_t executor_index, std::size_t index) {
  const Value& instances = *executor(status, executor_index).find("instances");
  return *(*instances.if_list())[index].if_map();
}

ValueList devices(const ValueMap& status, std::size_t index) {
  return *instance(status, 0, index).find("devices")->if_list();
}

TEST_CASE("replicas get the devices in turn, the same in every shard") {
  World world({{"encode", 2, 3}});
  CHECK(given(world, "encode/shard-0/rep-0", {"RR0:2", 4}) == "0");
  CHECK(given(world, "encode/shard-0/rep-1", {"RR0:2", 4}) == "1");
  CHECK(given(world, "encode/shard-0/rep-2", {"RR0:2", 4}) == "0");
  CHECK(given(world, "encode/shard-1/rep-0", {"RR0:2", 4}) == "0");
  CHECK(given(world, "encode/shard-1/rep-1", {"RR0:2", 4}) == "1");
}

TEST_CASE("devices are counted by the host of each worker") {
  World world({{"encode", 1, 3}});
  CHECK(given(world, "encode/rep-0", {"RR-1", 2}) == "1");
  CHECK(given(world, "encode/rep-1", {"RR-1", 8}) == "7");
}

TEST_CASE("a value that is no selector stays, and none stays none") {
  World world({{"encode", 1, 3}});
  CHECK(given(world, "encode/rep-0", {"1,0", 0}) == "1,0");
  CHECK(given(world, "encode/rep-1", {"", 0}) == Devices());
  CHECK(given(world, "encode/rep-2", {"RRGPU-a,GPU-b,GPU-c", 0}) == "GPU-c");
  const ValueMap status = world.core().status(world.now);
  CHECK(devices(status, 0) == ValueList{"1", "0"});
  CHECK(devices(status, 1) == ValueList{});
  CHECK(devices(status, 2) == ValueList{"GPU-c"});
}

TEST_CASE("a host without GPUs gives an empty value and a warning, once for an executor") {
  World world({{"encode", 1, 2}, {"index", 1, 1}});
  CHECK(given(world, "encode/rep-0", {"RR", 0}) == "");
  CHECK(given(world, "encode/rep-1", {"RR", 0}) == "");
  CHECK(given(world, "index/rep-0", {"", 0}) == Devices());
  const ValueMap status = world.core().status(world.now);
  CHECK(*executor(status, 0).find("warnings")->if_list() ==
        ValueList{"CUDA_VISIBLE_DEVICES = \"RR\", but host host has no GPU: it starts without"});
  CHECK(executor(status, 1).find("warnings") == nullptr);
  CHECK(devices(status, 0).empty());
}

TEST_CASE("what selects nothing on its host is refused, and the status says why it is gone") {
  World world({{"encode", 1, 3}});
  const std::string seven =
      "CUDA_VISIBLE_DEVICES on host host: 'RR7' names device 7, but there are 4 devices (0 to 3)";
  CHECK(refusal(world, "encode/rep-0", {"RR7", 4}) == seven);
  CHECK(refusal(world, "encode/rep-1", {"RR4:", 4}) ==
        "CUDA_VISIBLE_DEVICES on host host: 'RR4:' selects none of 4 devices (0 to 3)");
  CHECK(refusal(world, "encode/rep-2", {"RR1,", 4}) ==
        "CUDA_VISIBLE_DEVICES on host host: 'RR1,' selects no devices: an entry of the list is "
        "empty");
  const ValueMap status = world.core().status(world.now);
  CHECK(*instance(status, 0, 0).find("state") == Value("down"));
  CHECK(instance(status, 0, 0).find("reason")->if_string()->find(seven) != std::string::npos);
  CHECK(world.core().instances().empty());
}

TEST_CASE("an instance of another broker that asks for what is not there is refused, too") {
  World world({{"encode", 1, 1}});
  wire::Hello hello;
  hello.name = "encode/rep-0";
  hello.instance = InstanceId{7};
  hello.ready = wire::Ready();
  hello.ready->data_address = "ipc:///x";
  hello.devices = {"RR9", 2};
  world.to_core(ConnectionId{50}, hello);
  world.pump();
  REQUIRE(world.refused[50].size() == 1);
  CHECK(world.refused[50][0].find("'RR9' names device 9") != std::string::npos);
  CHECK(world.core().instances().empty());
}

TEST_CASE("a program around shards takes turns only where its own environment says so") {
  graph::FlowDecl flow;
  graph::ExecutorDecl index;
  index.name.value = "index";
  index.uses.value = "pass-through";
  index.needs.push_back({"gateway", {}});
  index.shards = 2;
  index.uses_before = graph::CompanionDecl();
  index.uses_before->uses.value = "normalise";
  index.uses_before->replicas = 2;
  index.uses_before->env = {{"CUDA_VISIBLE_DEVICES", "RR1:"}};
  index.uses_after = graph::CompanionDecl();
  index.uses_after->uses.value = "match-merger";
  flow.executors.push_back(index);
  World world(options_for(flow));
  CHECK(given(world, "index/uses_before/rep-1", {"RR1:", 3}) == "2");
  CHECK(given(world, "index/uses_after/rep-0", {"RR", 3}) == Devices());
  CHECK(given(world, "index/shard-1/rep-0", {"RR", 3}) == "0");
}

TEST_CASE("a new broker tells the same devices as the one before") {
  World world({{"encode", 1, 2}});
  world.devices_of_newcomers = {"RR2:", 4};
  world.bring_up();
  const ValueMap before = world.core().status(world.now);
  CHECK(devices(before, 0) == ValueList{"2"});
  CHECK(devices(before, 1) == ValueList{"3"});
  world.restart_broker();
  world.run(milliseconds(1500));
  const ValueMap after = world.core().status(world.now);
  CHECK(devices(after, 0) == ValueList{"2"});
  CHECK(devices(after, 1) == ValueList{"3"});
  CHECK(world["encode/rep-1"].refusals.empty());
}

}  // namespace
}  // namespace flow::broker
