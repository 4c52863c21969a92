// A message at the border between encoding (lib/wire) and transport (lib/net).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace flow {

// Frames of one message; further ones are dropped where it is received.
inline constexpr int kMaxFrames = 64;

// An encoded message, ready to send. `head` and `tail` (a small payload) are copied into the first
// frame; each of `payloads` is sent as a frame of its own without a copy: none or one, of a carrier
// (lib/wire) several. The views are valid until the encoder that made them is used again and while
// the payload lives. `kept`: the same bytes as `head`, when they may be sent without a copy.
struct Frames {
  std::span<const std::byte> head;
  std::span<const std::byte> tail;
  std::span<const Bytes> payloads;
  const Bytes* kept = nullptr;
};

// A message as it came from a socket, nothing verified.
struct Received {
  Bytes first;
  Bytes second;
  int frames = 1;               // that were sent, also those beyond kMaxFrames
  std::vector<Bytes> others{};  // from the third to the kMaxFrames-th
};

}  // namespace flow
