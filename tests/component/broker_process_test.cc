// The real flow-broker with a real redis-server, and members that are only their control side.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "cluster/member.h"
#include "net/context.h"
#include "net/socket.h"
#include "tests/component/process.h"
#include "tests/store/redis_server.h"
#include "wire/envelope.h"

namespace flow {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using store::RedisServer;
using store::TempDir;

constexpr std::string_view kFlow = R"(
[flow]
name = "hello"
[[executor]]
name = "encode"
replicas = 2
with = { dim = 256 }
)";

constexpr std::string_view kSharded = R"(
[flow]
name = "hello"
[[executor]]
name = "index"
shards = 2
polling = "ALL"
)";

// A member with a real control connection and a data socket that only listens.
class FakeMember final : public cluster::BrokerPort {
 public:
  FakeMember(net::Context& context, const std::string& run_dir, wire::Role role,
             const std::string& name, int number)
      : context_(context),
        run_dir_(run_dir),
        number_(number),
        member_({role, name, static_cast<std::uint32_t>(1000 + number), "host", "1"}, *this) {
    net::SocketOptions options;
    options.traffic = net::Traffic::kControl;
    auto control = net::Socket::open(context, net::SocketType::kDealer, options);
    REQUIRE(control.ok());
    control_ = std::move(*control);
    REQUIRE(control_.connect("ipc://" + run_dir + "/broker.ipc").ok());
  }

  void send(const wire::ControlMessage& message) override {
    (void)control_.send(wire::encode_control(message));
  }

  void step(Instant now) {
    if (dead_) return;
    Received received;
    while (control_.receive(received)) {
      auto message = wire::decode_control(std::exchange(received, Received{}));
      REQUIRE(message.ok());
      for (cluster::MemberEvent& event : member_.receive(std::move(*message), now))
        act(event);
    }
    member_.tick(now);
  }

  // As kill -9 looks from outside: no word, all sockets closed.
  void die() {
    dead_ = true;
    control_.close();
    data_.close();
  }

  cluster::Member& member() { return member_; }
  const std::vector<std::string>& refusals() const { return refusals_; }
  InstanceId id() const { return member_.instance(); }

 private:
  void act(cluster::MemberEvent& event) {
    if (std::holds_alternative<cluster::Welcomed>(event)) {
      auto data = net::Socket::open(context_, net::SocketType::kPull, {});
      REQUIRE(data.ok());
      data_ = std::move(*data);
      wire::Ready ready;
      ready.data_address = fmt::format("ipc://{}/data-{}-{}.ipc", run_dir_, id().value, number_);
      ready.catch_all = true;
      REQUIRE(data_.bind(ready.data_address).ok());
      member_.ready(ready);
    } else if (auto* changed = std::get_if<cluster::TopologyChanged>(&event)) {
      member_.acknowledge(changed->topology->version, changed->topology->version);
    } else if (auto* refused = std::get_if<cluster::RefusedByBroker>(&event)) {
      refusals_.push_back(refused->message);
    }
  }

  net::Context& context_;
  std::string run_dir_;
  int number_;
  net::Socket control_;
  net::Socket data_;
  cluster::Member member_;
  std::vector<std::string> refusals_;
  bool dead_ = false;
};

class Bench {
 public:
  explicit Bench(std::string_view flow = kFlow) {
    std::ofstream(dir_.path() + "/hello.toml") << flow;
    start_broker();
    net::SocketOptions options;
    options.traffic = net::Traffic::kControl;
    auto admin = net::Socket::open(context_, net::SocketType::kDealer, options);
    REQUIRE(admin.ok());
    admin_ = std::move(*admin);
    REQUIRE(admin_.connect("ipc://" + run_dir() + "/broker.ipc").ok());
  }
  ~Bench() {
    members_.clear();
    admin_.close();
  }

  std::string run_dir() const { return dir_.path() + "/run"; }
  std::vector<std::string> arguments() const {
    return {"--flow", dir_.path() + "/hello.toml", "--run-dir", run_dir(), "--redis", redis.url()};
  }
  void start_broker() { broker = Process(FLOW_BROKER, arguments(), dir_.path() + "/broker.log"); }

  FakeMember& add(wire::Role role, const std::string& name) {
    members_.push_back(std::make_unique<FakeMember>(context_, run_dir(), role, name, ++numbers_));
    return *members_.back();
  }
  FakeMember& worker(const std::string& name) { return add(wire::Role::kWorker, name); }

