#include "flowctl/supervisor.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "wire/membership.h"

using namespace std::chrono_literals;

namespace flow::flowctl {
namespace {

namespace fs = std::filesystem;

// Answers "wait" (unless told not to) and "status" as a broker does.
class FakeBroker {
 public:
  FakeBroker(const std::string& address, bool ready) : ready_(ready) {
    Result<net::Socket> socket =
        net::Socket::open(context_, net::SocketType::kRouter, {.traffic = net::Traffic::kControl});
    REQUIRE(socket.ok());
    REQUIRE(socket->bind(address).ok());
    thread_ = std::thread([this, own = std::move(*socket)]() mutable { run(own); });
  }
  ~FakeBroker() {
    waker_.signal();
    thread_.join();
  }
  FakeBroker(const FakeBroker&) = delete;
  FakeBroker& operator=(const FakeBroker&) = delete;

 private:
  void run(net::Socket& socket) {
    net::Loop loop(clock_);
    loop.watch_fd(waker_.fd(), [&] { loop.stop(); });
    loop.watch(socket, [&] {
      net::PeerId peer;
      Received received;
      while (socket.receive_from(peer, received)) {
        answer(socket, peer, wire::decode_control(std::exchange(received, Received{})));
      }
    });
    loop.run([](Instant) { return kNever; });
  }
  void answer(net::Socket& socket, net::PeerId peer, const Result<wire::ControlMessage>& message) {
    const auto* request = message ? std::get_if<wire::AdminRequest>(&*message) : nullptr;
    if (request == nullptr || (request->command == "wait" && !ready_)) return;
    wire::AdminReply reply;
    reply.id = request->id;
    reply.value = {{"state", "ready"}, {"gateway", "ipc:///gateway"}};
    (void)socket.send_to(peer, wire::encode_control(reply));
  }

  const bool ready_;
  SystemClock clock_;
  net::Context context_;
  net::Waker waker_;
  std::thread thread_;
};

// A flow of shell scripts, in a folder of its own.
class Scripts {
 public:
  Scripts() {
    dir = (fs::temp_directory_path() / "flow-up-XXXXXX").string();
    REQUIRE(::mkdtemp(dir.data()) != nullptr);
    fs::create_directories(dir + "/logs");
    launch.flow = "test";
    launch.run_dir = dir;
    launch.broker = "ipc://" + dir + "/broker.ipc";
    launch.private_redis = false;
  }
  ~Scripts() { fs::remove_all(dir); }
  Scripts(const Scripts&) = delete;
  Scripts& operator=(const Scripts&) = delete;

  // Runs until SIGTERM, then notes its name in the file "ended".
  void add(Part part, const std::string& name) {
    add(part, name,
        "trap 'echo " + name + " >> " + dir + "/ended; exit 0' TERM; echo up >> " + dir +
            "/started; while :; do sleep 0.02; done");
  }
  void add(Part part, const std::string& name, const std::string& script) {
    launch.processes.push_back(
        {part, {name, "/bin/sh", {"-c", script}, {}, log_path(dir, name)}, true});
  }
  int run(SupervisorOptions options, bool broker_ready, Supervisor::OnReady on_ready) {
    options.narrate = false;
    StopSignal stop;
    ChildSignal children;
    const FakeBroker broker(launch.broker, broker_ready);
    return Supervisor(launch, options, stop, children, std::move(on_ready)).run();
  }
  std::string file(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(dir + "/" + name).rdbuf();
    return text.str();
  }
  // Traps are set once the scripts have said that they are up.
  void wait_until_up(std::size_t count) const {
    while (file("started").size() < 3 * count)
      std::this_thread::yield();
  }

