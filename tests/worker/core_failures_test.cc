#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <span>

#include "core.h"
#include "worker_fixture.h"

namespace {

using namespace flow;
using namespace flow::worker;
using namespace std::chrono_literals;

std::shared_ptr<wire::Topology> chain() {
  return make_graph({{"first", {"gateway"}}, {"second", {"first"}}, {"third", {"second"}}},
                    "third");
}

std::shared_ptr<wire::Topology> diamond() {
  return make_graph({{"a", {"gateway"}}, {"b", {"gateway"}}, {"join", {"b", "a"}}}, "join");
}

std::unique_ptr<wire::Failure> failure_of(const std::string& executor) {
  return std::make_unique<wire::Failure>(
      wire::Failure{Errc::kExecutorError, "std::runtime_error: no", executor, executor + "/rep-0"});
}

}  // namespace

TEST_CASE("a handler's failure names executor and instance, and carries the handler's input") {
  Bench bench(chain(), "second");
  bench.execution.handler = [](Contents& contents) {
    contents.answer(Documents());
    return Error{Errc::kExecutorError, "std::runtime_error: no disk"};
  };

  bench.feed(bench.part("first", {"x"}));

  REQUIRE(bench.port.sent.size() == 1);
  REQUIRE(bench.port.sent[0].header.failure != nullptr);
  CHECK(*bench.port.sent[0].header.failure == wire::Failure{Errc::kExecutorError,
                                                            "std::runtime_error: no disk", "second",
                                                            "second/rep-0"});
  CHECK(bench.port.sent[0].texts == std::vector<std::string>{"x"});
  CHECK(bench.port.reported.back().finished == 1);
}

TEST_CASE("behind a failure nothing is executed and the failure goes on") {
  Bench bench(chain(), "third");
  PartPointer part = bench.part("second", {"x"});
  part->header.failure = failure_of("first");

  bench.feed(std::move(part));

  CHECK(bench.execution.runs == 0);
  REQUIRE(bench.port.sent.size() == 1);
  CHECK(bench.port.sent[0].to == kGateway);
  CHECK(bench.port.sent[0].header.failure->executor == "first");
  CHECK(bench.port.sent[0].texts == std::vector<std::string>{"x"});
}

TEST_CASE("a join with failures waits for all parts and forwards the first in declared order") {
  Bench bench(diamond(), "join");
  PartPointer late = bench.part("a", {});
  late->header.failure = failure_of("a");
  bench.feed(std::move(late));
  CHECK(bench.port.sent.empty());
  PartPointer first = bench.part("b", {});
  first->header.failure = failure_of("b");

  bench.feed(std::move(first));

  REQUIRE(bench.port.sent.size() == 1);
  CHECK(bench.port.sent[0].header.failure->executor == "b");
  CHECK(bench.execution.runs == 0);
}

TEST_CASE("one failed branch is enough to fail a join") {
  Bench bench(diamond(), "join");
  bench.feed(bench.part("b", {"fine"}));
  PartPointer part = bench.part("a", {});
  part->header.failure = failure_of("a");

  bench.feed(std::move(part));

  CHECK(bench.port.sent[0].header.failure->executor == "a");
  CHECK(bench.port.sent[0].payload.empty());
}

TEST_CASE("what a failed join got are its documents, merged as for its handler") {
  Bench bench(diamond(), "join");
  bench.execution.handler = [](Contents& contents) -> std::optional<Error> {
    (*contents.documents())->clear();
    return Error{Errc::kExecutorError, "no"};
  };

  bench.feed(bench.part("a", {"1", "2"}));
  bench.feed(bench.part("b", {"2", "3"}));

  REQUIRE(bench.port.sent.size() == 1);
  CHECK(bench.port.sent[0].header.failure->executor == "join");
  CHECK(bench.port.sent[0].texts == std::vector<std::string>{"2", "3", "1"});
}

TEST_CASE("the documents of a failed branch go on alone") {
  Bench bench(diamond(), "join");
  bench.feed(bench.part("b", {"fine"}));
  PartPointer part = bench.part("a", {"input"});
  part->header.failure = failure_of("a");

  bench.feed(std::move(part));

  CHECK(bench.port.sent[0].texts == std::vector<std::string>{"input"});
}