  // Everyone does what is due until `done` or ten seconds are over; how long it took.
  template <typename Done>
  Duration until(Done done) {
    const Instant start = clock_.now();
    while (!done()) {
      REQUIRE_MESSAGE(clock_.now() - start < seconds(10), "it did not happen within ten seconds");
      for (const auto& member : members_)
        member->step(clock_.now());
      ::poll(nullptr, 0, 1);
    }
    return clock_.now() - start;
  }
  void run(Duration time) {
    const Instant end = clock_.now() + time;
    until([this, end] { return clock_.now() >= end; });
  }

  std::optional<wire::AdminReply> reply() {
    Received received;
    if (!admin_.receive(received)) return std::nullopt;
    auto message = wire::decode_control(std::move(received));
    REQUIRE(message.ok());
    return std::get<wire::AdminReply>(*message);
  }
  ValueMap status() {
    (void)admin_.send(wire::encode_control(wire::AdminRequest{++requests_, "status", {}}));
    std::optional<wire::AdminReply> got;
    until([this, &got] {
      got = reply();
      return got && got->id == requests_;
    });
    return got->value;
  }
  std::string state() { return *status().find("state")->if_string(); }
  std::int64_t number(const char* key) { return *status().find(key)->if_int(); }
  void until_ready() {
    until([this] { return state() == "ready"; });
  }

  RedisServer redis;
  Process broker;

 private:
  TempDir dir_;
  SystemClock clock_;
  net::Context context_;
  net::Socket admin_;
  std::vector<std::unique_ptr<FakeMember>> members_;
  int numbers_ = 0;
  std::uint64_t requests_ = 0;
};

TEST_CASE("a flow becomes ready, and SIGTERM ends the broker with 0") {
  Bench bench;
  bench.worker("encode/rep-0");
  bench.worker("encode/rep-1");
  FakeMember& gateway = bench.add(wire::Role::kGateway, "gateway/0");

  bench.until_ready();

  CHECK(gateway.member().topology()->instances.size() == 2);
  bench.broker.signal(SIGTERM);
  CHECK(bench.broker.wait() == 0);
  CHECK_FALSE(std::filesystem::exists(bench.run_dir() + "/broker.ipc"));
}

TEST_CASE("a broker that is killed and started again disturbs nobody and reuses no id") {
  Bench bench;
  FakeMember& first = bench.worker("encode/rep-0");
  FakeMember& second = bench.worker("encode/rep-1");
  FakeMember& gateway = bench.add(wire::Role::kGateway, "gateway/0");
  bench.until_ready();
  const std::int64_t term = bench.number("term");
  const std::int64_t version = bench.number("version");
  const InstanceId highest = std::max({first.id(), second.id(), gateway.id()});
  const std::pair ids{first.id(), second.id()};

  bench.broker.kill();
  bench.start_broker();
  bench.until_ready();
  bench.run(seconds(1));

  CHECK(bench.number("term") > term);
  CHECK(bench.number("version") > version);
  CHECK(std::pair(first.id(), second.id()) == ids);
  CHECK(first.refusals().empty());
  CHECK(gateway.member().topology()->instances.size() == 2);
  CHECK(gateway.member().topology()->term == static_cast<std::uint64_t>(bench.number("term")));
  first.die();
  FakeMember& third = bench.worker("encode/rep-0");
  bench.until([&third] { return third.id().value != 0; });
  CHECK(third.id() > highest);
}

TEST_CASE("a lane serves once the gateway says whom it sees, and keeps its id in a new broker") {
  Bench bench(kSharded);
  FakeMember& first = bench.worker("index/shard-0/rep-0");
  FakeMember& second = bench.worker("index/shard-1/rep-0");
  FakeMember& gateway = bench.add(wire::Role::kGateway, "gateway/0");
  const auto lanes = [](FakeMember& member) {
    const auto topology = member.member().topology();
    return topology == nullptr ? std::vector<wire::TopologyLane>() : topology->lanes;
  };
  bench.until([&] { return lanes(first).size() == 1; });
  const wire::TopologyLane lane = lanes(first)[0];
  CHECK(lane.state == wire::InstanceState::kStarting);
  CHECK(lane.members == std::vector{first.id(), second.id()});
  CHECK(bench.state() == "starting");

  gateway.member().set_subscriptions({{lane.id, first.id()}, {lane.id, second.id()}});
  bench.until_ready();
  REQUIRE(lanes(gateway).size() == 1);
  CHECK(lanes(gateway)[0].id == lane.id);
  CHECK(lanes(gateway)[0].state == wire::InstanceState::kServing);

  bench.broker.kill();
  bench.start_broker();
  bench.until_ready();
  bench.run(milliseconds(700));
  CHECK(bench.state() == "ready");
  REQUIRE(lanes(gateway).size() == 1);
  CHECK(lanes(gateway)[0].id == lane.id);
  second.die();
  bench.until([&] {  // retired, and out of the topology once nobody needs it
    const auto left = lanes(gateway);
    return left.empty() || left[0].state == wire::InstanceState::kRetired;
  });
}

