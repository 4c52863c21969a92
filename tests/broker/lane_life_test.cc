#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "tests/broker/lane_world.h"

namespace flow::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::InstanceState;

// What must hold in every topology that anybody got, whatever happened before.
struct Watch {
  void look(World& world) {
    for (; seen < world.pushed.size(); ++seen) {
      const wire::Topology& topology = world.pushed[seen];
      for (const wire::TopologyLane& lane : topology.lanes) {
        const auto [known, fresh] = members.emplace(lane.id, lane.members);
        CHECK(known->second == lane.members);
        CHECK_FALSE(instances.contains(lane.id));
        if (lane.state == InstanceState::kServing) check_members(topology, lane);
      }
      for (const wire::TopologyInstance& instance : topology.instances) {
        instances.insert(instance.id);
        CHECK_FALSE(members.contains(instance.id));
      }
    }
  }

  static void check_members(const wire::Topology& topology, const wire::TopologyLane& lane) {
    for (std::size_t shard = 0; shard < lane.members.size(); ++shard) {
      if (!lane.members[shard]) continue;
      const auto member =
          std::ranges::find(topology.instances, lane.members[shard], &wire::TopologyInstance::id);
      REQUIRE(member != topology.instances.end());
      CHECK(member->state == InstanceState::kServing);
      CHECK(member->shard == shard);
    }
  }

  // Everybody who may be planned sees all members of the lanes that may be.
  static void check_barrier(World& world) {
    const wire::Topology& topology = world.core().topology();
    if (topology.term != world.core().term()) return;  // of the broker before
    for (const wire::TopologyLane& lane : topology.lanes) {
      if (lane.state != InstanceState::kServing) continue;
      for (const auto& [id, publisher] : world.core().instances()) {
        const auto& needs = topology.nodes[lane.node.value].needs;
        if (!publisher.serves() || std::ranges::count(needs, publisher.node) == 0) continue;
        for (const InstanceId member : lane.members)
          CHECK((!member || std::ranges::count(publisher.seen, wire::LaneMark{lane.id, member})));
      }
    }
  }

  std::size_t seen = 0;
  std::map<InstanceId, Members> members;
  std::set<InstanceId> instances;
};

void happen(World& world, std::uint64_t dice) {
  std::vector<Peer*> living;
  std::vector<Peer*> paused;
  std::set<std::string> gone;
  for (Peer& peer : world.peers) {
    if (peer.dead) gone.insert(peer.name);
    if (!peer.dead) (peer.paused ? paused : living).push_back(&peer);
  }
  for (const Peer* peer : living)
    gone.erase(peer->name);
  const auto pick = [dice](const auto& from) { return from[(dice >> 8) % from.size()]; };
  const bool more = living.size() > 3;
  switch (dice % 8) {
    case 0:
    case 1:
      if (more && pick(living)->role == wire::Role::kWorker) world.kill(*pick(living));
      break;
    case 2:
      if (more) pick(living)->paused = true;
      break;
    case 3: pick(living)->blind = !pick(living)->blind; break;
    case 4: world.restart_broker(); break;
    case 5:
      if (!paused.empty()) pick(paused)->paused = false;
      break;
    default:
      if (!gone.empty()) world.worker(*std::next(gone.begin(), (dice >> 8) % gone.size()));
  }
}

TEST_CASE("whatever happens, what may be planned is seen, and in the end everything serves") {
  const char* seeds = std::getenv("FLOW_BROKER_SEEDS");
  const std::uint64_t last = seeds == nullptr ? 40 : std::strtoull(seeds, nullptr, 10);
  REQUIRE(last > 0);
  for (std::uint64_t seed = 1; seed <= last; ++seed) {
    CAPTURE(seed);
    std::uint64_t dice = seed * 0x9E3779B97F4A7C15ULL;
    World world({{"encode", 1, 2}, partial(2, 2), {"store", 3, 1}, {"rank", 1, 1}});
    world.bring_up();
    Watch watch;
    for (int step = 0; step < 25; ++step) {
      dice = dice * 6364136223846793005ULL + 1442695040888963407ULL;
      happen(world, dice >> 16);
      world.run(milliseconds((dice >> 40) % 250));
      watch.look(world);
      if (step % 5 != 0) continue;
      world.run(milliseconds(25));  // the longest pause between two topologies
      Watch::check_barrier(world);
    }
    for (Peer& peer : world.peers)
      peer.paused = peer.blind = false;
    world.run(seconds(5));
    std::map<std::string, bool> held;
    for (const Peer& peer : world.peers)
      held[peer.name] = held[peer.name] || !peer.dead;
    for (const auto& [name, is_held] : held) {
      if (!is_held) world.worker(name);
    }
    world.run(seconds(1));
    watch.look(world);

    CHECK(world.core().state() == FlowState::kReady);
    CHECK(reason(world) == "");
    CHECK(serving(world).size() == 3);
    CHECK(lanes(world, InstanceState::kStarting).empty());
  }
}

}  // namespace
}  // namespace flow::broker
