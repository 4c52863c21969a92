#include "gateway/core.h"

#include <doctest/doctest.h>

namespace {

using namespace flow;  // NOLINT: a test
using namespace std::chrono_literals;
using gateway::ClientId;
using gateway::Counter;

constexpr InstanceId kSelf{100};

Instant at(Duration since_start) {
  return Instant(std::chrono::seconds(100)) + since_start;
}

// What the core did.
struct FakeEffects final : gateway::Effects {
  struct Sent {
    InstanceId to;
    RequestId request;
    std::uint16_t attempt;
    std::vector<wire::PlanEntry> plan;
  };
  struct Answer {
    std::uint64_t id;
    Errc code;
    std::string message;
    std::uint16_t attempts;
  };
  void send_part(InstanceId to, const wire::PartHeader& header, const Bytes&) override {
    sent.push_back({to, header.request, header.attempt, header.plan});
  }
  void publish_part(InstanceId lane, const wire::PartHeader& header, const Bytes&) override {
    published.push_back({lane, header.request, header.attempt, header.plan});
  }
  void answer(ClientId, const wire::Response& response) override {
    const auto& failure = response.failure;
    answers.push_back({response.id, failure ? failure->code : Errc::kOk,
                       failure ? failure->message : "", response.attempts});
  }
  void suspect(InstanceId instance) override { suspects.push_back(instance); }

  std::vector<Sent> sent;
  std::vector<Sent> published;
  std::vector<Answer> answers;
  std::vector<InstanceId> suspects;
};

wire::TopologyInstance instance(std::uint32_t id, std::uint16_t node, std::uint16_t replica) {
  wire::TopologyInstance made;
  made.id = InstanceId{id};
  made.node = NodeIndex{node};
  made.replica = replica;
  made.name = "n" + std::to_string(node) + "/rep-" + std::to_string(replica);
  made.state = wire::InstanceState::kServing;
  made.data_address = "ipc:///d" + std::to_string(id);
  made.catch_all = true;
  return made;
}

// n0 (instances 1, 2) -> n1 (instance 3).
wire::Topology two_stages() {
  wire::Topology topology;
  topology.term = topology.version = 1;
  topology.flow = "t";
  topology.nodes.resize(2);
  topology.nodes[0].name = "n0";
  topology.nodes[0].needs = {kGatewayNode};
  topology.nodes[1].name = "n1";
  topology.nodes[1].needs = {NodeIndex{0}};
  topology.sink = NodeIndex{1};
  topology.instances = {instance(1, 0, 0), instance(2, 0, 1), instance(3, 1, 0)};
  return topology;
}

struct Fixture {
  explicit Fixture(wire::Topology topology = two_stages(), gateway::Settings settings = {})
      : core(settings, kSelf, 1, effects), shape(std::move(topology)) {
    core.on_topology(std::make_shared<const wire::Topology>(shape), at(0ms));
  }
  void ask(std::uint64_t id, Instant now, Duration timeout = {}) {
    wire::Request request;
    request.id = id;
    request.endpoint = "/x";
    request.timeout = timeout;
    core.on_request(ClientId{1}, std::move(request), now);
    core.tick(now);
  }
  // The final part of the request that was sent as number `index`.
  void finish(std::size_t index, Instant now) {
    wire::Part part;
    part.header.request = effects.sent[index].request;
    part.header.attempt = effects.sent[index].attempt;
    part.header.source = NodeIndex{1};
    core.on_part(part, now);
    core.tick(now);
  }
  void report(std::uint32_t instance_id, std::size_t index, bool finished, Instant now) {
    wire::Report report;
    report.instance = InstanceId{instance_id};
    report.progress = {{effects.sent[index].request.sequence, effects.sent[index].attempt,
                        static_cast<std::uint8_t>(finished ? 1 : 0), 0, 100}};
    core.on_report(report, now);
    core.tick(now);
  }
  void lose(std::uint32_t id, Instant now) {
    ++shape.version;
    std::erase_if(shape.instances, [id](const auto& i) { return i.id.value == id; });
    core.on_topology(std::make_shared<const wire::Topology>(shape), now);
  }
  FakeEffects effects;
  gateway::Core core;
  wire::Topology shape;
};

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
  f.core.on_part(failed, at(2ms));
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

TEST_CASE("executors that target_executor does not match are passed over") {
  Fixture f;
  wire::Request request;
  request.id = 1;
  request.endpoint = "/x";
  request.target_executor = "n1";
  f.core.on_request(ClientId{1}, std::move(request), at(0ms));
  REQUIRE(f.effects.sent.size() == 1);
  CHECK(f.effects.sent[0].plan[0].mode == wire::PlanMode::kPassOver);
  CHECK(f.effects.sent[0].plan[1].mode == wire::PlanMode::kRun);
}
