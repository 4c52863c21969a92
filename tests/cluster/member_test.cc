#include "cluster/member.h"

#include <doctest/doctest.h>

#include <string>
#include <variant>

namespace flow::cluster {
namespace {

using std::chrono::milliseconds;

struct FakePort final : BrokerPort {
  void send(const wire::ControlMessage& message) override { sent.push_back(message); }

  template <typename T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const wire::ControlMessage& message : sent) {
      if (const T* value = std::get_if<T>(&message)) found.push_back(*value);
    }
    return found;
  }
  std::vector<wire::ControlMessage> sent;
};

Instant at(int ms) {
  return Instant{} + std::chrono::hours(1) + milliseconds(ms);
}

wire::Welcome welcome(std::uint32_t id, std::uint64_t term) {
  wire::Welcome message;
  message.instance = InstanceId{id};
  message.term = term;
  message.beat = milliseconds(200);
  return message;
}

wire::Topology topology(std::uint64_t term, std::uint64_t version) {
  wire::Topology message;
  message.term = term;
  message.version = version;
  wire::TopologyInstance instance;
  instance.id = InstanceId{42};
  message.instances.push_back(instance);
  return message;
}

Identity worker() {
  return {wire::Role::kWorker, "encode/rep-0", 77, "host", "1"};
}

TEST_CASE("a member says hello at once and again with growing pauses until it is welcomed") {
  FakePort port;
  Member member(worker(), port);

  CHECK(member.tick(at(0)) == at(100));
  CHECK(member.tick(at(99)) == at(100));
  CHECK(port.all<wire::Hello>().size() == 1);
  CHECK(member.tick(at(100)) == at(300));
  CHECK(member.tick(at(300)) == at(700));
  CHECK(member.tick(at(700)) == at(1500));
  CHECK(member.tick(at(1500)) == at(2500));
  CHECK(member.tick(at(2500)) == at(3500));
  REQUIRE(port.all<wire::Hello>().size() == 6);
  CHECK(port.all<wire::Hello>()[0].name == "encode/rep-0");
  CHECK(port.all<wire::Hello>()[0].instance == InstanceId{});
}

TEST_CASE("a welcomed member beats as often as the broker wants, with the newest figures") {
  FakePort port;
  Member member(worker(), port);
  member.tick(at(0));

  const auto events = member.receive(welcome(7, 3), at(5));

  REQUIRE(events.size() == 1);
  CHECK(std::get<Welcomed>(events[0]).welcome.instance == InstanceId{7});
  CHECK(member.instance() == InstanceId{7});
  CHECK(member.term() == 3);
  member.set_beat(wire::Beat{5, 1, 9, 0, 0, 0});
  CHECK(member.tick(at(100)) == at(205));
  CHECK(port.all<wire::Beat>().empty());
  CHECK(member.tick(at(205)) == at(405));
  REQUIRE(port.all<wire::Beat>().size() == 1);
  CHECK(port.all<wire::Beat>()[0].queue == 5);
}

TEST_CASE("a member is welcomed once; another id or an old term is ignored and counted") {
  FakePort port;
  Member member(worker(), port);
  member.receive(welcome(7, 3), at(0));

  CHECK(member.receive(welcome(7, 4), at(1)).empty());
  CHECK(member.ignored() == 0);
  CHECK(member.term() == 4);
  CHECK(member.receive(welcome(8, 4), at(2)).empty());
  CHECK(member.receive(welcome(7, 3), at(3)).empty());
  CHECK(member.instance() == InstanceId{7});
  CHECK(member.ignored() == 2);
}

TEST_CASE("a broker that does not know a member gets a hello with all it has") {
  FakePort port;
  Member member({wire::Role::kGateway, "gateway/0", 1, "host", "1"}, port);
  member.receive(welcome(7, 3), at(0));
  wire::Ready ready;
  ready.data_address = "ipc:///x";
  member.ready(ready);
  member.receive(topology(3, 9), at(1));
  port.sent.clear();

  member.receive(welcome(0, 0), at(1000));
  member.receive(welcome(0, 0), at(1001));  // one answer is enough

  const auto hellos = port.all<wire::Hello>();
  REQUIRE(hellos.size() == 1);
  CHECK(hellos[0].instance == InstanceId{7});
  CHECK(hellos[0].term == 3);
  CHECK(hellos[0].highest_id == 42);
  REQUIRE(hellos[0].topology.has_value());
  CHECK(hellos[0].topology->version == 9);
  REQUIRE(hellos[0].ready.has_value());
  CHECK(hellos[0].ready->data_address == "ipc:///x");
}

TEST_CASE("a worker does not send the topology it holds") {
  FakePort port;
  Member member(worker(), port);
  member.receive(welcome(7, 3), at(0));
  member.receive(topology(3, 9), at(1));

  member.receive(welcome(0, 4), at(1000));

  REQUIRE(port.all<wire::Hello>().size() == 1);
  CHECK_FALSE(port.all<wire::Hello>()[0].topology.has_value());
  CHECK(port.all<wire::Hello>()[0].highest_id == 42);
}

