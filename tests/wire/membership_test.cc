#include "wire/membership.h"

#include <doctest/doctest.h>
#include <flatbuffers/flatbuffers.h>

#include <cstring>

#include "samples.h"

namespace flow::wire {
namespace {

using samples::deliver;
using samples::equal;

bool accepts(Received received) {
  return decode_control(std::move(received)).ok();
}

std::string error_of(const ControlMessage& message) {
  const Result<ControlMessage> decoded = decode_control(deliver(encode_control(message)));
  if (decoded) return "accepted";
  CHECK(decoded.error().code == Errc::kInvalidArgument);
  return decoded.error().message;
}

TEST_CASE("control messages come back with every field as it was") {
  for (const samples::Control& control : samples::control_messages()) {
    CAPTURE(control.name);
    const Result<ControlMessage> decoded = decode_control(deliver(encode_control(control.message)));
    REQUIRE(decoded.ok());
    CHECK(equal(*decoded, control.message));
  }
}

TEST_CASE("control messages that say the least come back") {
  for (const ControlMessage& message : std::vector<ControlMessage>{
           Hello{}, Welcome{}, Refused{}, Ready{}, Beat{}, Topology{}, TopologyAck{},
           TopologyAck{.version = 1, .accepted = false, .reason = {}}, Exit{}, Drain{}, Gone{},
           AdminRequest{}, AdminReply{}}) {
    CAPTURE(message.index());
    const Result<ControlMessage> decoded = decode_control(deliver(encode_control(message)));
    REQUIRE(decoded.ok());
    CHECK(equal(*decoded, message));
  }
}

TEST_CASE("control messages decode from any address") {
  for (const samples::Control& control : samples::control_messages()) {
    for (std::size_t shift = 1; shift < 16; ++shift) {
      CHECK(accepts(samples::shifted(deliver(encode_control(control.message)), shift)));
    }
  }
}

TEST_CASE("every truncation of a control message is refused") {
  for (const samples::Control& control : samples::control_messages()) {
    CAPTURE(control.name);
    CHECK(samples::accepted_prefixes(deliver(encode_control(control.message)), accepts) == 0);
  }
}

TEST_CASE("damaged control messages are refused or decode, whatever bits are flipped") {
  for (const samples::Control& control : samples::control_messages()) {
    CAPTURE(control.name);
    const Received received = deliver(encode_control(control.message));
    CHECK(samples::refused_flips(received, accepts, /*seed=*/4, 3'000) > 100);
  }
}

TEST_CASE("messages of other conversations are refused") {
  PartEncoder encoder;
  const Received part = deliver(encoder.encode(samples::part(), {}));
  CHECK(decode_control(part).error().message ==
        "message is a Part, expected one of the conversation with the broker");
}

TEST_CASE("a topology that names nodes it does not have is refused") {
  Topology need = samples::topology();
  need.nodes[0].needs = {{2}};
  Topology node = samples::topology();
  node.instances[1].node = {2};
  Topology gateway_node = samples::topology();
  gateway_node.instances[1].node = kGatewayNode;
  Topology sink = samples::topology();
  sink.sink = {2};
  Hello hello = samples::hello();
  hello.topology = sink;
  Topology group = samples::topology();
  group.groups = {{.id = {18}, .node = {1}, .members = {{8}}}};

  CHECK(error_of(need) == "Topology: nodes has encode needing node 2 of 2");
  CHECK(error_of(node) == "Topology: instances has index/shard-1/rep-2 at node 2 of 2");
  CHECK(error_of(gateway_node) == "Topology: instances has index/shard-1/rep-2 at node 65535 of 2");
  CHECK(error_of(sink) == "Topology: sink is node 2 of 2");
  CHECK(error_of(group) == "Topology: groups has 18 at node 1 of 2 with 1 members");
  CHECK(error_of(hello) == "Hello: sink is node 2 of 2");
}

TEST_CASE("a topology beyond its limits is refused with the numbers") {
  Topology nodes;
  nodes.nodes.resize(257);
  Topology instances = samples::topology();
  instances.instances.assign(4097, TopologyInstance{});
  Topology name = samples::topology();
  name.instances[0].data_address.assign(4097, 'a');
  Topology state = samples::topology();
  state.instances[0].state = static_cast<InstanceState>(5);

  CHECK(error_of(nodes) == "Topology: nodes has 257 entries, at most 256 are allowed");
  CHECK(error_of(instances) == "Topology: instances has 4097 entries, at most 4096 are allowed");
  CHECK(error_of(name) == "Topology: data_address has 4097 bytes, at most 4096 are allowed");
  CHECK(error_of(state) == "Topology: state is 5, at most 4 is known");
}

TEST_CASE("a topology at its limits is accepted") {
  Topology topology;
  topology.nodes.resize(256);
  topology.sink = {255};
  TopologyInstance instance;
  instance.node = {255};
  instance.name = "n/rep-0";
  topology.instances.assign(4096, instance);

  const Result<ControlMessage> decoded = decode_control(deliver(encode_control(topology)));

  REQUIRE(decoded.ok());
  CHECK(equal(*decoded, ControlMessage(topology)));
}

TEST_CASE("long explanations are cut, not refused") {
  const Result<ControlMessage> decoded =
      decode_control(deliver(encode_control(Refused{.message = std::string(5000, 'm')})));
  REQUIRE(decoded.ok());
  CHECK(std::get<Refused>(*decoded).message == std::string(4096, 'm'));
}

TEST_CASE("a buffer whose entries share what they point to runs out of budget") {
  // 4096 client addresses would be too many; 64 that are one string of 4 KiB are 256 KiB in 5 KiB.
  flatbuffers::FlatBufferBuilder builder;
  const auto text = builder.CreateString(std::string(4000, 's'));
  const std::vector<flatbuffers::Offset<flatbuffers::String>> texts(64, text);
  const auto vector = builder.CreateVector(texts);
  const auto start = builder.StartTable();
  builder.AddOffset(8, vector);  // Ready.client_addresses
  builder.Finish(flatbuffers::Offset<void>(builder.EndTable(start)));
  const std::uint32_t size = builder.GetSize();

  std::vector<std::byte> bytes(16);
  const Bytes honest = encode_control(Ready{});
  std::memcpy(bytes.data(), honest.data(), 16);
  std::memcpy(bytes.data() + 8, &size, 4);
  const auto* header = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  bytes.insert(bytes.end(), header, header + size);
  bytes.resize((bytes.size() + 15) / 16 * 16);

  const Result<ControlMessage> decoded = decode_control(deliver(Bytes::copy_of(bytes)));

  REQUIRE_FALSE(decoded.ok());
  CHECK(decoded.error().message.find("overlap") != std::string::npos);
}

}  // namespace
}  // namespace flow::wire
