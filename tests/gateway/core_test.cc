#include "gateway/core.h"

#include <doctest/doctest.h>

#include "core_fixture.h"

namespace {

using namespace flow;           // NOLINT: a test
using namespace gateway_tests;  // NOLINT: a test
using namespace std::chrono_literals;
using gateway::ClientId;
using gateway::Counter;

ValueMap condition(const std::string& path, const std::string& comparison, Value operand) {
  ValueMap inner;
  inner.set(comparison, std::move(operand));
  ValueMap when;
  when.set(path, Value(std::move(inner)));
  return when;
}

}  // namespace

TEST_CASE("a request is planned, sent to its first node and answered by the sink's part") {
  Fixture f;
  f.ask(7, at(1ms));
  REQUIRE(f.effects.sent.size() == 1);
  CHECK(f.effects.sent[0].plan.size() == 2);
  CHECK(f.effects.sent[0].request.gateway == kSelf);
  f.finish(0, at(2ms));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].id == 7);
  CHECK(f.effects.answers[0].code == Errc::kOk);
  CHECK(f.core.in_flight() == 0);
}

TEST_CASE("a first part says what its own request says, also when that had to wait") {
  wire::Topology topology = two_stages();
  topology.instances.pop_back();  // nobody serves the second node
  Fixture f(topology);
  const auto ask = [&](std::uint64_t id, std::string endpoint, std::string_view parameters) {
    wire::Request request;
    request.id = id;
    request.endpoint = std::move(endpoint);
    request.parameters = Bytes::copy_of(parameters);
    request.payload = documents({{std::to_string(id), "text"}});
    f.core.on_request(ClientId{1}, std::move(request), at(1ms));
  };
  ask(1, "/x", "one");
  ask(2, "/y/that/is/longer/than/a/short/string", "");
  ask(3, "/y", "three");
  CHECK(f.effects.sent.empty());
  f.core.on_topology(std::make_shared<const wire::Topology>(two_stages()), at(2ms));
  for (std::size_t i = 0; i < 3; ++i)  // the second node takes one at a time
    f.finish(i, at(3ms));
  ask(4, "/x", "");
  REQUIRE(f.effects.sent.size() == 4);
  std::vector<std::string> said;
  for (const FakeEffects::Sent& sent : f.effects.sent) {
    CHECK(sent.plan.size() == 2);
    said.push_back(sent.endpoint + " " + sent.parameters + " " + ids_of(sent.payload));
  }
  CHECK(said == std::vector<std::string>{"/x one 1", "/y/that/is/longer/than/a/short/string  2",
                                         "/y three 3", "/x  4"});
}

TEST_CASE("a second final part of a request is dropped and counted") {
  Fixture f;
  f.ask(7, at(1ms));
  f.finish(0, at(2ms));
  f.finish(0, at(3ms));
  CHECK(f.effects.answers.size() == 1);
  CHECK(f.core.counters()[Counter::kLateParts] == 1);
}

TEST_CASE("the failure of a node that no answer waits for ends nothing") {
  wire::Topology topology = two_stages();
  topology.nodes.push_back(topology.nodes[0]);
  topology.nodes[2].name = "hanging";
  topology.instances.push_back(instance(9, 2, 0));
  Fixture f(topology);
  f.ask(7, at(1ms));
  wire::Part failed;
  failed.header.request = f.effects.sent[0].request;
  failed.header.source = NodeIndex{2};
  failed.header.failure = std::make_unique<wire::Failure>();
  f.core.on_part(std::make_unique<wire::Part>(std::move(failed)), at(2ms));
  CHECK(f.effects.answers.empty());
  CHECK(f.core.counters()[Counter::kLateParts] == 1);
  f.finish(0, at(3ms));
  CHECK(f.effects.answers.at(0).code == Errc::kOk);
}

TEST_CASE("a request without an answer ends at its deadline and says whom it waited for") {
  Fixture f;
  f.ask(7, at(0ms), 50ms);
  f.core.tick(at(40ms));
  CHECK(f.effects.answers.empty());
  f.core.tick(at(70ms));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kDeadlineExceeded);
  CHECK(f.effects.answers[0].message.find("n0/rep-") != std::string::npos);
}

