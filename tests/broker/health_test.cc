#include <doctest/doctest.h>

#include "tests/broker/broker_world.h"

namespace flow::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::InstanceState;

TEST_CASE("a killed instance is out of the topology as soon as its address refuses") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  Peer& victim = world["encode/rep-1"];

  world.kill(victim);
  world.run(milliseconds(5));

  CHECK_FALSE(world.in_topology(victim.id()));
  CHECK(world.core().state() == FlowState::kDegraded);
  CHECK(world.core().reason().find("encode/rep-1") != std::string::npos);
  CHECK(world.core().reason().find("nobody listens") != std::string::npos);
}

TEST_CASE("an address that still listens right after the connection ended is asked again") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  Peer& victim = world["encode/rep-1"];
  const std::string address = address_of(victim.name, victim.pid);
  world.answers[address] = Probed::kListening;
  world.kill(victim);
  world.run(milliseconds(20));
  CHECK(world.in_topology(victim.id()));

  world.answers.erase(address);
  world.run(milliseconds(40));

  CHECK_FALSE(world.in_topology(victim.id()));
}

TEST_CASE("a connection that ended costs nobody anything who still listens") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  const std::uint64_t version = world.core().version();

  world.connection_lost();
  world.run(seconds(1));

  CHECK(world.core().version() == version);
  CHECK(world.core().state() == FlowState::kReady);
}

TEST_CASE("a silent instance is suspected after 0.8 s, dead after 3 s, and refused when it wakes") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  Peer& stopped = world["encode/rep-0"];
  world.run(milliseconds(400));
  stopped.paused = true;

  world.run(milliseconds(500));
  CHECK(world.in_topology(stopped.id(), InstanceState::kServing));
  world.run(milliseconds(500));
  CHECK(world.in_topology(stopped.id(), InstanceState::kSuspect));
  CHECK(world.core().state() == FlowState::kDegraded);
  CHECK(world.core().reason().find("silent for") != std::string::npos);
  world.run(milliseconds(1700));
  CHECK(world.in_topology(stopped.id(), InstanceState::kSuspect));
  world.run(milliseconds(500));
  CHECK_FALSE(world.in_topology(stopped.id()));

  stopped.paused = false;
  world.run(milliseconds(300));
  REQUIRE_FALSE(stopped.refusals.empty());
  CHECK(stopped.refusals[0].find("silent for") != std::string::npos);
}

TEST_CASE("a suspect that is heard again serves again") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  Peer& stopped = world["encode/rep-0"];
  stopped.paused = true;
  world.run(milliseconds(1500));
  CHECK(world.in_topology(stopped.id(), InstanceState::kSuspect));

  stopped.paused = false;
  world.run(milliseconds(300));

  CHECK(world.in_topology(stopped.id(), InstanceState::kServing));
  CHECK(world.core().state() == FlowState::kReady);
  CHECK(world.core().counters().lost == 0);
}

TEST_CASE("an executor without any instance makes the flow down, and says so") {
  World world({NodePlan{"encode"}, {"index", 1, 2}});
  world.bring_up();

  world.kill(world["encode/rep-0"]);
  world.run(milliseconds(50));
  CHECK(world.core().state() == FlowState::kDown);
  CHECK(world.core().reason().find("encode/rep-0 is gone") != std::string::npos);

  world.worker("encode/rep-0");
  world.run(milliseconds(50));
  CHECK(world.core().state() == FlowState::kReady);
}

TEST_CASE("an executor no answer waits for makes the flow degraded, not down") {
  NodePlan side{"side"};
  side.needs = {"gateway"};
  NodePlan answer{"answer"};
  answer.needs = {"gateway"};
  World world({side, answer});
  world.bring_up();
  world.kill(world["side/rep-0"]);
  world.run(milliseconds(50));
  CHECK(world.core().state() == FlowState::kDegraded);
  CHECK(world.core().reason().starts_with("side/rep-0"));
}

TEST_CASE("an exit notice is a death at once") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  Peer& leaving = world["encode/rep-0"];

  leaving.member->leave("executor stuck for 6 s", false);
  world.run(milliseconds(5));

  CHECK_FALSE(world.in_topology(leaving.id()));
  CHECK(world.core().reason().find("executor stuck for 6 s") != std::string::npos);
}

