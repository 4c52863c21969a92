// Real sockets over ipc in a folder of the test's own.
#include "cluster/peer_set.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "net/loop.h"
#include "wire/part.h"

namespace {

using namespace flow;
using namespace std::chrono_literals;
using cluster::PeerSet;

constexpr InstanceId kSelf{1};
constexpr InstanceId kPeer{2};
constexpr InstanceId kOther{3};
constexpr InstanceId kGateway{4};
constexpr InstanceId kLane{70};
constexpr InstanceId kSecondLane{71};
constexpr std::size_t kLarge = wire::kMaxAttached + 1;  // travels alone

struct Folder {
  Folder() {
    char name[] = "/tmp/flow-peers-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { rmdir(path.c_str()); }
  std::string ipc(const char* name) const { return "ipc://" + path + "/" + name; }
  std::string path;
};

std::string topic(std::initializer_list<InstanceId> ids) {
  std::string bytes;
  for (const InstanceId id : ids)
    bytes.append(reinterpret_cast<const char*>(&id.value), sizeof id.value);
  return bytes;
}

// Node 0 is this process; node 1 needs it, has two instances and two lanes; node 0 answers.
wire::Topology topology(const Folder& folder) {
  wire::Topology topology;
  topology.nodes.resize(2);
  topology.nodes[0].needs = {kGatewayNode};
  topology.nodes[1].needs = {NodeIndex{0}};
  topology.sink = NodeIndex{0};
  topology.instances.resize(3);
  topology.instances[0].id = kSelf;
  topology.instances[0].data_address = folder.ipc("self");
  for (std::uint32_t i = 1; i < 3; ++i) {
    topology.instances[i].id = {kSelf.value + i};
    topology.instances[i].node = NodeIndex{1};
    topology.instances[i].data_address = folder.ipc(i == 1 ? "peer" : "other");
  }
  topology.gateways.resize(1);
  topology.gateways[0].id = kGateway;
  topology.gateways[0].data_address = folder.ipc("gateway");
  for (const InstanceId lane : {kLane, kSecondLane}) {
    wire::TopologyLane& made = topology.lanes.emplace_back();
    made.id = lane;
    made.node = NodeIndex{1};
    made.members = {kPeer, kOther};
  }
  return topology;
}

// A message of `text` for `target`, as its encoder makes them.
class Message {
 public:
  explicit Message(InstanceId target, const std::string& text = {}) {
    header_.target = target.value;
    header_.endpoint = "/x";
    if (!text.empty()) payload_ = Bytes::copy_of(text);
  }
  Frames frames() { return encoder_.encode(header_, payload_); }

 private:
  wire::PartEncoder encoder_;
  wire::PartHeader header_;
  Bytes payload_;
};

struct Bench {
  Bench() { REQUIRE(peers.bind_publisher(folder.ipc("lanes")).ok()); }

  net::Socket pull(const char* name) {
    Result<net::Socket> socket = net::Socket::open(context, net::SocketType::kPull, {});
    REQUIRE(socket.ok());
    REQUIRE(socket->bind(folder.ipc(name)).ok());
    return std::move(*socket);
  }

  net::Socket member(InstanceId lane, InstanceId self) {
    Result<net::Socket> socket = net::Socket::open(context, net::SocketType::kSub, {});
    REQUIRE(socket.ok());
    REQUIRE(socket->connect(folder.ipc("lanes")).ok());
    socket->subscribe(topic({lane}));
    socket->subscribe(topic({lane, self}));
    return std::move(*socket);
  }

  // Lets the set hear its subscribers until it sees `marks`; false after five seconds. A member has
  // to look at its socket for a subscription to be sent again.
  bool sees(const std::vector<wire::LaneMark>& marks, net::Socket* member = nullptr) {
    net::Loop loop(clock);
    Received received;
    loop.watch(peers.publisher(), [this] { peers.take_subscriptions(); });
    if (member != nullptr) loop.watch(*member, [&] { member->receive(received); });
    return run(loop, [&] { return peers.marks() == marks; });
  }

  // The parts that arrive at a socket, carriers unpacked, until there are `count`.
  std::vector<wire::Part> take(net::Socket& socket, std::size_t count) {
    std::vector<wire::Part> parts;
    messages = 0;
    net::Loop loop(clock);
    loop.watch(socket, [&] {
      Received received;
      if (!socket.receive(received)) return;
      ++messages;
      const Status each_read = wire::for_each_message(std::move(received), [&](Received each) {
        REQUIRE(wire::decode_part(std::move(each), parts.emplace_back()).ok());
      });
      REQUIRE(each_read.ok());
    });
    CHECK(run(loop, [&] { return parts.size() >= count; }));
    return parts;
  }