TEST_CASE("readiness is told once welcomed, whichever came first") {
  FakePort port;
  Member member(worker(), port);
  wire::Ready ready;
  ready.data_address = "ipc:///x";

  member.ready(ready);
  CHECK(port.all<wire::Ready>().empty());
  member.receive(welcome(7, 3), at(0));
  CHECK(port.all<wire::Ready>().size() == 1);
  member.ready(ready);
  CHECK(port.all<wire::Ready>().size() == 2);
}

TEST_CASE("only newer topologies are handed out, and the broker hears of a newer one held") {
  FakePort port;
  Member member(worker(), port);
  member.receive(welcome(7, 3), at(0));

  REQUIRE(member.receive(topology(3, 5), at(1)).size() == 1);
  CHECK(member.receive(topology(2, 6), at(2)).empty());  // an old term
  CHECK(member.receive(topology(4, 4), at(3)).empty());  // versions never go back
  REQUIRE(port.all<wire::TopologyAck>().size() == 1);
  CHECK_FALSE(port.all<wire::TopologyAck>()[0].accepted);
  CHECK(port.all<wire::TopologyAck>()[0].version == 5);
  const auto newer = member.receive(topology(4, 6), at(4));
  REQUIRE(newer.size() == 1);
  CHECK(std::get<TopologyChanged>(newer[0]).topology->version == 6);
  CHECK(member.topology()->version == 6);
  CHECK(member.ignored() == 2);
}

TEST_CASE("a topology pushed again is acknowledged again once it is in use") {
  FakePort port;
  Member member(worker(), port);
  member.receive(welcome(7, 3), at(0));
  member.receive(topology(3, 5), at(1));

  member.receive(topology(3, 5), at(2));
  CHECK(port.all<wire::TopologyAck>().empty());
  member.acknowledge(5, 4);
  member.receive(topology(3, 5), at(3));

  const auto acks = port.all<wire::TopologyAck>();
  REQUIRE(acks.size() == 2);
  CHECK(acks[1].accepted);
  CHECK(acks[1].version == 5);
  CHECK(acks[1].oldest_plan == 4);
}

TEST_CASE("being refused and being drained reach the owner; leaving and a witness the broker") {
  FakePort port;
  Member member(worker(), port);
  member.receive(welcome(7, 3), at(0));

  const auto refused = member.receive(wire::Refused{"no place"}, at(1));
  const auto drained = member.receive(wire::Drain{milliseconds(30)}, at(2));
  member.leave("SIGTERM", true);
  member.report_gone(InstanceId{9});

  REQUIRE(refused.size() == 1);
  CHECK(std::get<RefusedByBroker>(refused[0]).message == "no place");
  REQUIRE(drained.size() == 1);
  CHECK(std::get<DrainAsked>(drained[0]).timeout == milliseconds(30));
  REQUIRE(port.all<wire::Exit>().size() == 1);
  CHECK(port.all<wire::Exit>()[0].planned);
  REQUIRE(port.all<wire::Gone>().size() == 1);
  CHECK(port.all<wire::Gone>()[0].instance == InstanceId{9});
  CHECK(member.receive(wire::Beat{}, at(3)).empty());
  CHECK(member.ignored() == 1);
}

TEST_CASE(
    "subscriptions are told when they change, and again to a new broker, also when none is left") {
  FakePort port;
  Member member(worker(), port);
  member.tick(at(0));
  const std::vector<wire::LaneMark> marks = {{{9}, {4}}, {{9}, {5}}};

  member.set_subscriptions(marks);
  CHECK(port.all<wire::Subscriptions>().empty());  // nobody to tell
  member.receive(welcome(7, 3), at(1));
  REQUIRE(port.all<wire::Subscriptions>().size() == 1);
  CHECK(port.all<wire::Subscriptions>()[0].marks == marks);
  member.set_subscriptions(marks);
  CHECK(port.all<wire::Subscriptions>().size() == 1);
  member.receive(welcome(7, 4), at(2));
  CHECK(port.all<wire::Subscriptions>().size() == 2);

  member.set_subscriptions({});
  REQUIRE(port.all<wire::Subscriptions>().size() == 3);
  CHECK(port.all<wire::Subscriptions>()[2].marks.empty());
  member.receive(welcome(7, 5), at(3));
  CHECK(port.all<wire::Subscriptions>().size() == 4);
}

TEST_CASE("one that publishes nothing tells no broker of subscriptions") {
  FakePort port;
  Member member(worker(), port);
  member.receive(welcome(7, 3), at(0));
  member.receive(welcome(7, 4), at(1));

  CHECK(port.all<wire::Subscriptions>().empty());
}

TEST_CASE("the highest id a hello names may be a lane's") {
  FakePort port;
  Member member(worker(), port);
  member.receive(welcome(7, 3), at(0));
  wire::Topology with_lanes = topology(3, 9);
  wire::TopologyLane lane;
  lane.id = InstanceId{44};
  with_lanes.lanes.push_back(lane);
  member.receive(with_lanes, at(1));

  member.receive(welcome(0, 0), at(1000));

  REQUIRE(port.all<wire::Hello>().size() == 1);
  CHECK(port.all<wire::Hello>()[0].highest_id == 44);
}

}  // namespace
}  // namespace flow::cluster
