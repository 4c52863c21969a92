#include "handlers.h"

#include <doctest/doctest.h>

#include <stdexcept>

#include "wire/value_codec.h"
#include "worker_fixture.h"

namespace {

using namespace flow;
using namespace flow::worker;
using namespace std::chrono_literals;

using Texts = std::vector<std::string>;

class Many : public Executor {
 public:
  Many() {
    on("/in-place", &Many::in_place);
    on("/answer", &Many::answer);
    on("/matrix", &Many::matrix);
    on("/look", &Many::look);
    on("/count", &Many::count);
    on("/describe", &Many::describe);
    on("/fill", &Many::fill);
    bind("/bound", false, [](Call& call) {
      call.answer(Documents());
      call.answer_results({{"old", 1}});
      call.answer_results({});
    });
    on("/throw", &Many::fail);
    on("/throw-int", &Many::fail_oddly);
    on_default(&Many::any);
  }
  void in_place(Documents& list, const Request& /*request*/) { list.clear(); }
  Documents answer(const Documents& list, const Request& request) {
    seen = *request.parameters().find("key");
    return Documents({list[0], list[0]});
  }
  Documents matrix(DocumentsMatrix& parts, const Request& /*request*/) {
    return std::move(parts.back().documents);
  }
  void look(const Request& request) {
    id = request.id();
    version = request.version();
    catching_up = request.catching_up();
  }
  ValueMap count(Documents& list, const Request& /*request*/) {
    for (Document& document : list)
      document.set_text("counted");
    return {{"count", static_cast<std::int64_t>(list.size())}};
  }
  ValueMap describe(const Request& request) {
    return {{"endpoint", std::string(request.endpoint())}};
  }
  ValueMap fill(const Request& /*request*/) { return {{"filler", std::string(filler, 'x')}}; }
  void fail(const Request& /*request*/) { throw std::out_of_range("far away"); }
  void fail_oddly(const Request& /*request*/) { throw 5; }
  void any(const Request& request) { id = "any " + std::string(request.endpoint()); }

  Value seen;
  std::string id;
  WriteVersion version;
  bool catching_up = false;
  std::size_t filler = 0;
};

class Bare : public Executor {};

class Twice : public Executor {
 public:
  Twice() {
    bind("/a", false, [](Call&) {});
    bind("/a", false, [](Call&) {});
  }
};

class FakeClock final : public Clock {
 public:
  Instant now() const override { return time; }
  Instant time = at(3ms);
};

class FakeWatch final : public ExecutionWatch {
 public:
  void enter(std::span<const Running> requests, Instant now) override {
    entered = requests.front().request.sequence;
    together = requests.size();
    since = now;
  }
  void leave() override { ++left; }

  std::uint64_t entered = 0;
  std::size_t together = 0;
  Instant since{};
  int left = 0;
};

// Runs one endpoint of an executor over one document "x".
struct Runner {
  explicit Runner(const Executor& executor) : execution(executor, "node", clock, watch) {}

  Executed run(const std::string& endpoint, Bytes payload = documents({"x"})) {
    wire::PartHeader header;
    header.endpoint = endpoint;
    header.request = {.gateway = InstanceId{4}, .sequence = 12};
    header.parameters = wire::encode_value({{"key", 1}, {"node__key", 2}});
    header.written_ns = written_ns;
    contents.reset(std::move(payload));
    Executed executed;
    REQUIRE(execution.run({}, header, contents, at(1ms), 50ms, executed));
    return executed;
  }
  Texts result() { return texts_of(*contents.finish(1U << 20, ids)); }

  std::uint64_t written_ns = 0;
  FakeClock clock;
  FakeWatch watch;
  HandlerExecution execution;
  Contents contents;
  wire::DocumentIds ids{1};
};

}  // namespace

TEST_CASE("every form of handler works") {
  Many executor;
  Runner runner(executor);

  CHECK_FALSE(runner.run("/in-place").error);
  CHECK(runner.result().empty());
  CHECK_FALSE(runner.run("/answer").error);
  CHECK(runner.result() == Texts{"x", "x"});
  CHECK(executor.seen == Value(2));
  CHECK_FALSE(runner.run("/matrix").error);
  CHECK(runner.result() == Texts{"x"});
  CHECK_FALSE(runner.run("/look").error);
  CHECK(executor.id == "4-12");
}