TEST_CASE(
    "requests wait at the front door until there is room, and are refused when too many wait") {
  gateway::Settings settings;
  settings.max_queued = 1;
  wire::Topology one = two_stages();
  std::erase_if(one.instances, [](const auto& i) { return i.id.value == 2; });
  Fixture f(one, settings);
  f.ask(1, at(0ms));
  f.ask(2, at(0ms));
  f.ask(3, at(0ms));
  CHECK(f.effects.sent.size() == 1);
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].id == 3);
  CHECK(f.effects.answers[0].code == Errc::kOverloaded);
  f.finish(0, at(1ms));
  CHECK(f.effects.sent.size() == 2);
}

TEST_CASE("a death sends what had not got past it again, on another replica, as attempt 2") {
  Fixture f;
  f.ask(7, at(0ms));
  const std::uint32_t first = f.effects.sent[0].to.value;
  f.lose(first, at(5ms));
  CHECK(f.effects.sent.size() == 1);  // waits for receipts
  f.core.tick(at(30ms));
  REQUIRE(f.effects.sent.size() == 2);
  CHECK(f.effects.sent[1].to.value != first);
  CHECK(f.effects.sent[1].attempt == 2);
  f.finish(1, at(31ms));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].attempts == 2);
}

TEST_CASE("each request is stamped later than the one before, whatever the wall clock does") {
  Fixture f;
  f.core.set_wall_offset(1000s);
  f.ask(1, at(5ms));
  f.finish(0, at(5ms));
  f.ask(2, at(5ms));
  f.finish(1, at(5ms));
  f.core.set_wall_offset(900s);
  f.ask(3, at(6ms));
  f.finish(2, at(6ms));
  f.core.set_wall_offset(2000s);
  f.ask(4, at(7ms));

  REQUIRE(f.effects.sent.size() == 4);
  const auto wall = [](Duration offset, Instant now) {
    return static_cast<std::uint64_t>((offset + now.time_since_epoch()).count());
  };
  const std::uint64_t first = wall(1000s, at(5ms));
  CHECK(f.effects.sent[0].version == WriteVersion{first, kSelf.value});
  CHECK(f.effects.sent[1].version == WriteVersion{first + 1, kSelf.value});
  CHECK(f.effects.sent[2].version == WriteVersion{first + 2, kSelf.value});
  CHECK(f.effects.sent[3].version == WriteVersion{wall(2000s, at(7ms)), kSelf.value});
}

TEST_CASE("a request keeps its stamp when it is sent again") {
  Fixture f;
  f.core.set_wall_offset(1000s);
  f.ask(7, at(0ms));
  f.lose(f.effects.sent[0].to.value, at(5ms));
  f.core.set_wall_offset(2000s);
  f.core.tick(at(30ms));

  REQUIRE(f.effects.sent.size() == 2);
  CHECK(f.effects.sent[1].attempt == 2);
  CHECK(f.effects.sent[0].version);
  CHECK(f.effects.sent[1].version == f.effects.sent[0].version);
}

TEST_CASE("a death does not repeat what the successor has reported received") {
  Fixture f;
  f.ask(7, at(0ms));
  f.report(3, 0, false, at(2ms));
  f.lose(f.effects.sent[0].to.value, at(5ms));
  f.core.tick(at(50ms));
  CHECK(f.effects.sent.size() == 1);
  f.finish(0, at(60ms));
  CHECK(f.effects.answers.at(0).attempts == 1);
}

TEST_CASE("a receipt that comes within the wait prevents the new attempt") {
  Fixture f;
  f.ask(7, at(0ms));
  f.lose(f.effects.sent[0].to.value, at(5ms));
  f.report(3, 0, false, at(10ms));
  f.core.tick(at(50ms));
  CHECK(f.effects.sent.size() == 1);
}

