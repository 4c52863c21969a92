#include <doctest/doctest.h>

#include <algorithm>

#include "tests/broker/lane_world.h"

namespace flow::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::InstanceState;

TEST_CASE("a lane waits for its publishers, and the reason says who has to see whom") {
  World world({{"encode"}, {"index", 2, 1}});
  Peer& encode = world.worker("encode/rep-0");
  CHECK(encode.welcome->publishes);
  encode.blind = true;
  world.worker("index/shard-0/rep-0");
  Peer& late = world.worker("index/shard-1/rep-0");
  Peer& gateway = world.gateway();
  CHECK_FALSE(gateway.welcome->publishes);
  world.run(milliseconds(200));

  REQUIRE(lanes(world, InstanceState::kStarting).size() == 1);
  const InstanceId id = lanes(world, InstanceState::kStarting)[0].id;
  const std::string waits = "index: lane " + std::to_string(id.value) + " waits for encode/rep-0 ";
  CHECK(world.core().state() == FlowState::kStarting);
  CHECK(reason(world) == waits + "to see index/shard-0/rep-0");
  set_marks(world, encode, {{id, at(world, 0, 0).id()}});
  world.run(milliseconds(50));
  CHECK(reason(world) == waits + "to see index/shard-1/rep-0");
  CHECK(serving(world).empty());

  set_marks(world, encode, {{id, at(world, 0, 0).id()}, {id, late.id()}});
  world.run(milliseconds(50));
  CHECK(serving(world).size() == 1);
  CHECK(world.core().state() == FlowState::kReady);
  CHECK(gateway.topologies.back().lanes == serving(world));
}

TEST_CASE("a publisher that has not taken over the topology with the lane is waited for") {
  World world({{"encode"}, {"index", 2, 1}});
  world.worker("encode/rep-0").acknowledges = false;
  world.worker("index/shard-0/rep-0");
  world.worker("index/shard-1/rep-0");
  world.gateway();
  world.run(milliseconds(200));
  CHECK(serving(world).empty());
  CHECK(reason(world).find("encode/rep-0 to take over the topology") != std::string::npos);

  world["encode/rep-0"].member->acknowledge(world.core().version(), 0);
  world.run(milliseconds(100));

  CHECK(serving(world).size() == 1);
  CHECK(world.core().state() == FlowState::kReady);
}

TEST_CASE("a worker that comes later is planned when it sees all lanes; they serve on meanwhile") {
  World world({{"encode", 1, 2}, kIndex2x2});
  world.bring_up();
  world.kill(world["encode/rep-1"]);
  world.run(milliseconds(20));
  world.newcomers_are_blind = true;
  Peer& late = world.worker("encode/rep-1");
  world.run(milliseconds(200));

  CHECK(world.in_topology(late.id(), InstanceState::kStarting));
  CHECK_FALSE(late.topologies.empty());
  CHECK(serving(world).size() == 2);
  CHECK(world.core().state() == FlowState::kDegraded);
  CHECK(reason(world).find("waits for encode/rep-1 to see index/shard-0/rep-0") !=
        std::string::npos);

  late.blind = false;
  world.run(milliseconds(20));
  CHECK(world.in_topology(late.id(), InstanceState::kServing));
  CHECK(world.core().state() == FlowState::kReady);
  CHECK(world.core().counters().lanes_formed == 2);
}

TEST_CASE("a lane does not serve while a member of it waits for lanes behind it") {
  World world({kIndex2x2, {"store", 2, 1}});
  world.bring_up();
  world.newcomers_are_blind = true;
  Peer& late = restart(world, at(world, 0, 0));
  world.run(milliseconds(100));

  REQUIRE(lanes(world, InstanceState::kStarting).size() == 1);
  CHECK(lanes(world, InstanceState::kStarting)[0].members[0] == late.id());
  CHECK(world.in_topology(late.id(), InstanceState::kStarting));
  late.blind = false;
  world.run(milliseconds(20));
  CHECK(lanes(world, InstanceState::kStarting).empty());
}