TEST_CASE("documents that do not verify do not go on with the failure") {
  Bench bench(chain(), "second");
  bench.execution.handler = [](Contents& contents) -> std::optional<Error> {
    return contents.documents().error();
  };
  PartPointer part = bench.part("first", {});
  part->payload = Bytes::copy_of(std::string_view("no documents at all"));

  bench.feed(std::move(part));

  CHECK(bench.port.sent[0].header.failure->code == Errc::kInvalidArgument);
  CHECK(bench.port.sent[0].payload.empty());
}

TEST_CASE("a request whose time is up is not executed") {
  Bench bench(chain(), "second");
  PartPointer part = bench.part("first", {"x"});
  part->header.remaining = 10ms;
  bench.core.receive(std::move(part), at(0ms));

  bench.run_all(at(10ms));

  CHECK(bench.execution.runs == 0);
  REQUIRE(bench.port.sent.size() == 1);
  CHECK(bench.port.sent[0].header.failure->code == Errc::kDeadlineExceeded);
  CHECK(bench.port.sent[0].header.failure->executor == "second");
  CHECK(bench.port.sent[0].header.remaining == 0ms);
}

TEST_CASE("documents above the size limit become a failure that names executor and size") {
  Bench bench(chain(), "second", 4096);
  bench.execution.handler = [](Contents& contents) -> std::optional<Error> {
    Document document;
    document.set_text(std::string(5000, 'x'));
    contents.answer(Documents({document}));
    return std::nullopt;
  };

  bench.feed(bench.part("first", {"x"}));

  const wire::Failure& failure = *bench.port.sent[0].header.failure;
  CHECK(failure.code == Errc::kTooLarge);
  CHECK(failure.executor == "second");
  CHECK(failure.message.find("50") != std::string::npos);
  CHECK(failure.message.find("4 KiB") != std::string::npos);
  CHECK(bench.port.sent[0].texts == std::vector<std::string>{"x"});
}

TEST_CASE("more documents than a list may have are too large") {
  Bench bench(chain(), "second", std::size_t{1} << 30);
  bench.execution.handler = [](Contents& contents) -> std::optional<Error> {
    contents.answer(Documents(std::vector<Document>(wire::kMaxDocuments + 1)));
    return std::nullopt;
  };

  bench.feed(bench.part("first", {}));

  CHECK(bench.port.sent[0].header.failure->code == Errc::kTooLarge);
}

TEST_CASE("a payload that does not verify fails the request that needs it") {
  Bench bench(diamond(), "join");
  bench.feed(bench.part("b", {"fine"}));
  PartPointer part = bench.part("a", {});
  part->payload = Bytes::copy_of(std::string_view("no documents at all"));

  bench.feed(std::move(part));

  CHECK(bench.port.sent[0].header.failure->code == Errc::kInvalidArgument);
  CHECK(bench.port.sent[0].header.failure->message.find("documents from a") == 0);
}

TEST_CASE("a part for another instance is dropped and counted") {
  Bench bench(chain(), "second");
  PartPointer part = bench.part("first", {"x"});
  part->header.target = 99;

  bench.feed(std::move(part));

  CHECK(bench.port.sent.empty());
  CHECK(bench.port.reported.empty());
  CHECK(bench.core.counters().wrong_target == 1);
}

TEST_CASE("a part without a plan for this node is dropped and counted") {
  Bench bench(chain(), "second");
  PartPointer part = bench.part("first", {"x"});
  part->header.plan.resize(1);

  bench.feed(std::move(part));

  CHECK(bench.port.sent.empty());
  CHECK(bench.core.counters().wrong_target == 1);
}

TEST_CASE("a target that left the topology is counted") {
  Bench bench(chain(), "second");
  PartPointer part = bench.part("first", {"x"});
  part->header.plan[bench.node("third").value].target = 42;

  bench.feed(std::move(part));

  CHECK(bench.port.sent.empty());
  CHECK(bench.core.counters().no_peer == 1);
}

TEST_CASE("a target of a newer topology is waited for") {
  Bench bench(chain(), "second");
  PartPointer part = bench.part("first", {"x"});
  part->header.plan[bench.node("third").value].target = 42;
  part->header.topology_version = 2;
  bench.feed(std::move(part));
  CHECK(bench.port.sent.empty());
  CHECK_FALSE(bench.core.idle());

  auto newer = make_graph({{"first", {"gateway"}}, {"second", {"first"}}, {"third", {"second"}}},
                          "third", 2);
  wire::TopologyInstance& added = newer->instances.emplace_back();
  added.id = InstanceId{42};
  added.node = bench.node("third");
  bench.core.set_topology(newer, at(1ms));

  REQUIRE(bench.port.sent.size() == 1);
  CHECK(bench.port.sent[0].to == InstanceId{42});
  CHECK(bench.port.sent[0].header.target == 42);
  CHECK(bench.core.idle());
}

