// Real sockets over ipc in a folder of the test's own.
#include "lane_inbox.h"

#include <doctest/doctest.h>

#include <functional>

#include "net/loop.h"
#include "runtime_fixture.h"

namespace {

using namespace flow;
using namespace flow::worker;
using namespace std::chrono_literals;

constexpr InstanceId kSelf{7};
constexpr InstanceId kPublisher{3};
constexpr InstanceId kLane{50};

// This instance serves node 1, behind node 0 with one publisher.
struct Bench {
  Bench() {
    topology.nodes.resize(2);
    topology.nodes[1].needs = {NodeIndex{0}};
    wire::TopologyInstance& publisher = topology.instances.emplace_back();
    publisher.id = kPublisher;
    publisher.lane_address = address;
    wire::TopologyLane& lane = topology.lanes.emplace_back();
    lane.id = kLane;
    lane.node = NodeIndex{1};
    lane.members = {kSelf};
    REQUIRE(peers.bind_publisher(address).ok());
    wire::Topology theirs = topology;
    theirs.instances.clear();
    peers.update(theirs, NodeIndex{0}, clock.now());
  }

  void follow(Instant now) { REQUIRE(inbox.update(topology, kSelf, NodeIndex{1}, now).ok()); }

  void publish() {
    wire::PartHeader header;
    header.target = kLane.value;
    wire::PartEncoder encoder;
    peers.publish(kLane, encoder.encode(header, Bytes()));
    peers.flush(clock.now());
  }

  // False after five seconds.
  bool wait(const std::function<bool()>& done) {
    net::Loop loop(clock);
    const Instant limit = clock.now() + 5s;
    bool reached = false;
    loop.watch(peers.publisher(), [this] { peers.take_subscriptions(); });
    if (inbox.open()) loop.watch(inbox.socket(), [this] { received += inbox.receive(message); });
    loop.run([&](Instant now) {
      reached = done();
      if (reached || now >= limit) loop.stop();
      return limit;
    });
    return reached;
  }

  TempFolder folder;
  std::string address = cluster::lane_address(folder.path(), kPublisher);
  SystemClock clock;
  net::Context context;
  wire::Topology topology;
  cluster::PeerSet peers{context};
  LaneInbox inbox{context, 1U << 20};
  Received message;
  int received = 0;
};

}  // namespace

TEST_CASE("an instance in no lane needs no socket") {
  Bench bench;
  bench.topology.lanes.clear();

  bench.follow(bench.clock.now());

  CHECK_FALSE(bench.inbox.open());
  CHECK(bench.inbox.disconnect_gone(bench.clock.now()) == kNever);
}

TEST_CASE("a publisher that left is heard until nothing of it can be on its way") {
  Bench bench;
  const Instant start = bench.clock.now();
  bench.follow(start);
  REQUIRE(bench.wait([&] { return bench.peers.marks().size() == 1; }));
  bench.publish();
  bench.topology.instances.clear();

  bench.follow(start);
  CHECK(bench.inbox.disconnect_gone(start) == start + LaneInbox::kKeptFor);

  REQUIRE(bench.wait([&] { return bench.received == 1; }));
  CHECK(bench.inbox.disconnect_gone(start + LaneInbox::kKeptFor) == kNever);
  CHECK(bench.wait([&] { return bench.peers.marks().empty(); }));
}

TEST_CASE("a publisher that is back before it was given up stays connected") {
  Bench bench;
  const Instant start = bench.clock.now();
  const auto instances = bench.topology.instances;
  bench.follow(start);
  REQUIRE(bench.wait([&] { return bench.peers.marks().size() == 1; }));
  bench.topology.instances.clear();
  bench.follow(start);
  bench.topology.instances = instances;
  bench.follow(start);

  CHECK(bench.inbox.disconnect_gone(start + 2 * LaneInbox::kKeptFor) == kNever);

  bench.publish();
  CHECK(bench.wait([&] { return bench.received == 1; }));
}

TEST_CASE("publishers of nodes that are no need are not listened to") {
  Bench bench;
  bench.topology.nodes[1].needs = {kGatewayNode};
  bench.topology.gateways.resize(1);
  bench.topology.gateways[0].lane_address = bench.address;
  bench.topology.instances[0].lane_address = "ipc:///nonexistent/and/unused";

  bench.follow(bench.clock.now());

  CHECK(bench.wait([&] { return bench.peers.marks().size() == 1; }));
}