TEST_CASE("a handler sees the version of what it writes and whether its replica is behind") {
  Many executor;
  Runner runner(executor);

  CHECK_FALSE(runner.run("/look").error);
  CHECK_FALSE(executor.version);
  CHECK_FALSE(executor.catching_up);

  runner.written_ns = 77;
  runner.execution.set_catching_up(true);
  CHECK_FALSE(runner.run("/look").error);
  CHECK(executor.version == WriteVersion{.time_ns = 77, .gateway = 4});
  CHECK(executor.catching_up);
}

TEST_CASE("a dictionary result leaves the documents as the handler left them") {
  Many executor;
  Runner runner(executor);

  CHECK(runner.run("/count").results == ValueMap{{"count", 1}});
  CHECK(runner.result() == Texts{"counted"});
  CHECK(runner.run("/describe").results == ValueMap{{"endpoint", "/describe"}});
  CHECK(runner.result() == Texts{"x"});
  CHECK_FALSE(runner.run("/look").results);
}

TEST_CASE("a bound handler may answer documents and a dictionary, the last one counts") {
  Many executor;
  Runner runner(executor);

  CHECK(runner.run("/bound").results == ValueMap{});
  CHECK(runner.result().empty());
}

TEST_CASE("a dictionary result above the limit ends the request and names the executor") {
  Many executor;
  Runner runner(executor);

  executor.filler = kMaxResultBytes - 1024;
  CHECK(runner.run("/fill").results);
  executor.filler = kMaxResultBytes;
  const Executed refused = runner.run("/fill");

  REQUIRE(refused.error);
  CHECK(refused.error->code == Errc::kTooLarge);
  CHECK(refused.error->message.find("executor 'node'") != std::string::npos);
  CHECK_FALSE(refused.results);
  CHECK_FALSE(runner.run("/look").error);
}

TEST_CASE("an endpoint that is not bound goes to the catch-all, else nowhere") {
  Many executor;
  Runner runner(executor);
  CHECK_FALSE(runner.run("/other").error);
  CHECK(executor.id == "any /other");

  const Bare bare;
  Runner passing(bare);
  const Executed executed = passing.run("/other", Bytes::copy_of(std::string_view("opaque")));

  CHECK_FALSE(executed.error);
  CHECK(executed.ended == at(1ms));
  CHECK(passing.watch.entered == 0);
}

TEST_CASE("posting /default calls the catch-all") {
  Many executor;
  Runner runner(executor);

  CHECK_FALSE(runner.run("/default").error);

  CHECK(executor.id == "any /default");
}

TEST_CASE("only the endpoint whose handler takes the matrix wants it") {
  const Many executor;
  Runner runner(executor);

  CHECK(runner.execution.wants_matrix("/matrix"));
  CHECK_FALSE(runner.execution.wants_matrix("/answer"));
  CHECK_FALSE(runner.execution.wants_matrix("/other"));
}

TEST_CASE("what is thrown becomes type and text") {
  Many executor;
  Runner runner(executor);

  const Executed failed = runner.run("/throw");
  REQUIRE(failed.error);
  CHECK(*failed.error == Error{Errc::kExecutorError, "std::out_of_range: far away"});
  CHECK(failed.ended == at(3ms));
  CHECK(runner.run("/throw-int").error->message == "int");
  CHECK(runner.watch.left == 2);
}

TEST_CASE("a payload that does not verify is the sender's fault, not the executor's") {
  Many executor;
  Runner runner(executor);

  const Executed failed = runner.run("/in-place", Bytes::copy_of(std::string_view("opaque")));

  REQUIRE(failed.error);
  CHECK(failed.error->code == Errc::kInvalidArgument);
}

TEST_CASE("the watch sees the execution") {
  Many executor;
  Runner runner(executor);

  CHECK_FALSE(runner.run("/look").error);

  CHECK(runner.watch.entered == 12);
  CHECK(runner.watch.since == at(1ms));
  CHECK(runner.watch.together == 1);
  CHECK(runner.watch.left == 1);
}

TEST_CASE("an endpoint bound twice is an error") {
  const Many fine;
  CHECK(Runner(fine).execution.check().ok());

  const Twice twice;
  CHECK(Runner(twice).execution.check().error().message == "endpoint '/a' is bound twice");
}