TEST_CASE("what may be executed only once is not repeated") {
  wire::Topology topology = two_stages();
  topology.nodes[0].effects = {{"/x", "once"}};
  Fixture f(topology);
  f.ask(7, at(0ms));
  f.lose(f.effects.sent[0].to.value, at(5ms));
  f.core.tick(at(50ms));
  CHECK(f.effects.sent.size() == 1);
  CHECK(f.effects.answers.at(0).code == Errc::kUnknownOutcome);
}

TEST_CASE("with no instance left a request waits, then is UNAVAILABLE and names the executor") {
  Fixture f;
  f.ask(7, at(0ms));
  f.lose(3, at(5ms));
  f.core.tick(at(30ms));
  CHECK(f.effects.answers.empty());
  f.core.tick(at(1100ms));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kUnavailable);
  CHECK(f.effects.answers[0].message.find("'n1'") != std::string::npos);
  CHECK(f.effects.answers[0].message.find("ipc:///d3") != std::string::npos);
}

TEST_CASE("an instance that never receives what was sent to it is passed by") {
  Fixture f;
  f.ask(7, at(0ms));
  f.core.tick(at(300ms));
  CHECK(f.effects.sent.size() == 1);
  f.core.tick(at(700ms));
  CHECK(f.effects.sent.size() == 2);
  CHECK(f.effects.suspects.size() == 1);
}

TEST_CASE("after three attempts a request is given up") {
  wire::Topology topology = two_stages();
  topology.instances.push_back(instance(4, 0, 2));
  topology.instances.push_back(instance(5, 0, 3));
  Fixture f(topology);
  f.ask(7, at(0ms));
  for (int i = 0; i < 3; ++i) {
    f.lose(f.effects.sent.back().to.value, at(i * 100ms + 5ms));
    f.core.tick(at(i * 100ms + 50ms));
  }
  CHECK(f.effects.sent.size() == 3);
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kUnavailable);
}

TEST_CASE("a request that two instances executed when they died is not given to a third") {
  wire::Topology topology = two_stages();
  topology.instances.push_back(instance(4, 0, 2));
  Fixture f(topology);
  f.ask(7, at(0ms));
  for (std::size_t i = 0; i < 2; ++i) {
    const std::uint32_t here = f.effects.sent[i].to.value;
    f.report(here, i, false, at(i * 100ms + 1ms));
    f.lose(here, at(i * 100ms + 5ms));
    f.core.tick(at(i * 100ms + 50ms));
  }
  CHECK(f.effects.sent.size() == 2);
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kPoisoned);
  CHECK(f.effects.answers[0].executor == "n0");
}

TEST_CASE("an answer names who executed it, whatever the one before said") {
  Fixture f;
  const auto ask = [&f](std::uint64_t id) {
    f.ask(id, at(0ms));
    return f.effects.sent.size() - 1;
  };
  const auto answered = [&f](std::size_t index, bool first_stage) {
    wire::Part part = f.part(index, f.shape.sink);
    if (first_stage) part.header.hops = {{.instance = f.sent(index).plan[0].target, .node = 0}};
    part.header.hops.push_back({.instance = 3, .node = 1});
    f.core.on_part(std::make_unique<wire::Part>(std::move(part)), at(1ms));
    std::string names;
    for (const wire::ResponseHop& hop : f.effects.answers.back().hops)
      names += hop.executor + "=" + hop.instance + " ";
    return names;
  };

  CHECK(answered(ask(1), true) == "n0=n0/rep-0 n1=n1/rep-0 ");
  CHECK(answered(ask(2), true) == "n0=n0/rep-1 n1=n1/rep-0 ");
  CHECK(answered(ask(3), false) == "n1=n1/rep-0 ");
  const std::size_t last = ask(4);
  f.lose(f.sent(last).to.value, at(1ms));
  CHECK(answered(last, true) == "n0=n0 n1=n1/rep-0 ");
}