TEST_CASE("nothing is sent to who left, also when it was sent to last") {
  Bench bench(chain(), "second");
  bench.feed(bench.part("first", {"x"}));
  REQUIRE(bench.port.sent.size() == 1);

  auto newer = make_graph({{"first", {"gateway"}}, {"second", {"first"}}, {"third", {"second"}}},
                          "third", 2);
  std::erase_if(newer->instances, [&](const wire::TopologyInstance& instance) {
    return instance.node == bench.node("third");
  });
  bench.core.set_topology(newer, at(1ms));
  bench.feed(bench.part("first", {"x"}));

  CHECK(bench.port.sent.size() == 1);
  CHECK(bench.core.counters().no_peer == 1);
}

TEST_CASE("a topology that does not come is not waited for for ever") {
  Bench bench(chain(), "second");
  PartPointer part = bench.part("first", {"x"});
  part->header.plan[bench.node("third").value].target = 42;
  part->header.topology_version = 2;
  bench.feed(std::move(part));

  const Instant until = bench.core.tick(at(1ms));
  CHECK(until == at(Core::kParkedFor));
  bench.core.tick(until);

  CHECK(bench.core.idle());
  CHECK(bench.core.counters().no_peer == 1);
}

TEST_CASE("a join whose other part never comes ends with its deadline") {
  Bench bench(diamond(), "join");
  bench.feed(bench.part("a", {"x"}));

  CHECK(bench.core.tick(at(1ms)) == at(1s));
  CHECK(bench.core.tick(at(1s)) == kNever);

  CHECK(bench.core.idle());
  CHECK(bench.core.gather_counters().expired == 1);
}

TEST_CASE("a join has as long as the part with the least time left") {
  Bench bench(diamond(), "join");
  PartPointer part = bench.part("a", {"x"});
  part->header.remaining = 10ms;
  bench.feed(std::move(part), at(0ms));

  bench.feed(bench.part("b", {"y"}), at(10ms));

  CHECK(bench.execution.runs == 0);
  REQUIRE(bench.port.sent.size() == 1);
  CHECK(bench.port.sent[0].header.failure->code == Errc::kDeadlineExceeded);
}

TEST_CASE("a gateway that leaves takes its half joins with it") {
  Bench bench(diamond(), "join");
  bench.feed(bench.part("a", {"x"}));
  auto without = diamond();
  without->version = 2;
  without->gateways.clear();

  bench.core.set_topology(without, at(1ms));

  CHECK(bench.core.idle());
  CHECK_FALSE(bench.core.has_gateways());
}

TEST_CASE("there is no room before a topology, nor past the limit of jobs") {
  FakePort port;
  FakeExecution execution;
  Core core(Self{}, execution, port);
  CHECK_FALSE(core.has_room());

  Bench bench(chain(), "second");
  for (std::size_t i = 0; i < Core::kMaxJobs; ++i) {
    REQUIRE(bench.core.has_room());
    bench.core.receive(bench.part("first", {}), at(0ms));
  }
  CHECK_FALSE(bench.core.has_room());
  bench.run_all(at(0ms));
  CHECK(bench.core.has_room());
  CHECK(bench.port.sent.size() == Core::kMaxJobs);
}

TEST_CASE("documents of requests that failed are let go of, however many waited at once") {
  Bench bench(chain(), "second");
  bench.execution.handler = [](Contents& contents) -> std::optional<Error> {
    CHECK(contents.documents().ok());
    return Error{Errc::kExecutorError, "std::runtime_error: no"};
  };
  std::vector<std::weak_ptr<Bytes>> payloads;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    PartPointer part = bench.part("first", {"x"});
    auto owner = std::make_shared<Bytes>(part->payload);
    payloads.push_back(owner);
    const std::span<const std::byte> bytes = owner->span();
    part->payload = Bytes::share(std::move(owner), bytes);
    part->header.request.sequence = i;
    bench.core.receive(std::move(part), at(0s));
  }

  bench.run_all(at(0s));
  CHECK(bench.port.sent.size() == 100);
  bench.port.sent.clear();
  bench.core.settle();

  CHECK(std::ranges::all_of(payloads, [](const auto& payload) { return payload.expired(); }));
}
