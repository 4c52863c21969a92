#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "runtime_fixture.h"

namespace {

using namespace flow;
using namespace flow::worker;
using namespace std::chrono_literals;

using Texts = std::vector<std::string>;

// A pipe that a handler waits at; open() lets it go on.
class Gate {
 public:
  explicit Gate(const std::string& folder, const std::string& name = "gate")
      : path_(folder + "/" + name) {
    REQUIRE(mkfifo(path_.c_str(), 0600) == 0);
  }
  ~Gate() { close(); }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // True once the handler stands there, which then goes on.
  bool open() {
    if (fd_ < 0) fd_ = ::open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    return fd_ >= 0;
  }
  // Who comes from now on waits again.
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int fd_ = -1;
};

bool finished(const Stage& stage, std::uint64_t sequence) {
  for (const wire::Progress& progress : stage.progress) {
    if (progress.sequence == sequence && progress.finished == 1) return true;
  }
  return false;
}

// The worker has seen that its requests are quick.
void warm_up(Stage& stage) {
  for (std::uint64_t i = 1; i <= 3; ++i) {
    stage.post(100 + i, "/append");
    REQUIRE(stage.wait([&] { return stage.answers.size() == i; }));
  }
  stage.answers.clear();
}

}  // namespace

TEST_CASE("a worker joins, answers and reports") {
  Stage stage;
  stage.welcome_message.with = {{"text", "appended"}};
  stage.start();
  REQUIRE(stage.serve());
  const auto* ready = stage.last<wire::Ready>();
  CHECK(ready->endpoints == Texts{"/append", "/wait", "/throw", "/parameters"});
  CHECK_FALSE(ready->catch_all);
  CHECK(ready->concurrency == 1);

  stage.post(1, "/append");
  stage.post(2, "/unbound");

  REQUIRE(stage.wait([&] { return stage.answers.size() == 2 && finished(stage, 2); }));
  CHECK(stage.answers[0].texts == Texts{"x", "appended"});
  CHECK(stage.answers[0].part.header.target == Stage::kGateway.value);
  CHECK(stage.answers[0].part.header.hops.size() == 1);
  CHECK(stage.answers[1].texts == Texts{"x"});
  CHECK(std::ranges::count(stage.progress, 1, &wire::Progress::finished) == 2);
  CHECK(stage.report.instance == Stage::kWorker);
  CHECK(stage.report.dropped == 0);
}

TEST_CASE("an answer does not wait for more than one slow request behind quick ones") {
  Stage stage;
  Gate first(stage.folder.path(), "first");
  Gate second(stage.folder.path(), "second");
  stage.start();
  REQUIRE(stage.serve());
  warm_up(stage);

  stage.post_together({{"/append", {}},
                       {"/append", {}},
                       {"/wait", {{"gate", first.path()}}},
                       {"/wait", {{"gate", second.path()}}},
                       {"/append", {}},
                       {"/append", {}},
                       {"/append", {}},
                       {"/append", {}}});
  REQUIRE(stage.wait([&] { return first.open(); }));
  CHECK(stage.wait([&] { return stage.answers.size() == 3; }));
  REQUIRE(stage.wait([&] { return second.open(); }));
  CHECK(stage.wait([&] { return stage.answers.size() == 8; }));
  for (std::size_t i = 0; i < stage.answers.size(); ++i)
    CHECK(stage.answers[i].part.header.request.sequence == i + 1);
}

TEST_CASE("of requests that come together and are batched none is executed before all are there") {
  Stage stage;
  Gate gate(stage.folder.path());
  stage.welcome_message.with = {{"gate", gate.path()}};
  stage.welcome_message.batches = true;
  stage.shape = [](wire::Topology& topology) {
    topology.nodes[0].batching = {{"/wait", 100, Duration{}}};
  };
  stage.start();
  REQUIRE(stage.serve());
  warm_up(stage);

  stage.post_together(std::vector<std::pair<std::string, ValueMap>>(20, {"/wait", {}}));
  REQUIRE(stage.wait([&] { return gate.open(); }));
  gate.close();  // a second batch would stand there
  CHECK(stage.wait([&] { return stage.answers.size() == 20; }));
}

TEST_CASE("handlers see the parameters of their executor") {
  Stage stage;
  stage.start();
  REQUIRE(stage.serve());

  stage.post(1, "/parameters", {{"key", 1}, {"node__key", 5}});

  REQUIRE(stage.wait([&] { return stage.answers.size() == 1; }));
  CHECK(stage.answers[0].texts == Texts{"5"});
}

TEST_CASE("what a handler throws ends the request with type and text") {
  Stage stage;
  stage.start();
  REQUIRE(stage.serve());

  stage.post(1, "/throw");
  stage.post(2, "/append");

  REQUIRE(stage.wait([&] { return stage.answers.size() == 2; }));
  const auto& failure = stage.answers[0].part.header.failure;
  REQUIRE(failure != nullptr);
  CHECK(failure->code == Errc::kExecutorError);
  CHECK(failure->message == "(anonymous namespace)::OutOfDisk: no space left");
  CHECK(failure->executor == "node");
  CHECK(failure->instance == "node/rep-0");
  CHECK(stage.answers[1].part.header.failure == nullptr);
}