TEST_CASE("a request that stood in line behind the one that was executed is not to blame") {
  wire::Topology topology = two_stages();
  for (wire::TopologyInstance& each : topology.instances)
    each.concurrency = 4;
  topology.instances.erase(topology.instances.begin() + 1);
  Fixture f(topology);
  f.ask(1, at(0ms));  // executed
  f.ask(2, at(0ms));  // in line
  f.report(1, 0, false, at(1ms));
  f.report(1, 1, false, at(1ms));
  for (std::uint32_t next = 10; next < 12; ++next) {
    const auto from = static_cast<std::size_t>(2 * (next - 10));
    f.shape.instances.push_back(instance(next, 0, 0));
    f.shape.instances.back().concurrency = 4;
    f.lose(f.effects.sent[from].to.value, at((next - 9) * 100ms));
    f.core.tick(at((next - 9) * 100ms + 50ms));
    if (f.effects.sent.size() < from + 4) break;
    f.report(next, from + 2, false, at((next - 9) * 100ms + 51ms));
    f.report(next, from + 3, false, at((next - 9) * 100ms + 51ms));
  }
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].id == 1);
  CHECK(f.effects.answers[0].code == Errc::kPoisoned);
  CHECK(f.effects.sent.size() == 5);  // the other is tried a third time
}

TEST_CASE("a cancelled request is not answered and leaves nothing behind") {
  Fixture f;
  f.ask(7, at(0ms));
  f.core.on_cancel(ClientId{1}, 7, at(1ms));
  f.report(f.effects.sent[0].to.value, 0, true, at(2ms));
  f.report(3, 0, true, at(3ms));
  CHECK(f.effects.answers.empty());
  f.core.drain();
  CHECK(f.core.drained());
}

TEST_CASE("a draining gateway refuses what is new and finishes what it has") {
  Fixture f;
  f.ask(1, at(0ms));
  f.core.drain();
  f.ask(2, at(1ms));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kUnavailable);
  CHECK_FALSE(f.core.drained());
  f.finish(0, at(2ms));
  CHECK(f.core.drained());
}

TEST_CASE("a flow without executors echoes") {
  wire::Topology empty;
  empty.version = 1;
  Fixture f(empty);
  f.ask(1, at(0ms));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kOk);
}

TEST_CASE("a bad target_executor is refused with the reason") {
  Fixture f;
  wire::Request request;
  request.id = 1;
  request.endpoint = "/x";
  request.target_executor = "(";
  f.core.on_request(ClientId{1}, std::move(request), at(0ms));
  CHECK(f.effects.answers.at(0).code == Errc::kInvalidArgument);
}

TEST_CASE("executors that target_executor does not match are left out") {
  Fixture f;
  wire::Request request;
  request.id = 1;
  request.endpoint = "/x";
  request.target_executor = "n1";
  f.core.on_request(ClientId{1}, std::move(request), at(0ms));
  REQUIRE(f.effects.sent.size() == 1);
  CHECK(f.effects.sent[0].plan[0].mode == wire::PlanMode::kLeftOut);
  CHECK(f.effects.sent[0].plan[1].mode == wire::PlanMode::kRun);
}

TEST_CASE("an executor's uses_before and uses_after are passed over with it") {
  wire::Topology topology = two_stages();
  topology.nodes[0].name = "n1/uses_before";
  Fixture f(topology);
  wire::Request request;
  request.id = 1;
  request.endpoint = "/x";
  request.target_executor = "^n1$";
  f.core.on_request(ClientId{1}, std::move(request), at(0ms));
  REQUIRE(f.effects.sent.size() == 1);
  CHECK(f.effects.sent[0].plan[0].mode == wire::PlanMode::kRun);
  CHECK(f.effects.sent[0].plan[1].mode == wire::PlanMode::kRun);
}

TEST_CASE("a flow with floating executors only echoes, and they run") {
  wire::Topology topology = two_stages();
  topology.sink = kGatewayNode;
  Fixture f(topology);
  f.ask(1, at(0ms));
  CHECK(f.effects.sent.size() == 1);
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(f.effects.answers[0].code == Errc::kOk);
  CHECK(f.core.in_flight() == 0);
}

TEST_CASE("requests that end while they wait are not counted as in flight") {
  wire::Topology topology = two_stages();
  topology.instances.pop_back();
  Fixture f(topology);
  f.ask(1, at(0ms), 500ms);
  f.ask(2, at(0ms));
  f.ask(3, at(0ms));
  f.core.on_cancel(ClientId{1}, 3, at(1ms));
  for (int ms = 100; ms <= 1200; ms += 100)
    f.core.tick(at(ms * 1ms));
  CHECK(f.effects.answers.size() == 2);
  CHECK(f.core.in_flight() == 0);
  CHECK(f.core.queued() == 0);
}

