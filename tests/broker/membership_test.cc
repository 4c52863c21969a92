#include <doctest/doctest.h>

#include "tests/broker/broker_world.h"

namespace flow::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::InstanceState;

TEST_CASE("ids are given from 1 and a welcome carries all a worker needs") {
  World world({{"encode", 1, 2}, {"index", 2, 1}});

  Peer& first = world.worker("encode/rep-1");
  Peer& second = world.worker("index/shard-1/rep-0");

  CHECK(first.id() == InstanceId{1});
  CHECK(second.id() == InstanceId{2});
  REQUIRE(second.welcome.has_value());
  const wire::Welcome& welcome = *second.welcome;
  CHECK(welcome.flow == "hello");
  CHECK(welcome.executor == "index");
  CHECK(welcome.node == NodeIndex{1});
  CHECK(welcome.shard == 1);
  CHECK(welcome.shards == 2);
  CHECK(welcome.replicas == 1);
  CHECK(welcome.with.find("dim") != nullptr);
  CHECK(welcome.workspace == "/state/hello/index/1/0");
  CHECK(welcome.beat == milliseconds(200));
  CHECK(welcome.max_part_bytes == 16U << 20);
}

TEST_CASE("programs in front of and behind shards are nodes with slots of their own") {
  graph::FlowDecl flow;
  graph::ExecutorDecl index;
  index.name.value = "index";
  index.uses.value = "pass-through";
  index.needs.push_back({"gateway", {}});
  index.shards = 2;
  index.ready_timeout = seconds(20);
  index.uses_before = graph::CompanionDecl();
  index.uses_before->uses.value = "normalise";
  index.uses_before->replicas = 2;
  index.uses_after = graph::CompanionDecl();
  index.uses_after->uses.value = "match-merger";
  flow.executors.push_back(index);
  World world(options_for(flow));

  Peer& before = world.worker("index/uses_before/rep-1", false);
  Peer& main = world.worker("index/shard-1/rep-0");
  Peer& after = world.worker("index/uses_after/rep-0");

  REQUIRE(before.welcome.has_value());
  CHECK(before.welcome->executor == "index");
  CHECK(before.welcome->workspace == "/state/hello/index/uses_before/0/1");
  CHECK(before.welcome->replicas == 2);
  CHECK(before.welcome->publishes);
  CHECK(main.welcome->executor == "index");
  CHECK_FALSE(main.welcome->publishes);
  CHECK(after.welcome->executor == "index");
  CHECK_FALSE(world.gateway().welcome->publishes);
  CHECK(world.data.assignment.contains("index/uses_before/0/1"));
  world.run(milliseconds(20));
  CHECK(world.core().reason().find("index/uses_before/rep-0 has not started") != std::string::npos);
  const ValueMap status = world.admin("status").value;
  const ValueList& executors = *status.find("executors")->if_list();
  REQUIRE(executors.size() == 3);
  CHECK(*executors[0].if_map()->find("name") == Value("index/uses_before"));
  CHECK(*executors[0].if_map()->find("uses") == Value("normalise"));
  before.paused = true;
  world.run(seconds(19));
  CHECK(world.core().instances().contains(before.id()));  // it may take its time to be ready
  world.run(seconds(2));
  CHECK_FALSE(world.core().instances().contains(before.id()));
}

TEST_CASE("a gateway is welcomed with its settings, sizes in bytes and times in microseconds") {
  World world({NodePlan{"encode"}});

  Peer& gateway = world.gateway();

  REQUIRE(gateway.welcome.has_value());
  const ValueMap& settings = gateway.welcome->settings;
  CHECK(*settings.find("deadline") == Value(30'000'000));
  CHECK(*settings.find("max_in_flight") == Value(1024));
  CHECK(*settings.find("max_in_flight_bytes") == Value(std::int64_t{256} << 20));
  CHECK(*settings.find("max_queued") == Value(4096));
  CHECK(*settings.find("max_request") == Value(std::int64_t{16} << 20));
  CHECK(*settings.find("unavailable_after") == Value(1'000'000));
  CHECK(settings.find("address") != nullptr);
}

TEST_CASE("a process for a slot the graph does not have is refused and told which there are") {
  World world({{"encode", 1, 2}});

  Peer& stranger = world.worker("decode/rep-0");
  Peer& confused = world.gateway("encode/rep-0");

  REQUIRE(stranger.refusals.size() == 1);
  CHECK(stranger.refusals[0].find("'decode/rep-0'") != std::string::npos);
  CHECK(stranger.refusals[0].find("encode/rep-0, encode/rep-1") != std::string::npos);
  REQUIRE(confused.refusals.size() == 1);
  CHECK(confused.refusals[0].find("gateway/0") != std::string::npos);
  CHECK(world.core().instances().empty());
}

TEST_CASE("a hello said twice gets the same id") {
  World world({NodePlan{"encode"}});
  Peer& worker = world.worker("encode/rep-0");

  wire::Hello again;
  again.name = "encode/rep-0";
  again.pid = worker.pid;
  world.to_core(worker.connection, again);
  world.pump();

  CHECK(world.core().instances().size() == 1);
  CHECK(worker.id() == InstanceId{1});
  CHECK(worker.refusals.empty());
}

