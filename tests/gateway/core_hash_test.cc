// HASH: documents that are split by id over the members of a lane.
#include <doctest/doctest.h>

#include "core_fixture.h"
#include "route/split.h"

namespace {

using namespace flow;           // NOLINT: a test
using namespace gateway_tests;  // NOLINT: a test
using namespace std::chrono_literals;
using gateway::Counter;

wire::Topology hashed() {
  wire::Topology topology = sharded_index(wire::Polling::kHash);
  topology.sorts = true;
  return topology;
}

const std::vector<std::pair<std::string, std::string>> kSix = {{"a", "1"}, {"b", "2"}, {"c", "3"},
                                                               {"d", "4"}, {"e", "5"}, {"a", "6"}};

// Those of kSix that belong to a shard.
std::string expected(std::uint16_t shard) {
  std::string ids;
  for (const auto& [id, text] : kSix) {
    if (route::shard_of(id, 2) == shard) ids += (ids.empty() ? "" : " ") + id;
  }
  return ids;
}

// The part of one shard for the first request sent.
void answer(Fixture& f, std::size_t index, std::uint16_t shard, Bytes payload) {
  wire::Part part = f.part(index, kIndex, std::move(payload));
  part.header.source_shard = shard;
  f.core.on_part(std::make_unique<wire::Part>(std::move(part)), at(1ms));
  f.core.tick(at(1ms));
}

}  // namespace

TEST_CASE("every member of a lane is sent the documents that belong to its shard") {
  Fixture f(hashed());
  f.ask_with(7, documents(kSix));
  CHECK(f.effects.published.empty());
  REQUIRE(f.effects.sent.size() == 2);
  CHECK(f.effects.sent[0].to == InstanceId{1});
  CHECK(f.effects.sent[1].to == InstanceId{3});
  CHECK(f.effects.sent[0].target == 1);
  CHECK(f.effects.sent[1].target == 3);
  CHECK(ids_of(f.effects.sent[0].payload) == expected(0));
  CHECK(ids_of(f.effects.sent[1].payload) == expected(1));
  CHECK(f.effects.sent[0].plan[0].target == 50);
  CHECK(f.effects.sent[0].plan[0].parts == 2);
}

TEST_CASE("a member without documents is sent a part all the same") {
  Fixture f(hashed());
  f.ask_with(7, documents({{"a", "1"}}));
  f.ask_with(8, Bytes());
  REQUIRE(f.effects.sent.size() == 4);
  CHECK(f.effects.sent[1 - route::shard_of("a", 2)].payload.empty());
  CHECK(ids_of(f.effects.sent[route::shard_of("a", 2)].payload) == "a");
  CHECK(f.effects.sent[2].payload.empty());
  CHECK(f.effects.sent[3].payload.empty());
}

TEST_CASE("the answer waits for all shards and has the order of the request") {
  Fixture f(hashed());
  f.ask_with(7, documents(kSix));
  answer(f, 1, 1, documents({{"e", ""}, {"c", ""}, {"b", ""}}));
  CHECK(f.effects.answers.empty());
  answer(f, 0, 0, documents({{"d", ""}, {"a", ""}, {"new", ""}}));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(ids_of(f.effects.answers[0].payload) == "a b c d e new");
}

TEST_CASE("a shard that fails fails the request, whatever the other says") {
  Fixture f(hashed());
  f.ask_with(7, documents(kSix));
  wire::Part part = f.part(1, kIndex);
  part.header.source_shard = 1;
  part.header.failure =
      std::make_unique<wire::Failure>(wire::Failure{Errc::kExecutorError, "no", "index", ""});
  f.core.on_part(std::make_unique<wire::Part>(std::move(part)), at(1ms));
  answer(f, 0, 0, documents({{"a", ""}}));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kExecutorError);
}

TEST_CASE("a request whose lane lost a member is split again over another lane") {
  Fixture f(hashed());
  f.ask_with(7, documents(kSix));
  f.lose(3, at(2ms));
  f.core.tick(at(50ms));
  REQUIRE(f.effects.sent.size() == 4);
  CHECK(f.effects.sent[2].to == InstanceId{2});
  CHECK(f.effects.sent[3].to == InstanceId{4});
  CHECK(f.effects.sent[3].attempt == 2);
  CHECK(ids_of(f.effects.sent[3].payload) == expected(1));
}

TEST_CASE("without a shard writes fail and name it, also where a part of an answer is allowed") {
  wire::Topology topology = hashed();
  topology.nodes[0].allow_partial = true;
  Fixture f(topology);
  f.lose(3, at(0ms));
  f.lose(4, at(0ms));
  f.shape.lanes = {
      {InstanceId{52}, kIndex, wire::InstanceState::kServing, {InstanceId{1}, InstanceId{}}}};
  f.core.on_topology(std::make_shared<const wire::Topology>(f.shape), at(0ms));
  f.ask(7, at(10ms), {}, documents(kSix));
  CHECK(f.effects.answers.empty());
  f.core.tick(at(1100ms));
  CHECK(f.effects.sent.empty());
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kUnavailable);
  CHECK(f.effects.answers[0].message.find("shard 1 has no live instance") != std::string::npos);
}

