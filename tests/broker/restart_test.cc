#include <doctest/doctest.h>

#include <algorithm>

#include "tests/broker/broker_world.h"

namespace flow::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::InstanceState;

std::size_t smallest_pushed(const World& world, std::size_t from) {
  std::size_t smallest = ~std::size_t{0};
  for (std::size_t i = from; i < world.pushed.size(); ++i)
    smallest = std::min(smallest, world.pushed[i].instances.size());
  return smallest;
}

TEST_CASE("a restarted broker keeps every instance, takes a higher term and gives new ids only") {
  World world({{"encode", 1, 3}});
  world.bring_up();
  const std::uint64_t term = world.core().term();
  const std::uint64_t version = world.core().version();
  const std::size_t pushed = world.pushed.size();
  const InstanceId highest = world["gateway/0"].id();

  world.restart_broker();
  CHECK(world.core().term() == term + 1);
  world.run(seconds(5));

  CHECK(world.core().state() == FlowState::kReady);
  CHECK(world.core().version() > version);
  CHECK(world.core().counters().lost == 0);
  CHECK(smallest_pushed(world, pushed) == 3);
  for (Peer& peer : world.peers) {
    CHECK_FALSE(peer.dead);
    CHECK(peer.member->topology()->term == term + 1);
    CHECK(peer.member->topology()->version == world.core().version());
  }
  CHECK(world.worker("encode/rep-1").id() > highest);
}

TEST_CASE("an id given just before a broker died is not given again") {
  World world({{"encode", 1, 3}});
  world.bring_up();
  world.stop_broker();
  Peer& ghost = world["encode/rep-0"];
  const InstanceId given = ghost.id();
  ghost.dead = true;

  world.start_broker();
  world.run(seconds(1));
  Peer& next = world.worker("encode/rep-0");

  CHECK(next.id() > given);
  for (const Peer& peer : world.peers)
    CHECK((&peer == &next || peer.id() != next.id()));
}

TEST_CASE("a broker that finds an empty store rebuilds the flow from those who say hello") {
  World world({{"encode", 1, 3}});
  world.bring_up();
  world.kill(world["encode/rep-2"]);
  world.worker("encode/rep-2");
  world.run(milliseconds(100));
  const std::uint64_t version = world.core().version();
  const std::uint64_t term = world.core().term();
  const InstanceId highest = world["encode/rep-2"].id();
  const std::size_t pushed = world.pushed.size();

  world.stop_broker();
  world.data.lose_everything();
  world.start_broker();
  world.run(seconds(3));

  CHECK(world.core().state() == FlowState::kReady);
  CHECK(world.core().term() > term);
  CHECK(world.core().version() > version);
  CHECK(world.core().counters().lost == 0);
  CHECK(smallest_pushed(world, pushed) == 3);
  CHECK(world.data.term == world.core().term());
  CHECK(world.worker("encode/rep-0").id() > highest);
}

TEST_CASE("who joins a broker that lost all it knew gets an id that nobody has") {
  World world({{"encode", 1, 3}});
  world.bring_up();
  const InstanceId highest = world["gateway/0"].id();
  world.kill(world["encode/rep-1"]);
  world.stop_broker();
  world.data.lose_everything();

  world.start_broker();
  Peer& next = world.worker("encode/rep-1");  // the first to say hello
  world.run(seconds(3));

  CHECK(next.id() > highest);
  CHECK(world.core().state() == FlowState::kReady);
  CHECK(world.core().counters().refused == 0);
}

TEST_CASE("an old backup in the store gives way to what the gateway holds") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  const store::MemoryData backup = world.data;
  world.kill(world["encode/rep-0"]);
  world.worker("encode/rep-0");
  world.run(seconds(1));
  const InstanceId current = world["encode/rep-0"].id();
  const std::uint64_t version = world.core().version();
  const std::size_t pushed = world.pushed.size();

  world.stop_broker();
  world.data = backup;
  world.start_broker();
  world.run(seconds(3));

  CHECK(world.core().state() == FlowState::kReady);
  CHECK(world.core().version() > version);
  CHECK(world.in_topology(current, InstanceState::kServing));
  CHECK(world.core().topology().instances.size() == 2);
  CHECK(smallest_pushed(world, pushed) == 2);
}

TEST_CASE("an instance that died with the broker is missed after the grace period, not before") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  world.stop_broker();
  Peer& victim = world["encode/rep-0"];
  victim.dead = true;
  world.run(seconds(1));
  world.start_broker();

  world.run(milliseconds(450));
  CHECK(world.core().instances().contains(victim.id()));
  world.run(milliseconds(200));

  CHECK_FALSE(world.in_topology(victim.id()));
  CHECK(world.core().topology().instances.size() == 1);
  CHECK(world["gateway/0"].member->topology()->instances.size() == 1);
}

