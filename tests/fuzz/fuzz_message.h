// Fuzzer input as received messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "base/frames.h"

namespace flow::fuzz {

// The input as one frame, and as the first of two whose second has the size that is said.
inline std::vector<Received> as_received(const std::uint8_t* data, std::size_t size) {
  const Bytes first = Bytes::copy_of(std::as_bytes(std::span(data, size)));
  std::vector<Received> all{{.first = first, .second = {}, .frames = 1}};
  if (size < 16) return all;
  std::uint32_t payload_size = 0;
  std::memcpy(&payload_size, data + 12, 4);
  if (payload_size > 65'536) return all;
  const std::vector<std::byte> zeros(payload_size);
  all.push_back({.first = first, .second = Bytes::copy_of(zeros), .frames = 2});
  return all;
}

inline Received deliver(const Frames& frames) {
  std::vector<std::byte> first(frames.head.begin(), frames.head.end());
  first.insert(first.end(), frames.tail.begin(), frames.tail.end());
  Received received;
  received.first = Bytes::copy_of(first);
  if (!frames.payloads.empty()) {
    received.second = frames.payloads.front();
    received.frames = 2;
  }
  return received;
}

inline Received deliver(const Bytes& frame) {
  return {.first = frame, .second = {}, .frames = 1};
}

}  // namespace flow::fuzz
