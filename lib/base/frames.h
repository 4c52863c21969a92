// A message at the border between encoding (lib/wire) and transport (lib/net).
#pragma once

#include <cstddef>
#include <span>

#include "base/bytes.h"

namespace flow {

// An encoded message, ready to send. `head` and `tail` (a small payload) are copied into the first
// frame; `second`, when set, is sent as a frame of its own without a copy. The views are valid
// until the encoder that made them is used again and while the payload lives.
struct Frames {
  std::span<const std::byte> head;
  std::span<const std::byte> tail;
  const Bytes* second = nullptr;

  std::size_t size() const {
    return head.size() + tail.size() + (second == nullptr ? 0 : second->size());
  }
};

// A message as it came from a socket: one or two frames, nothing verified.
struct Received {
  Bytes first;
  Bytes second;
  int frames = 1;  // more than two: a malformed message, the others were dropped
};

}  // namespace flow
