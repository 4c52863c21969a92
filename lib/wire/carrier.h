// Carriers: several small messages to the same receiver in one.
//
// Sending a message costs ZeroMQ and the kernel about as much as handling it costs us, and more
// when every message wakes a thread of its own. So a sender collects what one turn of its loop has
// for a peer and sends it as one; nothing ever waits for more to come.
//
//   offset  size  field
//   0       16    envelope (envelope.h): kind kCarrier, target of the first message, header size 0,
//                 payload size p
//   16      p     the messages: 4 bytes size, then the message (an envelope of its own), one frame
//   each
//
// A carrier in a carrier is malformed. A message alone travels as itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/frames.h"
#include "base/result.h"
#include "wire/byte_buffer.h"
#include "wire/envelope.h"

namespace flow::wire {

// Bounds what a slow request's slice can keep alive, and how long a receiver is busy with one
// message.
inline constexpr std::size_t kMaxCarrier = 64 * 1024;
inline constexpr std::size_t kMaxCarried = 12 * 1024;  // larger messages travel alone

// What one sender has for one peer in this turn. `send` is called with the Frames to send and its
// result is handed back. Keeps the order. One thread.
class Outbox {
 public:
  // Adds a message, or sends it (and first what was added before) when it is too large to carry.
  template <typename Send>
  void post(const Frames& frames, const Send& send) {
    if (frames.second != nullptr || frames.size() > kMaxCarried) {
      flush(send);
      send(frames);
      return;
    }
    if (bytes_.size() + sizeof(std::uint32_t) + frames.size() > kMaxCarrier) flush(send);
    add(frames);
  }

  // Sends what was added.
  template <typename Send>
  void flush(const Send& send) {
    if (count_ == 0) return;
    send(take());
    bytes_.clear();
    count_ = 0;
  }

  bool empty() const { return count_ == 0; }

 private:
  void add(const Frames& frames);
  Frames take();  // views into bytes_

  ByteBuffer bytes_;
  std::size_t count_ = 0;
};

// The messages of a received carrier, one after the other.
class CarrierReader {
 public:
  // kInvalidArgument when its sizes are not true; all of them are checked here.
  static Result<CarrierReader> open(Received received);

  bool done() const { return at_ >= bytes_.size(); }

  // Takes the next; false at the end. Each shares the carrier's bytes, the last one takes them.
  bool next(Received& message);

 private:
  explicit CarrierReader(Bytes bytes) : bytes_(std::move(bytes)) {}

  Bytes bytes_;
  std::size_t at_ = kEnvelopeSize;
};

// Calls `each(Received)` for a message, or for every message of a carrier.
template <typename Each>
Status for_each_message(Received received, const Each& each) {
  const std::optional<Peek> peeked = peek(received);
  if (!peeked || peeked->kind != Kind::kCarrier) {
    each(std::move(received));
    return {};
  }
  Result<CarrierReader> carrier = CarrierReader::open(std::move(received));
  if (!carrier) return std::move(carrier).error();
  Received message;
  while (carrier->next(message))
    each(std::move(message));
  return {};
}

// The receiving end: hands out message by message what `receive(Received&) -> bool` brings,
// carriers unpacked. One thread.
class Inbox {
 public:
  template <typename Receive>
  bool next(Received& message, const Receive& receive) {
    while (!take(message)) {
      if (!receive(message)) return false;
      if (!open(message)) return true;
    }
    return true;
  }

  // Whether a carrier is not yet handed out to its end.
  bool pending() const { return carrier_ && !carrier_->done(); }

  std::uint64_t malformed() const { return malformed_; }

 private:
  bool take(Received& message);  // from the open carrier
  bool open(Received& message);  // whether it was a carrier, well formed or not

  std::optional<CarrierReader> carrier_;
  std::uint64_t malformed_ = 0;
};

}  // namespace flow::wire