TEST_CASE("a second gateway gets no topology before it sees all lanes; the first goes on") {
  World world({kIndex2x2});
  world.bring_up();
  const std::size_t pushed = world.pushed.size();
  world.newcomers_are_blind = true;
  Peer& second = world.gateway("gateway/1");
  world.run(milliseconds(200));

  CHECK(world.core().topology().gateways.size() == 2);  // members subscribe to it
  CHECK(second.topologies.empty());
  for (std::size_t i = pushed; i < world.pushed.size(); ++i)
    for (const wire::TopologyLane& lane : world.pushed[i].lanes)
      CHECK(lane.state == InstanceState::kServing);
  CHECK(world.core().state() == FlowState::kReady);  // one gateway is enough

  second.blind = false;
  world.run(milliseconds(50));
  REQUIRE_FALSE(second.topologies.empty());
  CHECK(second.topologies.front().lanes == serving(world));
}

TEST_CASE("a subscription that goes away takes the lane out of plans until it is back") {
  World world({kIndex2x2});
  world.bring_up();
  const std::vector<wire::TopologyLane> before = serving(world);
  std::vector<wire::LaneMark> marks;
  for (const wire::TopologyLane& lane : before)
    for (const InstanceId member : lane.members)
      marks.push_back({lane.id, member});

  Peer& gateway = world["gateway/0"];
  set_marks(world, gateway, {marks.begin() + 1, marks.end()});
  world.run(milliseconds(10));
  CHECK(serving(world) == std::vector{before[1]});
  CHECK(lanes(world, InstanceState::kRetired).empty());
  CHECK(world.core().state() == FlowState::kReady);  // a complete lane serves

  set_marks(world, gateway, {marks.begin() + 3, marks.end()});
  world.run(milliseconds(10));
  CHECK(serving(world).empty());
  CHECK(world.core().state() == FlowState::kDegraded);
  CHECK(reason(world) == "index: lane " + std::to_string(before[0].id.value) +
                             " waits for gateway/0 to see index/shard-0/rep-0");

  set_marks(world, gateway, marks);
  world.run(milliseconds(10));
  CHECK(serving(world) == before);
  CHECK(world.core().state() == FlowState::kReady);
}

TEST_CASE("a restarted broker keeps lanes, ids and states, and gives new ids above them") {
  for (const bool store_is_lost : {false, true}) {
    CAPTURE(store_is_lost);
    World world({{"encode"}, kIndex2x2});
    world.bring_up();
    restart(world, at(world, 0, 0));  // so that a lane has the highest id
    world.run(milliseconds(100));
    const std::vector<wire::TopologyLane> before = serving(world);
    const std::size_t pushed = world.pushed.size();
    world["encode/rep-0"].blind = true;  // and says nothing new

    world.stop_broker();
    if (store_is_lost) world.data.lose_everything();
    world.start_broker();
    world.run(seconds(3));

    CHECK(world.core().state() == FlowState::kReady);
    CHECK(serving(world) == before);
    CHECK(world.core().counters().lanes_formed == 0);
    for (std::size_t i = pushed; i < world.pushed.size(); ++i)
      CHECK(std::ranges::count(world.pushed[i].lanes, InstanceState::kServing,
                               &wire::TopologyLane::state) == 2);
    CHECK(restart(world, at(world, 1, 1)).id() > before.back().id);
  }
}

TEST_CASE("a publisher that a new broker has not heard saw what served; then its word counts") {
  World world({{"encode"}, {"index", 2, 1}});
  world.bring_up();
  const std::vector<wire::TopologyLane> before = serving(world);
  Peer& encode = world["encode/rep-0"];
  encode.paused = true;

  world.restart_broker();
  world.run(milliseconds(700));  // others may be missed by now, it is not suspected yet
  CHECK(serving(world) == before);

  encode.blind = true;
  encode.member->set_subscriptions({});
  encode.paused = false;
  world.run(milliseconds(700));
  CHECK(serving(world).empty());
  encode.blind = false;
  world.run(milliseconds(20));
  CHECK(serving(world) == before);
}

TEST_CASE("a publisher that executes while the broker is replaced keeps the lanes serving") {
  for (const bool store_is_lost : {false, true}) {
    CAPTURE(store_is_lost);
    World world({{"encode"}, kIndex2x2});
    world.bring_up();
    const std::vector<wire::TopologyLane> before = serving(world);
    const std::size_t pushed = world.pushed.size();
    world["encode/rep-0"].acknowledges = false;

    world.stop_broker();
    if (store_is_lost) world.data.lose_everything();
    world.start_broker();
    world.run(seconds(3));

    REQUIRE(world.pushed.size() > pushed);
    for (std::size_t i = pushed; i < world.pushed.size(); ++i)
      CHECK(world.pushed[i].lanes == before);
    CHECK(serving(world) == before);
    CHECK(world.core().state() == FlowState::kReady);
  }
}