TEST_CASE("a flow is ready when every slot serves and the gateway has taken over the topology") {
  World world({{"encode", 1, 2}});
  world.admin("status");
  CHECK(world.core().state() == FlowState::kStarting);
  world.worker("encode/rep-0");
  Peer& gateway = world.gateway();
  gateway.acknowledges = false;
  world.run(milliseconds(100));
  CHECK(world.core().state() == FlowState::kStarting);
  CHECK(world.core().reason() == "encode/rep-1 has not started");

  world.worker("encode/rep-1");
  world.run(milliseconds(100));
  CHECK(world.core().state() == FlowState::kStarting);
  gateway.member->acknowledge(world.core().version(), world.core().version());
  world.pump();

  CHECK(world.core().state() == FlowState::kReady);
  CHECK(world.core().reason().empty());
  CHECK(world.core().topology().instances.size() == 2);
  REQUIRE(world.core().topology().gateways.size() == 1);
  CHECK(world.core().topology().gateways[0].data_address == address_of("gateway/0", gateway.pid));
}

TEST_CASE("a process that waits for the flow is answered when it is ready, not before") {
  World world({NodePlan{"encode"}});
  ValueMap arguments;
  arguments.set("state", "ready");
  world.to_core(ConnectionId{9000}, wire::AdminRequest{5, "wait", arguments});
  world.worker("encode/rep-0");
  CHECK(world.replies.empty());

  world.gateway();
  world.run(milliseconds(50));

  REQUIRE(world.replies.size() == 1);
  CHECK(world.replies[0].id == 5);
  CHECK(world.replies[0].code == Errc::kOk);
  CHECK(*world.replies[0].value.find("state") == Value("ready"));
}

TEST_CASE("at most 64 wait, and a wait for a state that does not exist is an error") {
  World world({NodePlan{"encode"}});
  for (std::uint32_t i = 0; i < kMaxWaiters; ++i)
    world.to_core(ConnectionId{9000 + i}, wire::AdminRequest{1, "wait", {}});
  world.pump();
  CHECK(world.replies.empty());

  CHECK(world.admin("wait", {}, 9999).code == Errc::kOverloaded);
  ValueMap wrong;
  wrong.set("state", "happy");
  CHECK(world.admin("wait", wrong, 9998).code == Errc::kInvalidArgument);
  CHECK(world.admin("dance").code == Errc::kInvalidArgument);
}

TEST_CASE("30 workers that come up together cost few topologies, and the last comes at once") {
  World world({{"encode", 1, 30}});
  world.gateway();
  for (int i = 0; i < 30; ++i) {
    world.worker("encode/rep-" + std::to_string(i));
    world.run(milliseconds(2));
  }
  const Instant last = world.now;
  while (world.core().state() != FlowState::kReady && world.now < last + seconds(1))
    world.run(milliseconds(1));

  CHECK(world.core().state() == FlowState::kReady);
  CHECK(world.now - last <= milliseconds(10));
  CHECK(world.core().counters().pushes <= 6);
}

TEST_CASE("a new incarnation in a slot makes the old one dead at once and gets another id") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  Peer& old_one = world["encode/rep-0"];

  Peer& new_one = world.worker("encode/rep-0");
  world.run(milliseconds(20));

  CHECK(new_one.id() > world["gateway/0"].id());
  REQUIRE(old_one.refusals.size() == 1);
  CHECK(old_one.refusals[0].find("a new incarnation took its place") != std::string::npos);
  CHECK_FALSE(world.in_topology(old_one.id()));
  CHECK(world.in_topology(new_one.id(), InstanceState::kServing));
  CHECK(world.core().state() == FlowState::kReady);
}

TEST_CASE("a gateway hears of new instances after the workers have, and of deaths at once") {
  World world({{"encode", 1, 3}});
  world.worker("encode/rep-0");
  world.worker("encode/rep-1").acknowledges = false;
  Peer& gateway = world.gateway();
  world.run(milliseconds(200));
  const std::uint64_t before = gateway.member->topology()->version;

  Peer& late = world.worker("encode/rep-2");
  world.run(milliseconds(25));
  CHECK(world["encode/rep-0"].member->topology()->version > before);
  CHECK(gateway.member->topology()->version == before);
  world.run(milliseconds(50));
  CHECK(gateway.member->topology()->version > before);

  world.kill(late);
  world.run(milliseconds(5));
  CHECK(gateway.member->topology()->version == world.core().version());
  CHECK_FALSE(world.in_topology(late.id()));
}

TEST_CASE("everybody hears that a flow drains") {
  World world({{"a", 1, 1}});
  world.bring_up();
  CHECK_FALSE(world["a/rep-0"].topologies.back().draining);

  CHECK(world.admin("drain").code == Errc::kOk);
  world.run(seconds(1));

  CHECK(world["a/rep-0"].topologies.back().draining);
  CHECK(world["gateway/0"].topologies.back().draining);
}