TEST_CASE("an idle worker without gateways ends at once, in order") {
  Stage stage;
  const std::string closed = stage.folder.path() + "/closed";
  stage.welcome_message.with = {{"closed", closed}};
  stage.start();
  REQUIRE(stage.serve());
  stage.publish_topology(false);
  REQUIRE(stage.wait([&] { return stage.last<wire::TopologyAck>()->version == 2; }));

  stage.terminate();

  REQUIRE(stage.wait_exit(0));
  CHECK(stage.last<wire::Exit>() != nullptr);
  CHECK(stage.last<wire::Exit>()->planned);
  CHECK(std::filesystem::exists(closed));
  CHECK_FALSE(std::filesystem::exists(stage.folder.path() + "/data-7.ipc"));
  CHECK(stage.stderr_text().empty());
}

TEST_CASE("a worker told to end finishes and sends what it has") {
  Stage stage;
  Gate gate(stage.folder.path());
  stage.welcome_message.with = {{"gate", gate.path()}};
  stage.start();
  REQUIRE(stage.serve());
  stage.post(1, "/wait");
  stage.post(2, "/append");
  REQUIRE(stage.wait([&] { return !stage.progress.empty(); }));

  stage.terminate();
  REQUIRE(stage.wait([&] { return stage.last<wire::Exit>() != nullptr; }));
  CHECK(stage.answers.empty());
  REQUIRE(stage.wait([&] { return gate.open(); }));
  stage.to_worker(wire::Drain{10s});

  REQUIRE(stage.wait_exit(0));
  REQUIRE(stage.wait([&] { return stage.answers.size() == 2 && finished(stage, 2); }));
}

TEST_CASE("a worker told to end serves on until the broker says that nothing comes any more") {
  Stage stage;
  stage.start();
  REQUIRE(stage.serve());
  stage.terminate();
  REQUIRE(stage.wait([&] { return stage.last<wire::Exit>() != nullptr; }));

  stage.post(1, "/append");
  REQUIRE(stage.wait([&] { return stage.answers.size() == 1; }));
  CHECK_FALSE(stage.exited());
  stage.to_worker(wire::Drain{10s});

  CHECK(stage.wait_exit(0));
}

TEST_CASE("a worker told to end does not wait for a broker that is away") {
  Stage stage;
  stage.start();
  REQUIRE(stage.serve());

  stage.terminate();

  CHECK(stage.wait_exit(0));
}

TEST_CASE("a worker that does not drain in time says so") {
  Stage stage;
  Gate gate(stage.folder.path());
  stage.welcome_message.with = {{"gate", gate.path()}};
  stage.start();
  REQUIRE(stage.serve());
  stage.post(1, "/wait");
  REQUIRE(stage.wait([&] { return !stage.progress.empty(); }));

  stage.to_worker(wire::Drain{20ms});

  REQUIRE(stage.wait_exit(1));
  CHECK(stage.stderr_text() == "flow_test_executor: node/rep-0: it did not drain in time\n");
}

TEST_CASE("the broker can ask a worker to drain") {
  Stage stage;
  stage.start();
  REQUIRE(stage.serve());

  stage.to_worker(wire::Drain{1s});

  CHECK(stage.wait_exit(0));
}

TEST_CASE("a busy worker still beats and tells its age") {
  Stage stage;
  Gate gate(stage.folder.path());
  stage.welcome_message.with = {{"gate", gate.path()}};
  stage.welcome_message.beat = 20ms;
  stage.start();
  REQUIRE(stage.serve());

  stage.post(1, "/wait");

  REQUIRE(stage.wait([&] {
    const auto* beat = stage.last<wire::Beat>();
    return beat != nullptr && beat->executing_us > 50'000;
  }));
  CHECK(stage.last<wire::Beat>()->in_flight == 1);
  REQUIRE(stage.wait([&] { return stage.report.executing > 50ms; }));
  REQUIRE(stage.wait([&] { return gate.open(); }));
  REQUIRE(stage.wait([&] { return finished(stage, 1); }));
}

TEST_CASE("a handler past its timeout ends the request, then the process") {
  Stage stage;
  Gate gate(stage.folder.path());
  stage.welcome_message.with = {{"gate", gate.path()}};
  stage.welcome_message.timeout = 50ms;
  stage.start();
  REQUIRE(stage.serve());

  stage.post(4, "/wait");

  REQUIRE(stage.wait([&] { return stage.answers.size() == 1; }));
  const wire::PartHeader& header = stage.answers[0].part.header;
  CHECK(header.request == RequestId{.gateway = Stage::kGateway, .sequence = 4});
  REQUIRE(header.failure != nullptr);
  CHECK(header.failure->code == Errc::kDeadlineExceeded);
  CHECK(header.failure->instance == "node/rep-0");
  REQUIRE(stage.wait_exit(1));
  REQUIRE(stage.last<wire::Exit>() != nullptr);
  CHECK_FALSE(stage.last<wire::Exit>()->planned);
  const std::string reason = "execution of 3-4 exceeded its timeout of ";
  CHECK(stage.last<wire::Exit>()->reason.find(reason) == 0);
  CHECK(stage.stderr_text().find("flow_test_executor: node/rep-0: " + reason) == 0);
  CHECK_FALSE(std::filesystem::exists(stage.folder.path() + "/data-7.ipc"));
}

