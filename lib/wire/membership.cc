#include "wire/membership.h"

#include <fmt/format.h>
#include <schemas/admin_generated.h>
#include <schemas/membership_generated.h>

#include "wire/message_internal.h"
#include "wire/topology_codec_internal.h"
#include "wire/value_codec.h"

namespace flow::wire {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
using internal::BufferReader;
using internal::Field;
using internal::kMaxText;
using internal::pack_duration;
using internal::pack_explanation;
using internal::pack_text;
using internal::TableReader;
using internal::unpack_duration;

constexpr std::size_t kMaxAddresses = 64;
constexpr std::size_t kMaxEndpoints = 1024;
constexpr std::size_t kMaxMarks = 65'536;

static_assert(sizeof(LaneMark) == sizeof(fbs::LaneMark));

Offset<flatbuffers::Vector<std::uint8_t>> pack_map(FlatBufferBuilder& builder,
                                                   const ValueMap& map) {
  return internal::pack_bytes(builder, encode_value(map));
}

ValueMap unpack_map(const TableReader& table, Field field) {
  const std::span<const std::byte> bytes = table.bytes(field, kMaxControl);
  if (bytes.empty()) return {};
  Result<ValueMap> map = decode_value(bytes);
  if (map) return *std::move(map);
  table.fail(field, fmt::format("is no map: {}", map.error().message));
  return {};
}

Offset<fbs::Ready> pack(FlatBufferBuilder& builder, const Ready& ready) {
  const auto data_address = pack_text(builder, ready.data_address);
  const auto lane_address = pack_text(builder, ready.lane_address);
  const auto clients = internal::pack_texts(builder, ready.client_addresses);
  const auto endpoints = internal::pack_texts(builder, ready.endpoints);
  const Holding holds = ready.holds.value_or(Holding());
  return fbs::CreateReady(builder, data_address, lane_address, clients, endpoints, ready.catch_all,
                          ready.concurrency, ready.wants_matrix, ready.holds.has_value(),
                          holds.newest.time_ns, holds.newest.gateway, holds.digest, holds.entries);
}

Offset<fbs::Hello> pack(FlatBufferBuilder& builder, const Hello& hello) {
  const auto name = pack_text(builder, hello.name);
  const auto host = pack_text(builder, hello.host);
  const auto version = pack_text(builder, hello.version);
  const auto topology =
      hello.topology ? internal::pack_topology(builder, *hello.topology) : Offset<fbs::Topology>();
  const auto ready = hello.ready ? pack(builder, *hello.ready) : Offset<fbs::Ready>();
  const auto visible = pack_text(builder, hello.devices.visible);
  return fbs::CreateHello(builder, static_cast<fbs::Role>(hello.role), name, hello.instance.value,
                          hello.term, hello.highest_id, hello.pid, host, version, topology, ready,
                          visible, hello.devices.count);
}

Offset<fbs::Welcome> pack(FlatBufferBuilder& builder, const Welcome& welcome) {
  const auto flow = pack_text(builder, welcome.flow);
  const auto executor = pack_text(builder, welcome.executor);
  const auto with = pack_map(builder, welcome.with);
  const auto workspace = pack_text(builder, welcome.workspace);
  const auto settings = pack_map(builder, welcome.settings);
  const auto devices =
      welcome.devices ? builder.CreateString(*welcome.devices) : Offset<flatbuffers::String>();
  return fbs::CreateWelcome(builder, welcome.instance.value, welcome.term,
                            static_cast<std::uint64_t>(pack_duration(welcome.beat)), flow, executor,
                            welcome.node.value, welcome.shard, welcome.shards, welcome.replica,
                            welcome.replicas, with, workspace, settings, welcome.max_part_bytes,
                            pack_duration(welcome.timeout), welcome.threads, welcome.publishes,
                            welcome.batches, devices);
}

Offset<fbs::Refused> pack(FlatBufferBuilder& builder, const Refused& refused) {
  return fbs::CreateRefused(builder, pack_explanation(builder, refused.message));
}

Offset<fbs::Beat> pack(FlatBufferBuilder& builder, const Beat& beat) {
  const auto trouble = pack_explanation(builder, beat.far_trouble);
  return fbs::CreateBeat(builder, beat.queue, beat.in_flight, beat.executed, beat.service_us,
                         beat.executing_us, beat.rss_bytes, pack_duration(beat.far_away), trouble);
}

Offset<fbs::Topology> pack(FlatBufferBuilder& builder, const Topology& topology) {
  return internal::pack_topology(builder, topology);
}

Offset<fbs::TopologyAck> pack(FlatBufferBuilder& builder, const TopologyAck& ack) {
  const auto reason = pack_explanation(builder, ack.reason);
  return fbs::CreateTopologyAck(builder, ack.version, ack.accepted, reason, ack.oldest_plan);
}

Offset<fbs::Exit> pack(FlatBufferBuilder& builder, const Exit& exit) {
  return fbs::CreateExit(builder, pack_explanation(builder, exit.reason), exit.planned);
}

Offset<fbs::Drain> pack(FlatBufferBuilder& builder, const Drain& drain) {
  return fbs::CreateDrain(builder, pack_duration(drain.timeout));
}

Offset<fbs::Subscriptions> pack(FlatBufferBuilder& builder, const Subscriptions& seen) {
  return fbs::CreateSubscriptions(
      builder, internal::pack_structs<fbs::LaneMark, LaneMark>(builder, seen.marks));
}

Offset<fbs::Gone> pack(FlatBufferBuilder& builder, const Gone& gone) {
  return fbs::CreateGone(builder, gone.instance.value);
}

Offset<fbs::CatchUp> pack(FlatBufferBuilder& builder, const CatchUp& order) {
  return fbs::CreateCatchUp(builder, order.sibling.value);
}

Offset<fbs::CaughtUp> pack(FlatBufferBuilder& builder, const CaughtUp& done) {
  const auto message = pack_explanation(builder, done.message);
  return fbs::CreateCaughtUp(builder, done.sibling.value, static_cast<std::uint8_t>(done.code),
                             message);
}

Offset<fbs::AdminRequest> pack(FlatBufferBuilder& builder, const AdminRequest& request) {
  const auto command = pack_text(builder, request.command);
  const auto arguments = pack_map(builder, request.arguments);
  return fbs::CreateAdminRequest(builder, request.id, command, arguments);
}

Offset<fbs::AdminReply> pack(FlatBufferBuilder& builder, const AdminReply& reply) {
  const auto message = pack_explanation(builder, reply.message);
  const auto value = pack_map(builder, reply.value);
  return fbs::CreateAdminReply(builder, reply.id, static_cast<std::uint8_t>(reply.code), message,
                               value);
}

void unpack(const TableReader& table, Ready& ready) {
  using fbs::Ready;
  ready.data_address = table.text(Ready::VT_DATA_ADDRESS, kMaxText);
  ready.lane_address = table.text(Ready::VT_LANE_ADDRESS, kMaxText);
  table.texts(Ready::VT_CLIENT_ADDRESSES, kMaxAddresses, kMaxText, ready.client_addresses);
  table.texts(Ready::VT_ENDPOINTS, kMaxEndpoints, kMaxText, ready.endpoints);
  ready.catch_all = table.flag(Ready::VT_CATCH_ALL);
  ready.concurrency = table.scalar<std::uint32_t>(Ready::VT_CONCURRENCY);
  ready.wants_matrix = table.flag(Ready::VT_WANTS_MATRIX);
  if (!table.flag(Ready::VT_KEEPS)) return;
  Holding& holds = ready.holds.emplace();
  holds.newest = {table.scalar<std::uint64_t>(Ready::VT_NEWEST_NS),
                  table.scalar<std::uint32_t>(Ready::VT_NEWEST_GATEWAY)};
  holds.digest = table.scalar<std::uint64_t>(Ready::VT_DIGEST);
  holds.entries = table.scalar<std::uint64_t>(Ready::VT_ENTRIES);
}

void unpack(const TableReader& table, Hello& hello) {
  using fbs::Hello;
  hello.role = table.enumerator(Hello::VT_ROLE, Role::kGateway);
  hello.name = table.text(Hello::VT_NAME, kMaxText);
  hello.instance.value = table.scalar<std::uint32_t>(Hello::VT_INSTANCE);
  hello.term = table.scalar<std::uint64_t>(Hello::VT_TERM);
  hello.highest_id = table.scalar<std::uint32_t>(Hello::VT_HIGHEST_ID);
  hello.pid = table.scalar<std::uint32_t>(Hello::VT_PID);
  hello.host = table.text(Hello::VT_HOST, kMaxText);
  hello.version = table.text(Hello::VT_VERSION, kMaxText);
  if (const auto topology = table.table(Hello::VT_TOPOLOGY, fbs::TopologyTypeTable)) {
    internal::unpack_topology(topology, hello.topology.emplace());
  }
  if (const auto ready = table.table(Hello::VT_READY, fbs::ReadyTypeTable)) {
    unpack(ready, hello.ready.emplace());
  }
  hello.devices.visible = table.text(Hello::VT_VISIBLE_DEVICES, kMaxText);
  hello.devices.count = table.scalar<std::uint32_t>(Hello::VT_DEVICE_COUNT);
}

void unpack(const TableReader& table, Welcome& welcome) {
  using fbs::Welcome;
  welcome.instance.value = table.scalar<std::uint32_t>(Welcome::VT_INSTANCE);
  welcome.term = table.scalar<std::uint64_t>(Welcome::VT_TERM);
  welcome.beat = unpack_duration(table, Welcome::VT_BEAT_US);
  welcome.flow = table.text(Welcome::VT_FLOW, kMaxText);
  welcome.executor = table.text(Welcome::VT_EXECUTOR, kMaxText);
  welcome.node.value = table.scalar<std::uint16_t>(Welcome::VT_NODE);
  welcome.shard = table.scalar<std::uint16_t>(Welcome::VT_SHARD);
  welcome.shards = table.scalar<std::uint16_t>(Welcome::VT_SHARDS);
  welcome.replica = table.scalar<std::uint16_t>(Welcome::VT_REPLICA);
  welcome.replicas = table.scalar<std::uint16_t>(Welcome::VT_REPLICAS);
  welcome.with = unpack_map(table, Welcome::VT_WITH);
  welcome.workspace = table.text(Welcome::VT_WORKSPACE, kMaxText);
  welcome.settings = unpack_map(table, Welcome::VT_SETTINGS);
  welcome.max_part_bytes = table.scalar<std::uint64_t>(Welcome::VT_MAX_PART_BYTES);
  welcome.timeout = unpack_duration(table, Welcome::VT_TIMEOUT_US);
  welcome.threads = table.scalar<std::uint32_t>(Welcome::VT_THREADS);
  welcome.publishes = table.flag(Welcome::VT_PUBLISHES);
  welcome.batches = table.flag(Welcome::VT_BATCHES);
  if (table.refers(Welcome::VT_DEVICES)) {
    welcome.devices = table.text(Welcome::VT_DEVICES, kMaxText);
  }
}

void unpack(const TableReader& table, Refused& refused) {
  refused.message = table.text(fbs::Refused::VT_MESSAGE, kMaxText);
}

void unpack(const TableReader& table, Beat& beat) {
  using fbs::Beat;
  beat.queue = table.scalar<std::uint32_t>(Beat::VT_QUEUE);
  beat.in_flight = table.scalar<std::uint32_t>(Beat::VT_IN_FLIGHT);
  beat.executed = table.scalar<std::uint64_t>(Beat::VT_EXECUTED);
  beat.service_us = table.scalar<std::uint64_t>(Beat::VT_SERVICE_US);
  beat.executing_us = table.scalar<std::uint64_t>(Beat::VT_EXECUTING_US);
  beat.rss_bytes = table.scalar<std::uint64_t>(Beat::VT_RSS_BYTES);
  beat.far_away = unpack_duration(table, Beat::VT_FAR_AWAY_US);
  beat.far_trouble = table.text(Beat::VT_FAR_TROUBLE, kMaxText);
}

void unpack(const TableReader& table, Topology& topology) {
  internal::unpack_topology(table, topology);
}

void unpack(const TableReader& table, TopologyAck& ack) {
  using fbs::TopologyAck;
  ack.version = table.scalar<std::uint64_t>(TopologyAck::VT_VERSION);
  ack.accepted = table.flag(TopologyAck::VT_ACCEPTED);
  ack.reason = table.text(TopologyAck::VT_REASON, kMaxText);
  ack.oldest_plan = table.scalar<std::uint64_t>(TopologyAck::VT_OLDEST_PLAN);
}

void unpack(const TableReader& table, Exit& exit) {
  exit.reason = table.text(fbs::Exit::VT_REASON, kMaxText);
  exit.planned = table.flag(fbs::Exit::VT_PLANNED);
}

void unpack(const TableReader& table, Drain& drain) {
  drain.timeout = unpack_duration(table, fbs::Drain::VT_TIMEOUT_US);
}

void unpack(const TableReader& table, Subscriptions& seen) {
  table.copy_to(fbs::Subscriptions::VT_MARKS, seen.marks, kMaxMarks);
}

void unpack(const TableReader& table, Gone& gone) {
  gone.instance.value = table.scalar<std::uint32_t>(fbs::Gone::VT_INSTANCE);
}

void unpack(const TableReader& table, CatchUp& order) {
  order.sibling.value = table.scalar<std::uint32_t>(fbs::CatchUp::VT_SIBLING);
}

void unpack(const TableReader& table, CaughtUp& done) {
  using fbs::CaughtUp;
  done.sibling.value = table.scalar<std::uint32_t>(CaughtUp::VT_SIBLING);
  done.code = table.enumerator(CaughtUp::VT_CODE, static_cast<Errc>(kErrcCount - 1));
  done.message = table.text(CaughtUp::VT_MESSAGE, kMaxText);
}

void unpack(const TableReader& table, AdminRequest& request) {
  using fbs::AdminRequest;
  request.id = table.scalar<std::uint64_t>(AdminRequest::VT_ID);
  request.command = table.text(AdminRequest::VT_COMMAND, kMaxText);
  request.arguments = unpack_map(table, AdminRequest::VT_ARGUMENTS);
}

void unpack(const TableReader& table, AdminReply& reply) {
  using fbs::AdminReply;
  reply.id = table.scalar<std::uint64_t>(AdminReply::VT_ID);
  reply.code = table.enumerator(AdminReply::VT_CODE, static_cast<Errc>(kErrcCount - 1));
  reply.message = table.text(AdminReply::VT_MESSAGE, kMaxText);
  reply.value = unpack_map(table, AdminReply::VT_VALUE);
}

template <typename Message>
Result<ControlMessage> decode_as(const internal::Layout& layout, flatbuffers::TypeFunction type) {
  BufferReader reader(layout.header, internal::name_of(layout.kind));
  const TableReader root = TableReader::root(reader, type);
  Message message;
  if (root) unpack(root, message);
  if (!reader.ok()) return std::move(reader).status().error();
  return ControlMessage(std::move(message));
}

constexpr Kind kind_of(const Hello&) {
  return Kind::kHello;
}
constexpr Kind kind_of(const Welcome&) {
  return Kind::kWelcome;
}
constexpr Kind kind_of(const Refused&) {
  return Kind::kRefused;
}
constexpr Kind kind_of(const Ready&) {
  return Kind::kReady;
}
constexpr Kind kind_of(const Beat&) {
  return Kind::kBeat;
}
constexpr Kind kind_of(const Topology&) {
  return Kind::kTopology;
}
constexpr Kind kind_of(const TopologyAck&) {
  return Kind::kTopologyAck;
}
constexpr Kind kind_of(const Exit&) {
  return Kind::kExit;
}
constexpr Kind kind_of(const Drain&) {
  return Kind::kDrain;
}
constexpr Kind kind_of(const Subscriptions&) {
  return Kind::kSubscriptions;
}
constexpr Kind kind_of(const Gone&) {
  return Kind::kGone;
}
constexpr Kind kind_of(const CatchUp&) {
  return Kind::kCatchUp;
}
constexpr Kind kind_of(const CaughtUp&) {
  return Kind::kCaughtUp;
}
constexpr Kind kind_of(const AdminRequest&) {
  return Kind::kAdminRequest;
}
constexpr Kind kind_of(const AdminReply&) {
  return Kind::kAdminReply;
}

}  // namespace