TEST_CASE("a member whose sockets close is out of the topology within a quarter of a second") {
  Bench bench;
  FakeMember& first = bench.worker("encode/rep-0");
  bench.worker("encode/rep-1");
  FakeMember& gateway = bench.add(wire::Role::kGateway, "gateway/0");
  bench.until_ready();

  first.die();
  const Duration took =
      bench.until([&gateway] { return gateway.member().topology()->instances.size() == 1; });

  CHECK(took < milliseconds(250));
  CHECK(bench.state() == "degraded");
}

TEST_CASE("a broker goes on while Redis is away, and a new one starts without it") {
  Bench bench;
  FakeMember& first = bench.worker("encode/rep-0");
  bench.worker("encode/rep-1");
  FakeMember& gateway = bench.add(wire::Role::kGateway, "gateway/0");
  bench.until_ready();
  const std::int64_t term = bench.number("term");
  const InstanceId highest = std::max(first.id(), gateway.id());

  bench.redis.kill();
  first.die();
  FakeMember& next = bench.worker("encode/rep-0");
  bench.until([&gateway, &next] {
    return next.id().value != 0 && gateway.member().topology()->instances.size() == 2;
  });
  bench.until_ready();
  bench.broker.kill();
  bench.start_broker();
  bench.until_ready();

  CHECK(bench.number("term") > term);
  CHECK(next.refusals().empty());
  CHECK(next.id() > highest);
  CHECK(gateway.member().topology()->instances.size() == 2);
}

TEST_CASE("a hung broker declares nobody dead when it wakes up") {
  Bench bench;
  bench.worker("encode/rep-0");
  bench.worker("encode/rep-1");
  FakeMember& gateway = bench.add(wire::Role::kGateway, "gateway/0");
  bench.until_ready();
  const std::int64_t version = bench.number("version");

  bench.broker.signal(SIGSTOP);
  bench.run(seconds(4));
  bench.broker.signal(SIGCONT);
  bench.run(seconds(1));

  CHECK(bench.number("version") == version);
  CHECK(bench.state() == "ready");
  CHECK(gateway.refusals().empty());
}

TEST_CASE("systemd is told that the broker is ready, how it is, and that it lives") {
  TempDir dir;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = dir.path() + "/notify";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  setenv("WATCHDOG_USEC", "300000", 1);
  std::string heard;
  {
    Bench bench;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    while (heard.find("WATCHDOG=1") == std::string::npos) {
      pollfd waiting{fd, POLLIN, 0};
      REQUIRE(::poll(&waiting, 1, 10'000) == 1);
      char part[512];
      const ssize_t got = recv(fd, part, sizeof part, 0);
      REQUIRE(got > 0);
      heard.append(part, static_cast<std::size_t>(got)).append("|");
    }
  }
  close(fd);
  CHECK(heard.find("READY=1\nSTATUS=starting: ") == 0);
}

TEST_CASE("a second broker in the same run directory ends with a reason") {
  Bench bench;
  bench.until([&bench] { return !bench.state().empty(); });

  Process second(FLOW_BROKER, bench.arguments());

  CHECK(second.wait() == 1);
  CHECK(bench.state() == "starting");
}

TEST_CASE("a bad flow file is 78, a bad command line 2, and checking starts nothing") {
  TempDir dir;
  std::ofstream(dir.path() + "/bad.toml") << "[flow]\nname = 5\n";
  std::ofstream(dir.path() + "/good.toml") << kFlow;

  CHECK(
      Process(FLOW_BROKER, {"--flow", dir.path() + "/bad.toml", "--run-dir", dir.path()}).wait() ==
      78);
  CHECK(Process(FLOW_BROKER, {"--flow"}).wait() == 2);
  CHECK(Process(FLOW_BROKER, {"--strange"}).wait() == 2);
  CHECK(Process(FLOW_BROKER, {"--flow", dir.path() + "/good.toml", "--check-config"}).wait() == 0);
  CHECK(Process(FLOW_BROKER, {"--flow", dir.path() + "/good.toml", "--run-dir", dir.path(),
                              "--redis", "nonsense"})
            .wait() == 1);
}

}  // namespace
}  // namespace flow