TEST_CASE("a zombie of the time before does not take its slot back") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  Peer& zombie = world["encode/rep-0"];
  zombie.paused = true;
  world.run(seconds(4));
  Peer& current = world.worker("encode/rep-0");
  world.run(milliseconds(100));

  world.restart_broker();
  world.run(milliseconds(600));
  zombie.paused = false;
  world.run(milliseconds(600));

  CHECK_FALSE(zombie.refusals.empty());
  CHECK(world.in_topology(current.id(), InstanceState::kServing));
  CHECK_FALSE(world.in_topology(zombie.id()));
}

TEST_CASE("a store that is away delays a start by one second and nothing else") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  const std::uint64_t term = world.core().term();
  const std::uint64_t version = world.core().version();
  const InstanceId highest = world["gateway/0"].id();
  world.stop_broker();
  world.data.away = true;
  world.start_broker();

  world.run(milliseconds(900));
  CHECK(world.core().term() == 0);
  CHECK(world.core().state() == FlowState::kStarting);
  CHECK(world.core().reason() == "waiting for the store");
  world.run(seconds(1));

  CHECK(world.core().state() == FlowState::kReady);
  CHECK(world.core().term() > term);
  CHECK(world.core().version() > version);
  const InstanceId next = world.worker("encode/rep-0").id();
  CHECK(next > highest);
  world.run(milliseconds(100));

  world.data.away = false;
  world.run(seconds(1));
  CHECK(world.data.term == world.core().term());
  CHECK(world.data.version == world.core().version());
  CHECK(world.core().state() == FlowState::kReady);
}

TEST_CASE("a store that loses everything is filled again, and nobody notices") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  const std::uint64_t version = world.core().version();

  world.data.lose_everything();
  world.run(seconds(1));

  CHECK(world.data.term == world.core().term());
  CHECK(world.data.version == world.core().version());
  CHECK(world.data.assignment.size() == 3);
  CHECK(world.data.spec == "[flow]");
  CHECK(world.core().version() == version);
  CHECK(world.core().state() == FlowState::kReady);
}

TEST_CASE("a broker that another one replaced pushes nothing any more") {
  World world({{"encode", 1, 3}});
  world.bring_up();
  world.data.term = world.core().term() + 5;
  world.run(seconds(6));  // health is written, and refused
  const std::uint64_t version = world.core().version();

  world.kill(world["encode/rep-0"]);
  world.run(seconds(5));

  CHECK(world.core().version() == version);
  CHECK(world.core().state() == FlowState::kDegraded);
  CHECK(world.core().reason().find("another broker leads") != std::string::npos);
}

TEST_CASE("a flow that was ended and is started again does not wait for those from before") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  const InstanceId highest = world["gateway/0"].id();
  world.stop_broker();
  for (Peer& peer : world.peers)
    peer.dead = true;
  world.run(seconds(5));
  world.start_broker();
  const Instant start = world.now;

  world.worker("encode/rep-0");
  world.worker("encode/rep-1");
  CHECK(world.gateway().id() > highest);
  while (world.core().state() != FlowState::kReady && world.now < start + seconds(1))
    world.run(milliseconds(1));

  CHECK(world.now - start <= milliseconds(25));
  CHECK(world.core().topology().instances.size() == 2);
}

TEST_CASE("a broker that died before anything was ready delays nothing") {
  World world({NodePlan{"encode"}});
  world.restart_broker();
  const Instant start = world.now;
  world.worker("encode/rep-0");
  world.gateway();
  while (world.core().state() != FlowState::kReady && world.now < start + seconds(1))
    world.run(milliseconds(1));

  CHECK(world.now - start <= milliseconds(25));
}

TEST_CASE("joining, leaving and moving to another host are events in the store") {
  World world({NodePlan{"encode"}});
  world.bring_up();
  wire::Hello elsewhere;
  elsewhere.name = "encode/rep-0";
  elsewhere.pid = 7;
  elsewhere.host = "other";
  world.to_core(ConnectionId{500}, elsewhere);
  world.run(milliseconds(20));

  std::vector<std::string> kinds;
  for (const auto& [kind, detail] : world.data.events)
    if (kind != "state") kinds.push_back(kind);
  CHECK(kinds == std::vector<std::string>{"joined", "joined", "lost", "moved"});
  CHECK(world.data.assignment.at("encode/0/0").find("\"other\"") != std::string::npos);
}

TEST_CASE("a first start does not wait for anybody from before") {
  World world({NodePlan{"encode"}});
  const Instant start = world.now;
  world.worker("encode/rep-0");
  world.gateway();
  while (world.core().state() != FlowState::kReady && world.now < start + seconds(1))
    world.run(milliseconds(1));

  CHECK(world.now - start <= milliseconds(25));
}

}  // namespace
}  // namespace flow::broker