TEST_CASE("a broker that stood still blames nobody") {
  World world({{"encode", 1, 4}});
  world.bring_up();
  const std::uint64_t version = world.core().version();

  world.jump(seconds(10));
  world.run(seconds(2));

  CHECK(world.core().counters().late == 1);
  CHECK(world.core().counters().lost == 0);
  CHECK(world.core().version() == version);
  CHECK(world.core().state() == FlowState::kReady);
}

TEST_CASE("when most of an executor is silent at once the broker doubts itself") {
  World world({{"encode", 1, 4}, {"index", 1, 8}});
  world.bring_up();
  const std::uint64_t version = world.core().version();
  for (const char* name : {"encode/rep-0", "encode/rep-1", "encode/rep-2"})
    world[name].paused = true;

  world.run(seconds(10));

  CHECK(world.core().version() == version);
  CHECK(world.core().counters().lost == 0);
  CHECK(world.core().counters().frozen > 0);
  CHECK(world.core().state() == FlowState::kDegraded);
  CHECK(world.core().reason().find("too many are at once") != std::string::npos);
  for (const char* name : {"encode/rep-0", "encode/rep-1", "encode/rep-2"})
    world[name].paused = false;
  world.run(milliseconds(500));
  CHECK(world.core().state() == FlowState::kReady);
}

TEST_CASE("a refused connection is the second witness that ends the doubt") {
  World world({{"encode", 1, 4}});
  world.bring_up();
  for (const char* name : {"encode/rep-0", "encode/rep-1", "encode/rep-2"})
    world[name].dead = true;  // nobody tells the broker

  world.run(seconds(2));

  CHECK(world.core().counters().lost == 3);
  CHECK(world.core().topology().instances.size() == 1);
}

TEST_CASE("when a third of all is silent at once the broker doubts itself") {
  World world({{"a", 1, 2}, {"b", 1, 2}, {"c", 1, 2}, {"d", 1, 2}});
  world.bring_up();
  for (const char* name : {"a/rep-0", "b/rep-0", "c/rep-0", "d/rep-0"})
    world[name].paused = true;

  world.run(seconds(5));

  CHECK(world.core().counters().lost == 0);
  CHECK(world.core().counters().frozen > 0);
}

TEST_CASE("a gateway is a witness: the broker looks for itself") {
  World world({{"encode", 1, 2}});
  world.bring_up();
  Peer& victim = world["encode/rep-0"];

  world["gateway/0"].member->report_gone(victim.id());
  world.run(milliseconds(5));
  CHECK(world.in_topology(victim.id(), InstanceState::kServing));
  victim.dead = true;
  world["gateway/0"].member->report_gone(victim.id());
  world.run(milliseconds(5));

  CHECK_FALSE(world.in_topology(victim.id()));
}

TEST_CASE("a process that constructs its executor may be silent until its ready timeout") {
  World world({{"encode", 1, 2}});
  Peer& slow = world.worker("encode/rep-0");
  world.gateway();
  world.worker("encode/rep-1", false).paused = true;
  world.run(seconds(30));
  CHECK(world.core().instances().size() == 3);
  CHECK(world.in_topology(slow.id()));

  world.run(seconds(31));
  CHECK(world.core().instances().size() == 2);
}

TEST_CASE("health is written when it changes, at most once a second, else every five") {
  World world({NodePlan{"encode"}});
  world.bring_up();
  world.run(seconds(1));
  world.health.clear();

  world.run(seconds(10));
  std::size_t of_encode = 0;
  for (const store::SaveHealth& saved : world.health)
    of_encode += saved.instance == "encode/rep-0" ? 1 : 0;
  CHECK(of_encode == 2);

  world.health.clear();
  for (std::uint32_t i = 0; i < 100; ++i) {
    world["encode/rep-0"].member->set_beat(wire::Beat{i, 0, 0, 0, 0, 0});
    world.run(milliseconds(100));
  }
  of_encode = 0;
  for (const store::SaveHealth& saved : world.health)
    of_encode += saved.instance == "encode/rep-0" ? 1 : 0;
  CHECK(of_encode >= 9);
  CHECK(of_encode <= 11);
}

}  // namespace
}  // namespace flow::broker