Bytes encode_control(const ControlMessage& message) {
  return std::visit(
      [](const auto& content) {
        internal::MessageBuilder builder;
        const auto root = pack(builder.start(), content);
        return Bytes::copy_of(builder.finish(root, kind_of(content), 0, nullptr).head);
      },
      message);
}

Result<ControlMessage> decode_control(Received received) {
  const Result<internal::Layout> layout = internal::read_layout(received);
  if (!layout) return layout.error();
  if (layout->payload_size != 0) return internal::payload_fault(*layout);
  switch (layout->kind) {
    case Kind::kHello: return decode_as<Hello>(*layout, fbs::HelloTypeTable);
    case Kind::kWelcome: return decode_as<Welcome>(*layout, fbs::WelcomeTypeTable);
    case Kind::kRefused: return decode_as<Refused>(*layout, fbs::RefusedTypeTable);
    case Kind::kReady: return decode_as<Ready>(*layout, fbs::ReadyTypeTable);
    case Kind::kBeat: return decode_as<Beat>(*layout, fbs::BeatTypeTable);
    case Kind::kTopology: return decode_as<Topology>(*layout, fbs::TopologyTypeTable);
    case Kind::kTopologyAck: return decode_as<TopologyAck>(*layout, fbs::TopologyAckTypeTable);
    case Kind::kExit: return decode_as<Exit>(*layout, fbs::ExitTypeTable);
    case Kind::kDrain: return decode_as<Drain>(*layout, fbs::DrainTypeTable);
    case Kind::kSubscriptions:
      return decode_as<Subscriptions>(*layout, fbs::SubscriptionsTypeTable);
    case Kind::kGone: return decode_as<Gone>(*layout, fbs::GoneTypeTable);
    case Kind::kCatchUp: return decode_as<CatchUp>(*layout, fbs::CatchUpTypeTable);
    case Kind::kCaughtUp: return decode_as<CaughtUp>(*layout, fbs::CaughtUpTypeTable);
    case Kind::kAdminRequest: return decode_as<AdminRequest>(*layout, fbs::AdminRequestTypeTable);
    case Kind::kAdminReply: return decode_as<AdminReply>(*layout, fbs::AdminReplyTypeTable);
    default: break;
  }
  return Error{Errc::kInvalidArgument,
               fmt::format("message is a {}, expected one of the conversation with the broker",
                           internal::name_of(layout->kind))};
}

}  // namespace flow::wire