  std::string dir;
  Launch launch;
};

}  // namespace

TEST_CASE("a flow that is told to end drains gateway, workers, broker and Redis, in this order") {
  Scripts scripts;
  scripts.add(Part::kRedis, "redis");
  scripts.add(Part::kBroker, "broker");
  scripts.add(Part::kGateway, "gateway");
  scripts.add(Part::kWorker, "worker");
  std::string gateway;

  const int code = scripts.run({}, true, [&](const Endpoints& endpoints, const ValueMap&) {
    gateway = endpoints.gateway;
    scripts.wait_until_up(4);
    const Result<Endpoints> written = read_endpoints(scripts.dir);
    REQUIRE(written.ok());
    CHECK(written->pids.size() == 5);
    CHECK(written->gateway == "ipc:///gateway");
    ::kill(::getpid(), SIGTERM);
  });

  CHECK(code == 0);
  CHECK(gateway == "ipc:///gateway");
  CHECK(scripts.file("ended") == "gateway\nworker\nbroker\nredis\n");
}

TEST_CASE("a process that ends during the start ends everything with 1") {
  Scripts scripts;
  scripts.add(Part::kGateway, "gateway");
  scripts.add(Part::kWorker, "worker", "echo cannot; exit 3");
  bool ready = false;
  const int code = scripts.run({}, false, [&](const Endpoints&, const ValueMap&) { ready = true; });
  CHECK(code == 1);
  CHECK_FALSE(ready);
}

TEST_CASE("a program that cannot be run ends everything with 1") {
  Scripts scripts;
  scripts.add(Part::kGateway, "gateway");
  scripts.launch.processes.push_back(
      {Part::kWorker, {"worker", "/no/such/program", {}, {}, scripts.dir + "/l"}, true});
  CHECK(scripts.run({}, false, [](const Endpoints&, const ValueMap&) {}) == 1);
}

TEST_CASE("a flow that does not become ready in time is ended with 75") {
  Scripts scripts;
  scripts.add(Part::kWorker, "worker");
  SupervisorOptions options;
  options.wait_ready = 50ms;
  CHECK(scripts.run(options, false, [](const Endpoints&, const ValueMap&) {}) == 75);
}

TEST_CASE("a process that dies is started again") {
  Scripts scripts;
  scripts.add(Part::kWorker, "worker",
              "if [ -e " + scripts.dir +
                  "/once ]; then kill -TERM $PPID; exec sleep 100; fi; "
                  "touch " +
                  scripts.dir + "/once; until [ -e " + scripts.dir +
                  "/ready ]; do sleep 0.01; done; exit 1");
  const int code = scripts.run({}, true, [&](const Endpoints&, const ValueMap&) {
    std::ofstream(scripts.dir + "/ready") << "yes";
  });
  CHECK(code == 0);
}

TEST_CASE("without restarts a dead process stays dead") {
  Scripts scripts;
  scripts.add(Part::kGateway, "gateway");
  scripts.add(Part::kWorker, "worker",
              "echo up >> " + scripts.dir + "/started; until [ -e " + scripts.dir +
                  "/ready ]; do sleep 0.01; done; (sleep 0.3; kill -TERM $PPID) & exit 1");
  SupervisorOptions options;
  options.restart = false;
  const int code = scripts.run(options, true, [&](const Endpoints&, const ValueMap&) {
    scripts.wait_until_up(2);
    std::ofstream(scripts.dir + "/ready") << "yes";
  });
  CHECK(code == 0);
  CHECK(scripts.file("started") == "up\nup\n");
}

TEST_CASE("what does not end in its share of the time is killed") {
  Scripts scripts;
  scripts.add(Part::kGateway, "gateway",
              "trap '' TERM; echo up >> " + scripts.dir + "/started; exec sleep 100");
  SupervisorOptions options;
  options.drain = 50ms;
  const int code = scripts.run(options, true, [&](const Endpoints&, const ValueMap&) {
    scripts.wait_until_up(1);
    ::kill(::getpid(), SIGTERM);
  });
  CHECK(code == 0);
}

TEST_CASE("a second Ctrl-C kills at once and ends with 130") {
  Scripts scripts;
  scripts.add(Part::kGateway, "gateway",
              "trap 'kill -INT $PPID' TERM; echo up >> " + scripts.dir +
                  "/started; while :; do sleep 0.02; done");
  const int code = scripts.run({}, true, [&](const Endpoints&, const ValueMap&) {
    scripts.wait_until_up(1);
    ::kill(::getpid(), SIGINT);
  });
  CHECK(code == 130);
}

}  // namespace flow::flowctl
