// The envelope every message of every conversation travels in, and the kinds of messages.
//
//   offset  size  field
//   0       4     target: instance, lane or group id the message is for, 0 when it has none
//   4       2     version of the wire format, kWireVersion
//   6       2     kind
//   8       4     size of the header, h
//   12      4     size of the payload, p
//   16      h     header: a FlatBuffers buffer, root type by kind
//   pad to 16     zeros, also where nothing follows
//         p       payload: present in the same frame when small, else the second frame
//
// Frames and Received (base/frames.h) carry it. All little-endian. Everything behind this folder's
// decode functions is verified.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/frames.h"
#include "base/result.h"

namespace flow::wire {

inline constexpr std::uint16_t kWireVersion = 1;
inline constexpr std::size_t kEnvelopeSize = 16;

// Payloads up to this many bytes travel behind the header in one frame (an extra frame costs about
// 0.3 us a hop, copying 8 KiB about as much).
inline constexpr std::size_t kOneFramePayload = 8192;

// Headers without parameters stay below 4 KiB; parameters are at most 64 KiB.
inline constexpr std::size_t kMaxParameters = 64 * 1024;
inline constexpr std::size_t kMaxHeader = 256 * 1024;
inline constexpr std::size_t kMaxControl = 1024 * 1024;

enum class Kind : std::uint16_t {
  kPart = 1,
  kReport = 2,
  kSnapshotAsk = 3,
  kSnapshotPiece = 4,
  kClientHello = 16,
  kClientWelcome = 17,
  kRequest = 18,
  kResponse = 19,
  kCancel = 20,
  kPing = 21,
  kPong = 22,
  kHello = 32,
  kWelcome = 33,
  kRefused = 34,
  kReady = 35,
  kBeat = 36,
  kTopology = 37,
  kTopologyAck = 38,
  kExit = 39,
  kDrain = 40,
  kGone = 41,
  kSubscriptions = 42,
  kCatchUp = 43,
  kCaughtUp = 44,
  kAdminRequest = 48,
  kAdminReply = 49,
  kCarrier = 64,
};

// The envelope of a received message, checked: kind known, version ours, sizes true.
struct Envelope {
  std::uint32_t target = 0;
  Kind kind = Kind::kPart;
  std::span<const std::byte> header;  // inside `received.first`
  Bytes payload;                      // shares or takes the received bytes; empty when absent
};

// Opens a message. Takes the payload out of `received`; `header` points into `received.first`,
// which must stay. kInvalidArgument says what is wrong with it.
Result<Envelope> open_envelope(Received& received);

// Reads the 8 fixed bytes only; nothing when the frame is too short or of another version.
struct Peek {
  std::uint32_t target = 0;
  Kind kind = Kind::kPart;
};
inline std::optional<Peek> peek(const Received& received) {
  struct {
    std::uint32_t target;
    std::uint16_t version;
    Kind kind;
  } fixed;
  if (received.first.size() < sizeof fixed) return std::nullopt;
  std::memcpy(&fixed, received.first.data(), sizeof fixed);
  if (fixed.version != kWireVersion) return std::nullopt;
  return Peek{fixed.target, fixed.kind};
}

}  // namespace flow::wire
