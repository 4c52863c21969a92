#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "broker/lanes.h"

namespace flow::broker {
namespace {

// Instance ids of one shard, by replica; 0: nobody is there.
std::vector<LaneCandidate> shard(std::initializer_list<std::uint32_t> ids) {
  std::vector<LaneCandidate> candidates;
  std::uint16_t replica = 0;
  for (const std::uint32_t id : ids) {
    if (id != 0) candidates.push_back({InstanceId{id}, replica});
    ++replica;
  }
  return candidates;
}

LaneMembers lane(std::initializer_list<std::uint32_t> ids) {
  LaneMembers members;
  for (const std::uint32_t id : ids)
    members.push_back(InstanceId{id});
  return members;
}

using Lanes = std::vector<LaneMembers>;

TEST_CASE("replicas of the same number are in a lane together") {
  CHECK(wanted_lanes({shard({1, 2}), shard({3, 4}), shard({5, 6})}, false) ==
        Lanes{lane({1, 3, 5}), lane({2, 4, 6})});
  CHECK(wanted_lanes({shard({1, 2, 3}), shard({4, 0, 6})}, false) ==
        Lanes{lane({1, 4}), lane({2, 4}), lane({3, 6})});
}

TEST_CASE("there are as many lanes as the largest shard has instances, whatever their numbers") {
  CHECK(wanted_lanes({shard({1, 0, 2, 0}), shard({0, 3, 0, 4})}, false) ==
        Lanes{lane({1, 3}), lane({2, 4})});
  CHECK(wanted_lanes({shard({1, 2, 3, 4, 5}), shard({6, 7})}, false) ==
        Lanes{lane({1, 6}), lane({2, 7}), lane({3, 6}), lane({4, 7}), lane({5, 6})});
}

TEST_CASE("without instances of a shard there are lanes only for those who can do without it") {
  CHECK(wanted_lanes({shard({1, 2}), shard({})}, false).empty());
  CHECK(wanted_lanes({shard({1, 2}), shard({0, 0})}, true) == Lanes{lane({1, 0}), lane({2, 0})});
  CHECK(wanted_lanes({shard({}), shard({})}, true).empty());
  CHECK(wanted_lanes({}, true).empty());
}

TEST_CASE("a lane that is wanted is kept, serving or not") {
  const ShardCandidates shards = {shard({1, 2}), shard({3, 4})};

  const LaneChanges changes =
      change_lanes(shards, false, {{{10}, lane({1, 3}), true}, {{11}, lane({2, 4}), false}});

  CHECK(changes.form.empty());
  CHECK(changes.retire.empty());
}

TEST_CASE("of two equal lanes the one that serves stays, else the older one") {
  const ShardCandidates shards = {shard({1}), shard({3})};

  CHECK(change_lanes(shards, false, {{{10}, lane({1, 3}), false}, {{11}, lane({1, 3}), true}})
            .retire == LaneMembers{{10}});
  CHECK(change_lanes(shards, false, {{{10}, lane({1, 3}), false}, {{11}, lane({1, 3}), false}})
            .retire == LaneMembers{{11}});
}

TEST_CASE("a lane with a member that is gone is retired at once and its others get another lane") {
  const ShardCandidates shards = {shard({0, 2}), shard({3, 4})};

  const LaneChanges changes =
      change_lanes(shards, false, {{{10}, lane({1, 3}), true}, {{11}, lane({2, 4}), true}});

  CHECK(changes.form == Lanes{lane({2, 3})});
  CHECK(changes.retire == LaneMembers{{10}});
}

TEST_CASE("a lane that is not wanted stays until lanes that serve cover its members") {
  const ShardCandidates shards = {shard({5, 2}), shard({3, 4})};  // 5 came back for 1
  const ExistingLane makeshift{{12}, lane({2, 3}), true};
  const ExistingLane other{{11}, lane({2, 4}), true};

  CHECK(change_lanes(shards, false, {other, makeshift}).form == Lanes{lane({5, 3})});
  CHECK(change_lanes(shards, false, {other, makeshift}).retire.empty());
  const ExistingLane coming{{13}, lane({5, 3}), false};
  CHECK(change_lanes(shards, false, {other, makeshift, coming}).retire.empty());
  const ExistingLane there{{13}, lane({5, 3}), true};
  CHECK(change_lanes(shards, false, {other, makeshift, there}).retire == LaneMembers{{12}});
}

TEST_CASE("a lane without a shard stays until a complete one serves") {
  const ShardCandidates shards = {shard({1}), shard({7})};
  const ExistingLane partial{{10}, lane({1, 0}), true};

  CHECK(change_lanes(shards, true, {partial}).form == Lanes{lane({1, 7})});
  CHECK(change_lanes(shards, true, {partial}).retire.empty());
  CHECK(change_lanes(shards, true, {partial, {{11}, lane({1, 7}), true}}).retire ==
        LaneMembers{{10}});
}

TEST_CASE("a lane that never served and is not wanted any more is retired at once") {
  const ShardCandidates shards = {shard({1}), shard({7})};

  CHECK(change_lanes(shards, true, {{{10}, lane({1, 0}), false}}).retire == LaneMembers{{10}});
}

// One node whose instances come and go in random order, and its lanes.
struct Life {
  explicit Life(std::uint64_t seed) : random(seed) {
    shards.resize(1 + random() % 4);
    replicas = static_cast<std::uint16_t>(1 + random() % 4);
    partial = random() % 2 == 0;
  }