TEST_CASE("a filter judges before the split, and what it cannot judge fails at every shard") {
  wire::Topology topology = hashed();
  topology.nodes[0].when = {{"text", ValueMap{{"$neq", "3"}}}};
  Fixture f(topology);
  f.ask_with(7, documents({{"c", "3"}, {"d", "4"}}));
  REQUIRE(f.effects.sent.size() == 2);
  CHECK(ids_of(f.effects.sent[route::shard_of("d", 2)].payload) == "d");
  CHECK(f.effects.sent[1 - route::shard_of("d", 2)].payload.empty());

  topology.nodes[0].when = {{"tags__k__x", ValueMap{{"$eq", 1}}}};
  Fixture clash(topology);
  wire::DocumentList list;
  wire::Document document;
  document.set_id("c");
  document.set_tag("k", 5);
  list.push_back(document);
  clash.ask_with(7, list.encode());
  REQUIRE(clash.effects.sent.size() == 2);
  for (const auto& sent : clash.effects.sent) {
    CHECK(sent.code == Errc::kInvalidArgument);
    CHECK(ids_of(sent.payload) == "c");
  }
}

namespace {

// hashed() with a group 60 of all four, of which "/x" is written to all; 2 is behind.
wire::Topology replicated() {
  wire::Topology topology = hashed();
  topology.nodes[0].replicate = {"/x"};
  topology.instances[1].state = wire::InstanceState::kBehind;
  topology.groups = {{InstanceId{60},
                      kIndex,
                      wire::InstanceState::kServing,
                      {InstanceId{1}, InstanceId{2}, InstanceId{3}, InstanceId{4}}}};
  return topology;
}

void replica_answers(Fixture& f, std::size_t index, std::uint16_t shard, std::uint16_t replica,
                     Bytes payload = {}, const char* failure = nullptr) {
  wire::Part part = f.part(index, kIndex, std::move(payload));
  part.header.source_shard = shard;
  part.header.source_replica = replica;
  if (failure != nullptr) {
    part.header.failure =
        std::make_unique<wire::Failure>(wire::Failure{Errc::kExecutorError, failure, "index", ""});
  }
  f.core.on_part(std::make_unique<wire::Part>(std::move(part)), at(1ms));
  f.core.tick(at(1ms));
}

}  // namespace

TEST_CASE("a write goes to all replicas, and is OK when all of them answered") {
  Fixture f(replicated());
  f.ask_with(7, documents(kSix));
  REQUIRE(f.effects.sent.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(f.effects.sent[i].to == InstanceId{static_cast<std::uint32_t>(i + 1)});
    CHECK(ids_of(f.effects.sent[i].payload) == expected(i < 2 ? 0 : 1));
  }
  replica_answers(f, 0, 0, 1, documents({{"a", "of the second"}}));
  replica_answers(f, 0, 1, 0, documents({{"b", ""}}));
  replica_answers(f, 0, 1, 1, documents({{"b", ""}}));
  CHECK(f.effects.answers.empty());
  replica_answers(f, 0, 0, 0, documents({{"a", "of the first"}}));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kOk);
  CHECK(ids_of(f.effects.answers[0].payload) == "a b");
  const auto list = wire::DocumentList::open(f.effects.answers[0].payload);
  CHECK((*list)[0].text() == "of the first");
}

TEST_CASE("a write fails when one replica failed, the first in order says how") {
  Fixture f(replicated());
  f.ask_with(7, documents(kSix));
  replica_answers(f, 0, 1, 1, {}, "of 1.1");
  replica_answers(f, 0, 0, 0);
  replica_answers(f, 0, 0, 1, {}, "of 0.1");
  replica_answers(f, 0, 1, 0);
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kExecutorError);
  CHECK(f.effects.answers[0].message == "of 0.1");
}

TEST_CASE("a write that lost a replica is sent again to a group without it") {
  Fixture f(replicated());
  f.ask_with(7, documents(kSix));
  replica_answers(f, 0, 0, 0);
  f.shape.groups[0].state = wire::InstanceState::kRetired;
  f.shape.groups.push_back({InstanceId{61},
                            kIndex,
                            wire::InstanceState::kServing,
                            {InstanceId{1}, InstanceId{}, InstanceId{3}, InstanceId{4}}});
  f.lose(2, at(2ms));
  f.core.tick(at(50ms));
  REQUIRE(f.effects.sent.size() == 7);
  CHECK(f.effects.sent[4].attempt == 2);
  CHECK(f.effects.sent[4].to == InstanceId{1});
  CHECK(f.effects.sent[5].to == InstanceId{3});
  CHECK(f.effects.sent[4].version == f.effects.sent[0].version);
  for (const auto& [shard, replica] : {std::pair{0, 0}, {1, 0}, {1, 1}})
    replica_answers(f, 4, static_cast<std::uint16_t>(shard), static_cast<std::uint16_t>(replica));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kOk);
}

TEST_CASE("a replica that died after its part was here is not missed") {
  Fixture f(replicated());
  f.ask_with(7, documents(kSix));
  replica_answers(f, 0, 0, 1);
  f.lose(2, at(2ms));
  f.core.tick(at(50ms));
  CHECK(f.effects.sent.size() == 4);
  replica_answers(f, 0, 0, 0);
  replica_answers(f, 0, 1, 0);
  replica_answers(f, 0, 1, 1);
  CHECK(f.effects.answers.size() == 1);
}