TEST_CASE("an instance that is asked to drain leaves in two steps and is then told to end") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  Peer& leaving = world["encode/rep-0"];
  Peer& gateway = world["gateway/0"];
  gateway.oldest_plan = world.core().version();  // a request in flight, planned before

  ValueMap arguments;
  arguments.set("instance", "encode/rep-0");
  CHECK(world.admin("drain", arguments).code == Errc::kOk);
  world.run(milliseconds(100));
  CHECK(world.in_topology(leaving.id(), InstanceState::kRetired));
  CHECK(leaving.drains == 0);
  CHECK(world.core().state() == FlowState::kDegraded);

  gateway.member->acknowledge(world.core().version(), world.core().version());
  world.run(milliseconds(100));
  CHECK_FALSE(world.in_topology(leaving.id()));
  CHECK(leaving.drains == 1);
  CHECK(leaving.refusals.empty());
  CHECK(world.core().counters().drained == 1);
  CHECK(world.core().counters().lost == 0);
}

TEST_CASE("a worker that says it leaves is retired first; its successor does not disturb it") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  Peer& leaving = world["encode/rep-0"];
  world["gateway/0"].oldest_plan = 1;
  leaving.member->leave("SIGTERM", true);
  world.run(milliseconds(50));
  CHECK(world.in_topology(leaving.id(), InstanceState::kRetired));

  Peer& next = world.worker("encode/rep-0");
  world.run(milliseconds(50));

  CHECK(world.in_topology(leaving.id(), InstanceState::kRetired));
  CHECK(world.in_topology(next.id(), InstanceState::kServing));
  CHECK(world.core().state() == FlowState::kReady);
  world.kill(leaving);
  world.run(milliseconds(50));
  CHECK_FALSE(world.in_topology(leaving.id()));
  CHECK(world.core().counters().lost == 0);
}

TEST_CASE("draining an unknown instance is an error that names those there are") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  ValueMap arguments;
  arguments.set("instance", "encode/rep-7");

  const wire::AdminReply reply = world.admin("drain", arguments);

  CHECK(reply.code == Errc::kNotFound);
  CHECK(reply.message.find("encode/rep-1") != std::string::npos);
  CHECK(world.admin("drain").code == Errc::kOk);
  CHECK(world.core().state() == FlowState::kDraining);
}

TEST_CASE("a member that holds a newer topology than the broker makes it go above") {
  World world({NodePlan{"encode"}});
  world.bring_up();
  const std::uint64_t before = world.core().version();

  wire::TopologyAck ack;
  ack.version = before + 40;
  ack.accepted = false;
  world.to_core(world["encode/rep-0"].connection, ack);
  world.run(milliseconds(20));

  CHECK(world.core().version() == before + 41);
  CHECK(world["gateway/0"].member->topology()->version == before + 41);
}

TEST_CASE("connections beyond the limit are not answered, and counted") {
  World world({NodePlan{"encode"}});
  for (std::uint32_t i = 0; i < kMaxConnections + 10; ++i)
    world.to_core(ConnectionId{10000 + i}, wire::Beat{});
  world.pump();

  CHECK(world.core().counters().overflow == 10);
  CHECK(world.core().counters().unknown == kMaxConnections);
}

TEST_CASE("the status has what the contract says") {
  World world({{"encode", 1, 2}, {"index", 2, 1}});
  world.bring_up();

  const ValueMap status = world.admin("status").value;

  for (const char* key :
       {"flow", "state", "reason", "since", "term", "version", "gateway", "executors"}) {
    CAPTURE(key);
    CHECK(status.find(key) != nullptr);
  }
  CHECK(*status.find("state") == Value("ready"));
  CHECK(*status.find("gateway") == Value("tcp://127.0.0.1:1"));
  const ValueList& executors = *status.find("executors")->if_list();
  REQUIRE(executors.size() == 2);
  const ValueMap& index = *executors[1].if_map();
  CHECK(*index.find("shards") == Value(2));
  CHECK(*index.find("uses") == Value("pass-through"));
  const ValueList& instances = *index.find("instances")->if_list();
  REQUIRE(instances.size() == 2);
  const ValueMap& row = *instances[1].if_map();
  for (const char* key :
       {"name", "id", "host", "pid", "state", "reason", "since", "shard", "replica", "queue",
        "in_flight", "executed", "service_us", "restarts", "rss_bytes", "devices"}) {
    CAPTURE(key);
    CHECK(row.find(key) != nullptr);
  }
  CHECK(*row.find("name") == Value("index/shard-1/rep-0"));
  CHECK(*row.find("state") == Value("ready"));
  CHECK(*row.find("restarts") == Value(0));
}

TEST_CASE("the same calls give the same effects") {
  const auto story = [] {
    World world({{"encode", 1, 3}, {"index", 2, 2}});
    world.bring_up();
    world.kill(world["index/shard-1/rep-0"]);
    world["encode/rep-2"].paused = true;
    world.run(seconds(5));
    world.worker("encode/rep-2");
    world.restart_broker();
    world.run(seconds(2));
    return world.trace;
  };

  CHECK(story() == story());
}

}  // namespace
}  // namespace flow::broker