TEST_CASE("a handler past its timeout ends all requests of its batch at once") {
  Stage stage;
  Gate gate(stage.folder.path());
  stage.welcome_message.with = {{"gate", gate.path()}};
  stage.welcome_message.timeout = 50ms;
  stage.welcome_message.batches = true;
  stage.shape = [](wire::Topology& topology) {
    topology.nodes[0].batching = {{"/wait", 3, std::chrono::hours(1)}};
  };
  stage.start();
  REQUIRE(stage.serve());

  for (const std::uint64_t sequence : {4, 5, 6})
    stage.post(sequence, "/wait");

  REQUIRE(stage.wait([&] { return stage.answers.size() == 3 || stage.exited(); }));
  REQUIRE_FALSE(stage.exited());
  for (std::size_t i = 0; i < 3; ++i) {
    const wire::PartHeader& header = stage.answers[i].part.header;
    CHECK(header.request == RequestId{.gateway = Stage::kGateway, .sequence = 4 + i});
    REQUIRE(header.failure != nullptr);
    CHECK(header.failure->code == Errc::kDeadlineExceeded);
  }
  REQUIRE(stage.wait_exit(1));
  REQUIRE(stage.last<wire::Exit>() != nullptr);
  CHECK(stage.last<wire::Exit>()->reason.find("execution of 3-4 and 2 in its batch exceeded") == 0);
}

TEST_CASE("a worker serves without a broker and introduces itself to the next") {
  Stage stage;
  stage.start();
  REQUIRE(stage.serve());
  stage.restart_broker();

  stage.post(1, "/append");
  REQUIRE(stage.wait([&] { return stage.answers.size() == 1; }));
  REQUIRE(stage.wait([&] { return stage.last<wire::Beat>() != nullptr; }));
  wire::Welcome stranger;
  stranger.term = 1;
  stage.to_worker(stranger);

  REQUIRE(stage.wait([&] { return stage.last<wire::Hello>() != nullptr; }));
  CHECK(stage.last<wire::Hello>()->instance == Stage::kWorker);
  CHECK(stage.last<wire::Hello>()->ready.has_value());
}

TEST_CASE("a key nobody knows keeps a worker from starting") {
  Stage stage;
  stage.welcome_message.with = {{"texxt", "a"}};
  stage.start();
  REQUIRE(stage.welcome());

  REQUIRE(stage.wait_exit(1));

  CHECK(stage.stderr_text() ==
        "flow_test_executor: node/rep-0: unknown key 'texxt' in with; did you mean 'text'?\n");
  REQUIRE(stage.last<wire::Exit>() != nullptr);
  CHECK_FALSE(stage.last<wire::Exit>()->planned);
}

TEST_CASE("a constructor that throws keeps a worker from starting") {
  Stage stage;
  stage.start("broken");
  REQUIRE(stage.welcome());

  REQUIRE(stage.wait_exit(1));

  CHECK(stage.stderr_text() ==
        "flow_test_executor: node/rep-0: (anonymous namespace)::OutOfDisk: no model\n");
}

TEST_CASE("a configuration error is told in its own words") {
  Stage stage;
  stage.welcome_message.with = {{"config", true}};
  stage.start("broken");
  REQUIRE(stage.welcome());

  REQUIRE(stage.wait_exit(1));

  CHECK(stage.stderr_text() == "flow_test_executor: node/rep-0: with.config must be false\n");
}

TEST_CASE("a worker the broker refuses says why") {
  Stage stage;
  stage.start();
  REQUIRE(stage.wait([&] { return stage.last<wire::Hello>() != nullptr; }));
  CHECK(stage.last<wire::Hello>()->name == "node/rep-0");

  stage.to_worker(wire::Refused{"no slot node/rep-0"});

  REQUIRE(stage.wait_exit(1));
  CHECK(stage.stderr_text() == "flow_test_executor: node/rep-0: no slot node/rep-0\n");
}

TEST_CASE("an executor that does not exist is named, with what was meant") {
  Stage stage;
  stage.start("tset");

  REQUIRE(stage.wait_exit(1));
  CHECK(stage.stderr_text() ==
        "flow_test_executor: node/rep-0: no built-in executor 'tset'; did you mean 'test'?\n");
}

TEST_CASE("a worker nobody welcomed ends when told to") {
  Stage stage;
  stage.start();
  REQUIRE(stage.wait([&] { return stage.last<wire::Hello>() != nullptr; }));

  stage.terminate();

  CHECK(stage.wait_exit(0));
}
