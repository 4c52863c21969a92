// Carriers: several messages to the same receiver in one.
//
// Sending a message costs ZeroMQ and the kernel about as much as handling it costs us, and more
// when every message wakes a thread of its own. So a sender collects what one turn of its loop has
// for a peer and sends it as one; nothing ever waits for more to come.
//
//   offset  size  field
//   0       16    envelope (envelope.h): kind kCarrier, target of the first message, header size 0,
//                 payload size p
//   16      p     the messages, each: 4 bytes size of its first frame (the highest bit: a second
//                 frame is among those that follow), then the first frame (an envelope of its own)
//
// The second frames follow as frames of the carrier, in the order of their messages: large payloads
// are not copied. A carrier in a carrier is malformed. A message alone travels as itself.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/byte_shares.h"
#include "base/frames.h"
#include "base/result.h"
#include "wire/byte_buffer.h"
#include "wire/envelope.h"

namespace flow::wire {

// Bounds what a slow request's slice can keep alive, and how long a receiver is busy with one
// message. What is larger travels alone.
inline constexpr std::size_t kMaxCarrier = 128 * 1024;      // of its first frame
inline constexpr std::size_t kMaxCarried = 12 * 1024;       // of a message's first frame
inline constexpr std::size_t kMaxAttached = 256 * 1024;     // of its second frame
inline constexpr std::size_t kMaxAttachments = 512 * 1024;  // of all second frames

// From this size on a carrier is sent from where it was written: what ZeroMQ and malloc need for
// that costs less than a copy.
inline constexpr std::size_t kGivenAway = 16 * 1024;

// How many second frames a client with `under_way` requests sends together: about an eighth, so
// that there is something to do for all stages at once. Who passes them on keeps together what came
// together. Small messages all go together: waking their receiver takes longer than what it then
// does.
constexpr std::size_t payloads_together(std::size_t under_way) {
  return std::clamp<std::size_t>(under_way / 8, 1, kMaxFrames - 1);
}

// What one sender has for one peer in this turn. `send` is called with the Frames to send and its
// result is handed back. Keeps the order. One thread.
class Outbox {
 public:
  // Adds a message, or sends it (and first what was added before) when it is too large to carry.
  template <typename Send>
  void post(const Frames& frames, const Send& send) {
    if (too_large(frames)) {
      flush(send, kMaxFrames);
      send(frames);
      return;
    }
    if (!has_room(frames)) flush(send, kMaxFrames);
    add(frames);
  }

  // Sends what was added, in equal shares of at least `together` second frames.
  template <typename Send>
  void flush(const Send& send, std::size_t together) {
    if (count_ == 0) return;
    const std::size_t shares = std::max(payloads_.size() / together, std::size_t{1});
    const std::size_t share = (payloads_.size() + shares - 1) / shares;
    while (count_ > 0)
      send(take(share));
    clear();
  }

  bool empty() const { return count_ == 0; }

 private:
  static bool too_large(const Frames& frames);
  bool has_room(const Frames& frames) const;
  void add(const Frames& frames);
  Frames take(std::size_t payloads);  // views into what follows; valid until the next
  Frames give_away();
  void clear();

  ByteBuffer bytes_;                // room for an envelope, then messages as in a carrier
  Bytes given_;                     // what they became
  std::vector<Bytes> payloads_;     // the second frames
  std::size_t attached_ = 0;        // their bytes
  std::size_t count_ = 0;           // messages not taken
  std::size_t at_ = kEnvelopeSize;  // where they begin
  std::size_t taken_ = 0;           // payloads
};

// The messages of a received carrier, one after the other.
class CarrierReader {
 public:
  // kInvalidArgument when its sizes are not true; all of them are checked here.
  static Result<CarrierReader> open(Received received);

  bool done() const { return at_ >= portions_.whole().size(); }

  // Takes the next; false at the end. Each shares the carrier's bytes, the last one takes them;
  // each takes its own payload.
  bool next(Received& message);

 private:
  CarrierReader(Received received, std::uint32_t messages)
      : portions_(std::move(received.first), messages), received_(std::move(received)) {}

  Bytes& next_payload();

  BytesPortions portions_;  // of the first frame
  Received received_;       // the others
  std::size_t at_ = kEnvelopeSize;
  std::size_t payloads_ = 0;  // handed out
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
      together_ = std::max(together_, static_cast<std::size_t>(message.frames) - 1);
      if (!open(message)) return true;
    }
    return true;
  }

  // The most second frames that came with one message since settle(), at least 1.
  std::size_t together() const { return together_; }
  void settle() { together_ = 1; }

  // Whether a carrier is not yet handed out to its end.
  bool pending() const { return carrier_ && !carrier_->done(); }

  std::uint64_t malformed() const { return malformed_; }

 private:
  bool take(Received& message);  // from the open carrier
  bool open(Received& message);  // whether it was a carrier, well formed or not

  std::optional<CarrierReader> carrier_;
  std::size_t together_ = 1;
  std::uint64_t malformed_ = 0;
};

}  // namespace flow::wire
