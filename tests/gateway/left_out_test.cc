// Nodes that the plan leaves out: who sends to whom, and what a death or a lost part means then.
#include <doctest/doctest.h>

#include "core_fixture.h"

namespace {

using namespace flow;
using namespace flow::gateway_tests;
using namespace std::chrono_literals;

constexpr NodeIndex kFirst{0};
constexpr NodeIndex kMiddle{1};
constexpr NodeIndex kLast{2};

// n0 (instances 1, 2) -> n1 (instance 3) -> n2 (instances 4, 5); one node binds nothing.
wire::Topology three_stages(NodeIndex unbound) {
  wire::Topology topology = two_stages();
  wire::TopologyNode& last = topology.nodes.emplace_back();
  last.name = "n2";
  last.needs = {kMiddle};
  topology.sink = kLast;
  topology.instances.push_back(instance(4, 2, 0));
  topology.instances.push_back(instance(5, 2, 1));
  for (wire::TopologyInstance& each : topology.instances)
    each.catch_all = each.node != unbound;
  return topology;
}

}  // namespace

TEST_CASE("behind a first node that is left out, the gateway sends in its name") {
  Fixture f(three_stages(kFirst));
  f.ask(1, at(0ms));
  REQUIRE(f.effects.sent.size() == 1);
  CHECK(f.effects.sent[0].to == InstanceId{3});
  CHECK(f.effects.sent[0].source == kFirst);

  f.lose(1, at(1ms));
  f.core.tick(at(100ms));
  CHECK(f.effects.sent.size() == 1);
  f.finish(0, at(101ms));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kOk);
}

TEST_CASE("behind a first node that is left out, one that hears nothing is deaf") {
  Fixture f(three_stages(kFirst));
  f.ask(1, at(0ms));
  f.core.tick(at(700ms));
  REQUIRE(f.effects.suspects.size() == 1);
  CHECK(f.effects.suspects[0] == InstanceId{3});
}

TEST_CASE("a request got past a death when who is behind the left out node has received it") {
  Fixture f(three_stages(kMiddle));
  f.ask(1, at(0ms));
  const auto& sent = f.effects.sent.at(0);
  const std::uint32_t first = sent.to.value;
  const std::uint32_t last = sent.plan[kLast.value].target;
  f.report(first, 0, true, at(1ms));
  std::size_t sendings = 2;
  SUBCASE("not yet") {}
  SUBCASE("received") {
    f.report(last, 0, false, at(1ms));
    sendings = 1;
  }
  f.lose(first, at(2ms));
  f.core.tick(at(100ms));
  CHECK(f.effects.sent.size() == sendings);
}

TEST_CASE("who is behind a left out node is deaf when it hears nothing of what was finished") {
  Fixture f(three_stages(kMiddle));
  f.ask(1, at(0ms));
  const InstanceId last{f.effects.sent.at(0).plan[kLast.value].target};
  f.report(f.effects.sent[0].to.value, 0, true, at(1ms));
  f.core.tick(at(700ms));
  REQUIRE(f.effects.suspects.size() == 1);
  CHECK(f.effects.suspects[0] == last);
}

TEST_CASE("who answers in the name of a sink that is left out is the last that may die") {
  Fixture f(three_stages(kLast));
  f.ask(1, at(0ms));
  REQUIRE(f.effects.sent.at(0).plan[kLast.value].mode == wire::PlanMode::kLeftOut);
  f.report(f.effects.sent[0].to.value, 0, true, at(1ms));
  f.report(3, 0, true, at(2ms));
  SUBCASE("it dies") {
    f.lose(3, at(3ms));
    f.core.tick(at(100ms));
    CHECK(f.core.in_flight() == 1);
    CHECK(f.effects.answers.empty());
    f.core.tick(at(2s));  // nobody else is there
    REQUIRE(f.effects.answers.size() == 1);
    CHECK(f.effects.answers[0].code == Errc::kUnavailable);
  }
  SUBCASE("its answer is lost") {
    f.core.tick(at(700ms));
    CHECK(f.effects.sent.size() == 2);
  }
  SUBCASE("its answer comes") {
    f.finish(0, at(4ms));
    REQUIRE(f.effects.answers.size() == 1);
    CHECK(f.effects.answers[0].code == Errc::kOk);
    CHECK(f.core.in_flight() == 0);
  }
}

TEST_CASE("what may run once ran when who sends to it, past a left out node, was received") {
  wire::Topology topology = three_stages(kMiddle);
  topology.nodes[kLast.value].effects = {{"*", "once"}};
  Fixture f(topology);
  f.ask(1, at(0ms));
  const std::uint32_t first = f.effects.sent.at(0).to.value;
  SUBCASE("not received: it is repeated") {
    f.core.tick(at(700ms));
    CHECK(f.effects.sent.size() == 2);
    CHECK(f.effects.answers.empty());
  }
  SUBCASE("received") {
    f.report(first, 0, false, at(1ms));
    f.lose(first, at(2ms));
    f.core.tick(at(100ms));
    REQUIRE(f.effects.answers.size() == 1);
    CHECK(f.effects.answers[0].code == Errc::kUnknownOutcome);
  }
}