TEST_CASE("a worker that joins a restarted broker has to take over the topology like others") {
  World world({{"encode", 1, 2}, {"index", 2, 1}});
  world.bring_up();
  const std::vector<wire::TopologyLane> before = serving(world);
  world.restart_broker();
  world.run(seconds(1));
  world.kill(world["encode/rep-1"]);
  Peer& late = world.worker("encode/rep-1", false);
  late.acknowledges = false;
  set_marks(world, late,
            {{before[0].id, at(world, 0, 0).id()}, {before[0].id, at(world, 1, 0).id()}});
  wire::Ready ready;
  ready.data_address = address_of(late.name, late.pid);
  late.member->ready(ready);
  world.run(milliseconds(50));

  CHECK(serving(world) == before);
  CHECK(world.in_topology(late.id(), InstanceState::kStarting));
  late.member->acknowledge(world.core().version(), 0);
  world.run(milliseconds(20));
  CHECK(world.in_topology(late.id(), InstanceState::kServing));
}

TEST_CASE("a lane that waited when the broker was killed waits on under the next one") {
  World world({{"encode"}, {"index", 2, 1}});
  world.worker("encode/rep-0").acknowledges = false;
  world.worker("index/shard-0/rep-0");
  world.worker("index/shard-1/rep-0");
  world.gateway();
  world.run(milliseconds(100));
  REQUIRE(lanes(world, InstanceState::kStarting).size() == 1);

  at(world, 0, 0).paused = true;  // so that nothing is pushed before encode said what it sees
  world.restart_broker();
  world.run(milliseconds(100));
  at(world, 0, 0).paused = false;
  world.run(seconds(1));
  for (const wire::Topology& topology : world.pushed)
    CHECK(std::ranges::count(topology.lanes, InstanceState::kServing, &wire::TopologyLane::state) ==
          0);
  CHECK(reason(world).find("encode/rep-0 to take over the topology") != std::string::npos);

  world["encode/rep-0"].member->acknowledge(world.core().version(), 0);
  world.run(milliseconds(100));
  CHECK(serving(world).size() == 1);
  CHECK(world.core().counters().lanes_formed == 0);
}

TEST_CASE("a gateway that never got a topology does not count as having seen lanes") {
  World world({{"index", 2, 1}});
  world.bring_up();
  world.newcomers_are_blind = true;
  Peer& second = world.gateway("gateway/1");
  world.run(milliseconds(50));

  world.restart_broker();
  world.run(seconds(1));
  CHECK(second.topologies.empty());
  second.blind = false;
  world.run(milliseconds(50));

  CHECK_FALSE(second.topologies.empty());
  CHECK(world.core().counters().lost == 0);
}

TEST_CASE("a publisher that was silent is planned again when it sees the lanes made meanwhile") {
  World world({{"encode", 1, 3}, kIndex2x2});
  world.bring_up();
  Peer& silent = world["encode/rep-1"];
  silent.paused = true;
  world.run(seconds(1));
  CHECK(world.in_topology(silent.id(), InstanceState::kSuspect));
  restart(world, at(world, 0, 0));
  world.run(milliseconds(100));
  CHECK(serving(world).size() == 2);

  silent.blind = true;
  silent.paused = false;
  world.run(milliseconds(300));
  CHECK(world.in_topology(silent.id(), InstanceState::kStarting));
  CHECK(serving(world).size() == 2);
  silent.blind = false;
  world.run(milliseconds(50));
  CHECK(world.in_topology(silent.id(), InstanceState::kServing));
}

TEST_CASE("a gateway that was silent gets no topology before it sees the lanes made meanwhile") {
  World world({kIndex2x2, {"rank", 1, 3}});
  world.bring_up();
  world.gateway("gateway/1");
  world.run(milliseconds(50));
  Peer& gateway = world["gateway/0"];
  gateway.paused = true;
  world.run(seconds(1));
  const std::size_t before = gateway.topologies.size();
  restart(world, at(world, 0, 0));
  world.run(milliseconds(100));
  CHECK(gateway.held.empty());
  CHECK(serving(world).size() == 2);

  gateway.blind = true;
  gateway.paused = false;
  world.run(milliseconds(300));
  CHECK(gateway.topologies.size() == before);
  gateway.blind = false;
  world.run(milliseconds(50));
  CHECK(gateway.topologies.size() > before);
  CHECK(world.core().state() == FlowState::kReady);
}