  bool run(net::Loop& loop, const std::function<bool()>& done) {
    const Instant limit = clock.now() + 5s;
    bool reached = false;
    loop.run([&](Instant now) {
      reached = done();
      if (reached || now >= limit) loop.stop();
      return limit;
    });
    return reached;
  }

  Folder folder;
  SystemClock clock;
  net::Context context;
  PeerSet peers{context};
  int messages = 0;  // of the last take()
};

}  // namespace

TEST_CASE("small messages of a turn leave as one carrier, large ones alone and in order") {
  Bench bench;
  net::Socket pull = bench.pull("peer");
  bench.peers.update(topology(bench.folder), NodeIndex{0}, bench.clock.now());
  Message small(kPeer, "small");
  Message large(kPeer, std::string(kLarge, 'x'));

  for (int i = 0; i < 3; ++i)
    bench.peers.send(kPeer, small.frames());
  bench.peers.send(kPeer, large.frames());
  bench.peers.send(kPeer, small.frames());
  bench.peers.flush(bench.clock.now());

  const std::vector<wire::Part> parts = bench.take(pull, 5);
  REQUIRE(parts.size() == 5);
  CHECK(parts[3].payload.size() == kLarge);
  CHECK(bench.messages == 3);
  CHECK(bench.peers.unsent() == 0);
}

TEST_CASE("who sends where follows the topology") {
  Bench bench;
  wire::Topology made = topology(bench.folder);
  bench.peers.update(made, NodeIndex{0}, bench.clock.now());
  CHECK(bench.peers.has_peer(kPeer));
  CHECK(bench.peers.has_peer(kOther));
  CHECK(bench.peers.has_peer(kGateway));
  CHECK_FALSE(bench.peers.has_peer(kSelf));
  Message gone(kOther);
  bench.peers.send(kOther, gone.frames());
  CHECK(bench.peers.unsent() == 0);

  made.instances.pop_back();
  made.gateways[0].data_address.clear();
  made.lanes.pop_back();
  bench.peers.update(made, NodeIndex{0}, bench.clock.now());
  CHECK_FALSE(bench.peers.has_peer(kOther));
  CHECK_FALSE(bench.peers.has_peer(kGateway));

  bench.peers.send(kOther, gone.frames());
  bench.peers.publish(kSecondLane, gone.frames());
  CHECK(bench.peers.unsent() == 2);

  PeerSet gateway(bench.context);
  gateway.update(made, kGatewayNode, bench.clock.now());
  CHECK(gateway.has_peer(kSelf));
  CHECK_FALSE(gateway.has_peer(kPeer));
}

TEST_CASE("others become peers when something is sent to them, and stay while they are there") {
  Bench bench;
  wire::Topology made = topology(bench.folder);
  made.sink = NodeIndex{1};
  net::Socket far = bench.pull("far");
  wire::TopologyInstance behind = made.instances[1];
  behind.id = InstanceId{9};
  behind.node = NodeIndex{2};
  behind.data_address = bench.folder.ipc("far");
  made.nodes.push_back(made.nodes[1]);
  made.nodes[2].needs = {NodeIndex{1}};
  made.instances.push_back(behind);
  bench.peers.update(made, NodeIndex{0}, bench.clock.now());
  CHECK_FALSE(bench.peers.has_peer(behind.id));
  CHECK_FALSE(bench.peers.has_peer(kGateway));

  Message one(behind.id);
  bench.peers.send(behind.id, one.frames());
  bench.peers.send(kGateway, Message(kGateway).frames());
  CHECK(bench.peers.has_peer(behind.id));
  CHECK(bench.peers.has_peer(kGateway));
  bench.peers.flush(bench.clock.now());
  CHECK(bench.take(far, 1).size() == 1);

  bench.peers.update(made, NodeIndex{0}, bench.clock.now());
  CHECK(bench.peers.has_peer(behind.id));
  made.instances.pop_back();
  bench.peers.update(made, NodeIndex{0}, bench.clock.now());
  CHECK_FALSE(bench.peers.has_peer(behind.id));
  bench.peers.send(behind.id, one.frames());
  CHECK(bench.peers.unsent() == 1);
}

TEST_CASE("a lane's members get what is published to it, and nobody else") {
  Bench bench;
  net::Socket first = bench.member(kLane, kPeer);
  net::Socket second = bench.member(kLane, kOther);
  net::Socket other = bench.member(kSecondLane, kOther);
  bench.peers.update(topology(bench.folder), NodeIndex{0}, bench.clock.now());
  REQUIRE(bench.sees({{kLane, kPeer}, {kLane, kOther}, {kSecondLane, kOther}}));
  Message small(kLane, "small");
  Message large(kLane, std::string(kLarge, 'x'));
  Message foreign(kSecondLane, "foreign");

  for (int i = 0; i < 2; ++i)
    bench.peers.publish(kLane, small.frames());
  bench.peers.publish(kSecondLane, foreign.frames());
  bench.peers.publish(kLane, large.frames());
  bench.peers.flush(bench.clock.now());

  for (net::Socket* socket : {&first, &second}) {
    const std::vector<wire::Part> parts = bench.take(*socket, 3);
    REQUIRE(parts.size() == 3);
    CHECK(parts[0].header.target == kLane.value);
    CHECK(parts[2].payload.size() == kLarge);
    CHECK(bench.messages == 2);
  }
  const std::vector<wire::Part> parts = bench.take(other, 1);
  CHECK(parts[0].header.target == kSecondLane.value);
  CHECK(bench.peers.unsent() == 0);
}

TEST_CASE("marks come with their subscribers and go with them") {
  Bench bench;
  net::Socket first = bench.member(kLane, kPeer);
  net::Socket second = bench.member(kLane, kOther);
  REQUIRE(bench.sees({{kLane, kPeer}, {kLane, kOther}}));

  second.close();
  REQUIRE(bench.sees({{kLane, kPeer}}));
  first.unsubscribe(topic({kLane, kPeer}));
  REQUIRE(bench.sees({}));

  second = bench.member(kLane, kOther);
  REQUIRE(bench.sees({{kLane, kOther}}));
  CHECK(bench.peers.ignored_subscriptions() == 0);
}

TEST_CASE("a publisher that comes back is subscribed to again") {
  Bench bench;
  net::Socket member = bench.member(kLane, kPeer);
  REQUIRE(bench.sees({{kLane, kPeer}}));
  bench.peers.close(bench.clock.now());
  CHECK(bench.peers.marks().empty());

  REQUIRE(bench.peers.bind_publisher(bench.folder.ipc("lanes")).ok());

  REQUIRE(bench.sees({{kLane, kPeer}}, &member));
}

TEST_CASE("subscriptions that are no markers are ignored, unknown ones counted") {
  Bench bench;
  net::Socket member = bench.member(kLane, kPeer);
  member.subscribe("abc");
  member.subscribe("");
  member.subscribe(topic({kSecondLane, kPeer}));

  REQUIRE(bench.sees({{kLane, kPeer}, {kSecondLane, kPeer}}));

  CHECK(bench.peers.ignored_subscriptions() == 2);
}

TEST_CASE("a subscription is noticed although publishing takes its sign away") {
  Bench bench;
  bench.peers.update(topology(bench.folder), NodeIndex{0}, bench.clock.now());
  CHECK(bench.peers.look_at() == kNever);
  Message message(kLane);
  net::Socket member = bench.member(kLane, kPeer);

  // Publishes all the time and looks at the socket only when it is told to.
  bool changed = false;
  const Instant limit = bench.clock.now() + 5s;
  for (Instant now = bench.clock.now(); !changed && now < limit; now = bench.clock.now()) {
    bench.peers.publish(kLane, message.frames());
    bench.peers.flush(now);
    REQUIRE(bench.peers.look_at() <= now + PeerSet::kLookAgain);
    if (now >= bench.peers.look_at()) changed = bench.peers.take_subscriptions();
  }

  CHECK(bench.peers.marks() == std::vector<wire::LaneMark>{{kLane, kPeer}});
}

TEST_CASE("nothing is published before the publisher is bound") {
  Folder folder;
  SystemClock clock;
  net::Context context;
  PeerSet peers(context);
  peers.update(topology(folder), NodeIndex{0}, clock.now());
  Message message(kLane);

  peers.publish(kLane, message.frames());
  peers.flush(clock.now());

  CHECK(peers.unsent() == 1);
  CHECK_FALSE(peers.take_subscriptions());
}