TEST_CASE("only documents that pass an executor's filter are sent to it") {
  wire::Topology topology = two_stages();
  topology.nodes[0].when = condition("text", "$eq", Value("en"));
  Fixture f(topology);
  f.ask_with(1, documents({{"a", "en"}, {"b", "de"}, {"c", "en"}}));
  REQUIRE(f.effects.sent.size() == 1);
  CHECK(ids_of(f.effects.sent[0].payload) == "a c");
  CHECK(f.effects.sent[0].code == Errc::kOk);
}

TEST_CASE("a part of which nothing passes is sent without a payload") {
  wire::Topology topology = two_stages();
  topology.nodes[0].when = condition("text", "$eq", Value("en"));
  Fixture f(topology);
  f.ask_with(1, documents({{"a", "de"}}));
  REQUIRE(f.effects.sent.size() == 1);
  CHECK(f.effects.sent[0].payload.empty());
  CHECK(f.effects.sent[0].code == Errc::kOk);
}

TEST_CASE("documents that a filter cannot judge fail at its executor, not at the others") {
  wire::Topology topology = two_stages();
  topology.nodes.push_back(topology.nodes[0]);
  topology.nodes[2].name = "n2/uses_before";
  topology.nodes[2].when = condition("tags__n", "$gt", Value(1));
  topology.nodes[1].needs = {NodeIndex{0}, NodeIndex{2}};
  topology.instances.push_back(instance(9, 2, 0));
  Fixture f(topology);
  wire::Document document;
  document.set_id("a");
  document.set_tag("n", Value("many"));
  wire::DocumentList list;
  list.push_back(document);
  f.ask_with(1, list.encode());
  REQUIRE(f.effects.sent.size() == 2);
  CHECK(f.effects.sent[0].code == Errc::kOk);
  CHECK(f.effects.sent[1].to == InstanceId{9});
  CHECK(f.effects.sent[1].code == Errc::kInvalidArgument);
  CHECK(f.effects.sent[1].executor == "n2");
}

TEST_CASE("a new attempt is sent as filtered as the first, and without its failure") {
  wire::Topology topology = two_stages();
  topology.nodes[0].when = condition("text", "$eq", Value("en"));
  Fixture f(topology);
  f.ask_with(1, documents({{"a", "en"}, {"b", "de"}}));
  f.lose(f.effects.sent[0].to.value, at(5ms));
  f.core.tick(at(50ms));
  REQUIRE(f.effects.sent.size() == 2);
  CHECK(ids_of(f.effects.sent[1].payload) == "a");
}

TEST_CASE("with filters in the flow, answers follow the order of the request's documents") {
  wire::Topology topology = two_stages();
  SUBCASE("sorted") {
    topology.sorts = true;
  }
  SUBCASE("as they come") {
    topology.sorts = false;
  }
  Fixture f(topology);
  f.ask_with(1, documents({{"a", ""}, {"b", ""}, {"c", ""}}));
  f.finish_with(0, documents({{"new", ""}, {"c", ""}, {"a", ""}}));
  REQUIRE(f.effects.answers.size() == 1);
  CHECK(ids_of(f.effects.answers[0].payload) == (topology.sorts ? "a c new" : "new c a"));
}

TEST_CASE("the documents of a failed answer stay as they were") {
  wire::Topology topology = two_stages();
  topology.sorts = true;
  Fixture f(topology);
  f.ask_with(1, documents({{"a", ""}, {"b", ""}}));
  wire::Part part = f.part(0, NodeIndex{1}, documents({{"b", ""}, {"a", ""}}));
  part.header.failure = std::make_unique<wire::Failure>();
  f.core.on_part(std::make_unique<wire::Part>(std::move(part)), at(1ms));
  CHECK(ids_of(f.effects.answers.at(0).payload) == "b a");
}
