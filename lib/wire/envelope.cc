#include "wire/envelope.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "wire/message_internal.h"

namespace flow::wire {
namespace {

static_assert(std::endian::native == std::endian::little, "the wire is little-endian");

template <typename T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

Error invalid(std::string message) {
  return {Errc::kInvalidArgument, std::move(message)};
}

bool known(Kind kind) {
  return !internal::name_of(kind).empty();
}

Error wrong_sizes(const internal::Layout& layout, std::size_t header_size,
                  const Received& received) {
  const bool one = received.frames == 1;
  return invalid(fmt::format(
      "{}: a header of {} and a payload of {} bytes do not make {} of {} and {} bytes",
      internal::name_of(layout.kind), header_size, layout.payload_size,
      one ? "one frame" : "two frames", received.first.size(), one ? 0 : received.second.size()));
}

}  // namespace

namespace internal {

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::kPart: return "Part";
    case Kind::kReport: return "Report";
    case Kind::kSnapshotAsk: return "SnapshotAsk";
    case Kind::kSnapshotPiece: return "SnapshotPiece";
    case Kind::kClientHello: return "ClientHello";
    case Kind::kClientWelcome: return "ClientWelcome";
    case Kind::kRequest: return "Request";
    case Kind::kResponse: return "Response";
    case Kind::kCancel: return "Cancel";
    case Kind::kPing: return "Ping";
    case Kind::kPong: return "Pong";
    case Kind::kHello: return "Hello";
    case Kind::kWelcome: return "Welcome";
    case Kind::kRefused: return "Refused";
    case Kind::kReady: return "Ready";
    case Kind::kBeat: return "Beat";
    case Kind::kTopology: return "Topology";
    case Kind::kTopologyAck: return "TopologyAck";
    case Kind::kExit: return "Exit";
    case Kind::kDrain: return "Drain";
    case Kind::kGone: return "Gone";
    case Kind::kSubscriptions: return "Subscriptions";
    case Kind::kCatchUp: return "CatchUp";
    case Kind::kCaughtUp: return "CaughtUp";
    case Kind::kAdminRequest: return "AdminRequest";
    case Kind::kAdminReply: return "AdminReply";
    case Kind::kCarrier: break;  // opened by CarrierReader, never as a message
  }
  return {};
}

Result<Layout> read_layout(const Received& received) {
  const std::size_t size = received.first.size();
  if (received.frames < 1 || received.frames > 2) {
    return invalid(fmt::format("message of {} frames, expected one or two", received.frames));
  }
  if (size < kEnvelopeSize) {
    return invalid(fmt::format("message of {} bytes, an envelope has {}", size, kEnvelopeSize));
  }
  const std::byte* data = received.first.data();
  const auto version = load<std::uint16_t>(data + 4);
  if (version != kWireVersion) {
    return invalid(fmt::format("message of wire version {}, expected {}", version, kWireVersion));
  }
  Layout layout;
  layout.target = load<std::uint32_t>(data);
  layout.kind = static_cast<Kind>(load<std::uint16_t>(data + 6));
  if (!known(layout.kind)) {
    return invalid(fmt::format("message of unknown kind {}", load<std::uint16_t>(data + 6)));
  }
  const std::size_t header_size = load<std::uint32_t>(data + 8);
  layout.payload_size = load<std::uint32_t>(data + 12);
  if (header_size > header_limit(layout.kind)) {
    return invalid(fmt::format("{}: a header of {} bytes, at most {} are allowed",
                               name_of(layout.kind), header_size, header_limit(layout.kind)));
  }
  const std::size_t header_end = kEnvelopeSize + header_size;
  layout.payload_offset = (header_end + 15) / 16 * 16;
  layout.in_second = received.frames == 2;
  const std::size_t behind = layout.in_second ? 0 : layout.payload_size;
  if (size != layout.payload_offset + behind ||
      (layout.in_second &&
       (layout.payload_size == 0 || received.second.size() != layout.payload_size))) {
    return wrong_sizes(layout, header_size, received);
  }
  layout.header = {data + kEnvelopeSize, header_size};
  if (!std::all_of(data + header_end, data + layout.payload_offset,
                   [](std::byte pad) { return pad == std::byte{0}; })) {
    return invalid(
        fmt::format("{}: the padding behind the header is not zero", name_of(layout.kind)));
  }
  return layout;
}

Status read_any_layout(const Received& received, Kind expected, Layout& layout) {
  const Result<Layout> read = read_layout(received);
  if (!read) return read.error();
  layout = *read;
  if (layout.kind == expected) return {};
  return invalid(
      fmt::format("message is a {}, expected a {}", name_of(layout.kind), name_of(expected)));
}

Error payload_fault(const Layout& layout) {
  return invalid(fmt::format("{}: a payload of {} bytes where none is expected",
                             name_of(layout.kind), layout.payload_size));
}

}  // namespace internal

Result<Envelope> open_envelope(Received& received) {
  Result<internal::Layout> layout = internal::read_layout(received);
  if (!layout) return std::move(layout).error();
  Envelope envelope;
  envelope.target = layout->target;
  envelope.kind = layout->kind;
  envelope.header = layout->header;
  if (layout->in_second) {
    envelope.payload = std::move(received.second);
  } else if (layout->payload_size > 0) {
    envelope.payload = received.first.slice(layout->payload_offset, layout->payload_size);
  }
  return envelope;
}

}  // namespace flow::wire