TEST_CASE("a worker that waits for lanes is suspected and given up like others") {
  World world({{"encode", 1, 2}, {"index", 2, 1}});
  world.bring_up();
  world.newcomers_are_blind = true;
  Peer& late = restart(world, world["encode/rep-1"]);
  world.run(milliseconds(500));
  REQUIRE(world.in_topology(late.id(), InstanceState::kStarting));

  late.paused = true;
  world.run(milliseconds(1200));
  CHECK(world.in_topology(late.id(), InstanceState::kSuspect));
  world.run(seconds(3));
  CHECK_FALSE(world.in_topology(late.id()));
}

TEST_CASE("subscriptions that were told before ready count") {
  World world({{"encode", 1, 2}, {"index", 2, 1}});
  world.bring_up();
  const wire::TopologyLane lane = serving(world)[0];
  world.kill(world["encode/rep-1"]);
  Peer& late = world.worker("encode/rep-1", false);
  late.acknowledges = false;
  set_marks(world, late, {{lane.id, lane.members[0]}, {lane.id, lane.members[1]}});
  wire::Ready ready;
  ready.data_address = address_of(late.name, late.pid);
  late.member->ready(ready);
  world.run(milliseconds(20));
  CHECK(world.in_topology(late.id(), InstanceState::kStarting));  // it may not know the lane
  late.member->acknowledge(world.core().version(), 0);
  world.run(milliseconds(20));

  CHECK(world.in_topology(late.id(), InstanceState::kServing));
}

TEST_CASE(
    "marks of no lane and of no member change nothing and are counted; too many are refused") {
  World world({{"index", 2, 1}});
  world.bring_up();
  const wire::TopologyLane lane = serving(world)[0];
  Peer& gateway = world["gateway/0"];
  const wire::LaneMark first{lane.id, lane.members[0]};
  const wire::LaneMark second{lane.id, lane.members[1]};

  set_marks(world, gateway, {first, second, {lane.id, {77}}, {{99}, lane.members[0]}, {{}, {}}});
  CHECK(world.core().counters().marks_stray == 3);
  CHECK(serving(world).size() == 1);

  const std::vector<wire::LaneMark> too_many(kMaxMarks + 1, wire::LaneMark{{99}, {1}});
  set_marks(world, gateway, too_many);
  world.run(milliseconds(10));
  CHECK(world.core().counters().marks_refused == 1);
  CHECK(serving(world).size() == 1);
  // In any order, and twice: it is the same.
  world.to_core(gateway.connection, wire::Subscriptions{{second, first, second}});
  world.run(milliseconds(10));
  CHECK(serving(world).size() == 1);
}

TEST_CASE("both a gateway and an executor publish to a node that needs both") {
  NodePlan index{"index", 2, 1};
  index.needs = {"gateway", "encode"};
  World world({NodePlan{"encode"}, index});
  world.bring_up();
  CHECK(world["gateway/0"].welcome->publishes);
  CHECK(world["encode/rep-0"].welcome->publishes);
  const wire::LaneMark mark{serving(world)[0].id, serving(world)[0].members[0]};

  set_marks(world, world["gateway/0"], {mark});
  world.run(milliseconds(10));
  CHECK(serving(world).empty());
  CHECK(reason(world).find("waits for gateway/0 to see index/shard-1/rep-0") != std::string::npos);
}

TEST_CASE("what is only split over a lane needs no publisher and waits for no subscription") {
  NodePlan split{"index", 2, 1};
  split.polling = polled(Polling::kHash);
  World world({{"encode"}, split});
  Peer& encode = world.worker("encode/rep-0");
  CHECK_FALSE(encode.welcome->publishes);
  encode.blind = true;
  encode.acknowledges = false;
  world.worker("index/shard-0/rep-0");
  world.run(milliseconds(50));
  CHECK(serving(world).empty());
  world.worker("index/shard-1/rep-0");
  Peer& gateway = world.gateway();
  world.run(milliseconds(200));

  CHECK(members(serving(world)) == AllMembers{lane_of(world, {0, 0})});
  CHECK(world.core().state() == FlowState::kReady);
  CHECK(gateway.topologies.back().lanes == serving(world));
  CHECK(gateway.topologies.back().sorts);

  world.kill(at(world, 1, 0));
  world.run(milliseconds(20));
  CHECK(serving(world).empty());
  CHECK(world.core().state() == FlowState::kDegraded);
}

}  // namespace
}  // namespace flow::broker
