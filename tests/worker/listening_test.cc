// A worker that listens on its own, as a process, and clients over real sockets.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>
#include <vector>

#include "component/process.h"
#include "flow/client.h"

namespace {

using namespace flow;
using namespace std::chrono_literals;

constexpr int kSteps = 4000;

template <typename Condition>
bool eventually(const Condition& condition) {
  for (int i = 0; i < kSteps; ++i) {
    if (condition()) return true;
    ::poll(nullptr, 0, 5);
  }
  return false;
}

// The test executor, listening in a folder of its own.
class Alone {
 public:
  explicit Alone(const std::string& uses = "test") {
    std::string name = "/tmp/flow-alone-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder_ = name;
    REQUIRE(mkfifo(gate().c_str(), 0600) == 0);
    process_ = Process(std::getenv("FLOW_TEST_EXECUTOR"),
                       {"--listen", address(), "--uses", uses, "--name", "alone", "--with",
                        fmt::format(R"({{"gate":"{}","closed":"{}/closed"}})", gate(), folder_)},
                       folder_ + "/log");
  }
  ~Alone() {
    process_.kill();
    if (gate_ >= 0) ::close(gate_);
    std::filesystem::remove_all(folder_);
  }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;

  std::string address() const { return "ipc://" + folder_ + "/far.ipc"; }
  std::string gate() const { return folder_ + "/gate"; }
  Client client(std::uint32_t in_flight = 1024) const {
    ClientOptions options;
    options.connect_timeout = 20s;
    options.max_in_flight = in_flight;
    Result<Client> client = Client::connect(address(), options);
    REQUIRE(client.ok());
    return *std::move(client);
  }
  // Lets the handler that stands at the gate go on, once it stands there; all later ones, too.
  void open_gate() {
    CHECK(eventually([this] {
      if (gate_ < 0) gate_ = ::open(gate().c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
      return gate_ >= 0;
    }));
  }
  Process& process() { return process_; }
  bool closed() const { return std::filesystem::exists(folder_ + "/closed"); }

 private:
  std::string folder_;
  Process process_;
  int gate_ = -1;
};

PostOptions within(Duration timeout) {
  PostOptions options;
  options.timeout = timeout;
  return options;
}

}  // namespace

TEST_CASE("a worker on its own serves any number of clients") {
  const Alone far;
  Client one = far.client();
  Client two = far.client();
  CHECK(one.welcome().flow == "alone");
  for (Client* client : {&one, &two, &one}) {
    const Reply reply = client->post("/append", {});
    REQUIRE(reply.ok());
    REQUIRE(reply.documents.size() == 1);
    CHECK(reply.documents[0].text() == "new");
    CHECK_FALSE(reply.documents[0].id().empty());
    REQUIRE(reply.response.hops.size() == 1);
    CHECK(reply.response.hops[0].instance == "alone");
  }
  CHECK(one.post("/nobody-binds-this", {}).ok());
  const Reply failed = two.post("/throw", {});
  CHECK(failed.code() == Errc::kExecutorError);
  CHECK(failed.response.failure->message.find("no space left") != std::string::npos);
  CHECK(failed.response.failure->executor == "alone");
}

TEST_CASE("while the executor is busy for long, clients are not taken for lost") {
  Alone far;
  Client client = far.client();
  std::future<Reply> waits =
      std::async(std::launch::async, [&client] { return client.post("/wait", {}, within(60s)); });
  // Longer than a client waits for a sign of life.
  CHECK(waits.wait_for(5s) == std::future_status::timeout);
  far.open_gate();
  CHECK(waits.get().ok());
}

TEST_CASE("a request ends at its deadline though the executor is busy, and others go on after") {
  Alone far;
  Client client = far.client();
  const Reply late = client.post("/wait", {}, within(50ms));
  CHECK(late.code() == Errc::kDeadlineExceeded);
  const Reply behind = client.post("/append", {}, within(50ms));
  CHECK(behind.code() == Errc::kDeadlineExceeded);
  far.open_gate();
  CHECK(client.post("/append", {}).ok());
}

TEST_CASE("a client that leaves cancels what it had waiting, and others are served") {
  Alone far;
  Client stays = far.client();
  std::future<Reply> waits =
      std::async(std::launch::async, [&stays] { return stays.post("/wait", {}, within(60s)); });
  std::atomic<int> cancelled = 0;
  {
    Client leaves = far.client();
    for (int i = 0; i < 20; ++i) {
      leaves.submit("/wait", {}, within(60s), [&cancelled](const Reply& reply) {
        cancelled += reply.code() == Errc::kCancelled ? 1 : 0;
      });
    }
  }
  CHECK(cancelled == 20);
  far.open_gate();
  CHECK(waits.get().ok());
  CHECK(stays.post("/append", {}, within(20s)).ok());
}

TEST_CASE("SIGTERM finishes what was taken, refuses what comes, closes the executor, ends with 0") {
  Alone far;
  Client client = far.client();
  std::future<Reply> waits =
      std::async(std::launch::async, [&client] { return client.post("/wait", {}, within(60s)); });
  CHECK(waits.wait_for(100ms) == std::future_status::timeout);
  far.process().signal(SIGTERM);
  Client other = far.client();
  CHECK(eventually([&other] {
    const Reply reply = other.post("/append", {}, within(20s));
    return reply.code() == Errc::kUnavailable;
  }));
  far.open_gate();
  CHECK(waits.get().ok());
  CHECK(far.process().wait() == 0);
  CHECK(far.closed());
}

TEST_CASE("an executor that cannot start ends the process with 1") {
  Alone far("broken");
  CHECK(far.process().wait() == 1);
}

TEST_CASE("many requests of many clients are all answered") {
  const Alone far;
  std::vector<std::future<int>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::async(std::launch::async, [&far] {
      Client client = far.client();
      int good = 0;
      for (int n = 0; n < 100; ++n)
        good += client.post("/append", {}).ok() ? 1 : 0;
      return good;
    }));
  }
  for (std::future<int>& each : clients)
    CHECK(each.get() == 100);
}