  void step() {
    for (std::uint64_t changes = random() % 4; changes > 0; --changes)
      come_or_go();
    for (auto& [id, lane] : lanes) {
      if (random() % 3 == 0) lane.serves = !lane.serves;
    }
    update();
  }

  void come_or_go() {
    auto& there = shards[random() % shards.size()];
    const auto replica = static_cast<std::uint16_t>(random() % replicas);
    const auto at = std::ranges::find(there, replica, &LaneCandidate::replica);
    if (at != there.end()) {
      there.erase(at);
    } else {
      there.push_back({InstanceId{next_id++}, replica});
      std::ranges::sort(there, {}, &LaneCandidate::replica);
    }
  }

  void update() {
    std::vector<ExistingLane> existing;
    for (const auto& [id, lane] : lanes)
      existing.push_back(lane);
    const LaneChanges changes = change_lanes(shards, partial, existing);
    before = existing;
    for (const InstanceId id : changes.retire)
      lanes.erase(id);
    for (const LaneMembers& members : changes.form) {
      const InstanceId id{next_id++};
      lanes.emplace(id, ExistingLane{id, members, false});
    }
  }

  bool every_shard_lives() const {
    return std::ranges::none_of(shards, [](const auto& of) { return of.empty(); });
  }
  std::set<InstanceId> living() const {
    std::set<InstanceId> ids;
    for (const auto& of : shards) {
      for (const LaneCandidate& candidate : of)
        ids.insert(candidate.id);
    }
    return ids;
  }

  std::mt19937_64 random;
  ShardCandidates shards;
  std::uint16_t replicas = 1;
  bool partial = false;
  std::uint32_t next_id = 1;
  std::map<InstanceId, ExistingLane> lanes;
  std::vector<ExistingLane> before;
};

void check_life(Life& life) {
  const std::set<InstanceId> living = life.living();
  std::set<InstanceId> covered;
  for (const auto& [id, lane] : life.lanes) {
    REQUIRE(lane.members.size() == life.shards.size());
    for (std::size_t shard = 0; shard < lane.members.size(); ++shard) {
      if (!lane.members[shard]) continue;
      REQUIRE(std::ranges::find(life.shards[shard], lane.members[shard], &LaneCandidate::id) !=
              life.shards[shard].end());
      covered.insert(lane.members[shard]);
    }
  }
  if (life.every_shard_lives()) CHECK(covered == living);
  CHECK(life.lanes.size() <= living.size() + life.replicas);
  // What served and can serve still covers whom it covered.
  for (const ExistingLane& lane : life.before) {
    const bool lives = std::ranges::all_of(
        lane.members, [&](InstanceId id) { return !id || living.contains(id); });
    if (!lane.serves || !lives || !life.every_shard_lives()) continue;
    for (const InstanceId member : lane.members) {
      const bool served = std::ranges::any_of(life.lanes, [member](const auto& entry) {
        return entry.second.serves && std::ranges::count(entry.second.members, member) == 1;
      });
      CHECK((!member || served));
    }
  }
}

TEST_CASE(
    "whatever comes and goes, every instance is in a lane and nothing is broken before made") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    Life life(seed);
    for (int step = 0; step < 50; ++step) {
      life.step();
      check_life(life);
    }
    // Once nothing changes any more and all lanes serve, exactly the wanted ones are left.
    for (int round = 0; round < 2; ++round) {
      for (auto& [id, lane] : life.lanes)
        lane.serves = true;
      life.update();
    }
    CHECK(life.lanes.size() == wanted_lanes(life.shards, life.partial).size());
  }
}

}  // namespace
}  // namespace flow::broker
