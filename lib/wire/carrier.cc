#include "wire/carrier.h"

#include <fmt/format.h>

#include <cstring>

namespace flow::wire {
namespace {

constexpr std::size_t kSizeField = sizeof(std::uint32_t);
constexpr std::uint32_t kHasSecond = 1U << 31U;  // in a size

Error bad_carrier(std::string message) {
  return Error{Errc::kInvalidArgument, "carrier: " + std::move(message)};
}

template <typename Number>
void put(std::byte* at, Number number) {
  std::memcpy(at, &number, sizeof number);
}

std::uint32_t number_at(const std::byte* at) {
  std::uint32_t number = 0;
  std::memcpy(&number, at, sizeof number);
  return number;
}

std::uint32_t number_at(const Bytes& bytes, std::size_t at) {
  return number_at(bytes.data() + at);
}

std::size_t first_size(const Frames& frames) {
  return frames.head.size() + frames.tail.size();
}

// Before the first message of a carrier whose messages have `size` bytes together.
void write_envelope(std::byte* envelope, std::size_t size) {
  const std::byte* first = envelope + kEnvelopeSize + kSizeField;
  std::memcpy(envelope, first, sizeof(std::uint32_t));  // the first one's target
  put(envelope + 4, kWireVersion);
  put(envelope + 6, static_cast<std::uint16_t>(Kind::kCarrier));
  put(envelope + 8, std::uint32_t{0});
  put(envelope + 12, static_cast<std::uint32_t>(size));
}

}  // namespace

bool Outbox::too_large(const Frames& frames) {
  return first_size(frames) > kMaxCarried || frames.payloads.size() > 1 ||
         (!frames.payloads.empty() && frames.payloads.front().size() > kMaxAttached);
}

bool Outbox::has_room(const Frames& frames) const {
  if (bytes_.size() + kSizeField + first_size(frames) > kMaxCarrier) return false;
  return frames.payloads.empty() || (payloads_.size() + 1 < kMaxFrames &&
                                     attached_ + frames.payloads.front().size() <= kMaxAttachments);
}

void Outbox::add(const Frames& frames) {
  if (count_ == 0) bytes_.extend(kEnvelopeSize);  // for take()
  const std::size_t size = first_size(frames);
  const bool has_second = !frames.payloads.empty();
  if (has_second) {
    payloads_.push_back(frames.payloads.front());
    attached_ += payloads_.back().size();
  }
  std::byte* to = bytes_.extend(kSizeField + size);
  put(to, static_cast<std::uint32_t>(size) | (has_second ? kHasSecond : 0));
  to += kSizeField;
  std::memcpy(to, frames.head.data(), frames.head.size());
  if (!frames.tail.empty()) {
    std::memcpy(to + frames.head.size(), frames.tail.data(), frames.tail.size());
  }
  ++count_;
}

// All messages in one carrier, which takes the buffer with it.
Frames Outbox::give_away() {
  write_envelope(bytes_.data(), bytes_.size() - kEnvelopeSize);
  const std::span<const std::byte> whole = bytes_.span();
  given_ = Bytes::keep<std::unique_ptr<std::byte[]>>(whole, bytes_.give_away());
  count_ = 0;
  return {whole, {}, payloads_, &given_};
}

// The envelope is written before the first of its messages: what stood there is sent.
Frames Outbox::take(std::size_t payloads) {
  if (count_ > 1 && payloads_.size() <= payloads && bytes_.size() >= kGivenAway && taken_ == 0)
    return give_away();
  const std::size_t begin = at_;
  const std::size_t first_payload = taken_;
  std::size_t messages = 0;
  if (payloads_.size() - taken_ <= payloads) {
    messages = count_;
    at_ = bytes_.size();
    taken_ = payloads_.size();
  }
  while (taken_ - first_payload < payloads && at_ < bytes_.size()) {
    const std::uint32_t number = number_at(bytes_.data() + at_);
    at_ += kSizeField + (number & ~kHasSecond);
    taken_ += number >> 31U;
    ++messages;
  }
  count_ -= messages;
  const auto own = std::span(payloads_).subspan(first_payload, taken_ - first_payload);
  const std::size_t size = at_ - begin;
  if (messages == 1) return {bytes_.span().subspan(begin + kSizeField, size - kSizeField), {}, own};
  std::byte* envelope = bytes_.data() + begin - kEnvelopeSize;
  write_envelope(envelope, size);
  return {bytes_.span().subspan(begin - kEnvelopeSize, kEnvelopeSize + size), {}, own};
}

void Outbox::clear() {
  bytes_.clear();
  given_.clear();
  payloads_.clear();
  attached_ = 0;
  at_ = kEnvelopeSize;
  taken_ = 0;
}

Result<CarrierReader> CarrierReader::open(Received received) {
  const Bytes& bytes = received.first;
  if (received.frames > kMaxFrames)
    return bad_carrier(fmt::format("{} frames, at most {}", received.frames, kMaxFrames));
  if (bytes.size() < kEnvelopeSize || number_at(bytes, 8) != 0 ||
      number_at(bytes, 12) != bytes.size() - kEnvelopeSize) {
    return bad_carrier("its sizes are not those of the message");
  }
  if (bytes.size() > kMaxCarrier) {
    return bad_carrier(fmt::format("{} bytes, at most {} are allowed", bytes.size(), kMaxCarrier));
  }
  std::size_t at = kEnvelopeSize;
  int frames = 1;
  std::uint32_t messages = 0;
  while (at < bytes.size()) {
    if (bytes.size() - at < kSizeField) return bad_carrier("it ends inside of a size");
    const std::uint32_t number = number_at(bytes, at);
    if ((number & kHasSecond) != 0) ++frames;
    const std::size_t size = number & ~kHasSecond;
    at += kSizeField;
    if (size < kEnvelopeSize || size > bytes.size() - at) {
      return bad_carrier(fmt::format("a message of {} bytes does not fit", size));
    }
    std::uint16_t kind = 0;
    std::memcpy(&kind, bytes.data() + at + 6, sizeof kind);
    if (kind == static_cast<std::uint16_t>(Kind::kCarrier))
      return bad_carrier("there is a carrier inside");
    at += size;
    ++messages;
  }
  if (frames != received.frames) {
    return bad_carrier(fmt::format("{} frames, its messages have {}", received.frames, frames));
  }
  return CarrierReader(std::move(received), std::max(messages, 1U));
}

bool CarrierReader::next(Received& message) {
  if (done()) return false;
  const std::uint32_t number = number_at(portions_.whole(), at_);
  const std::size_t at = at_ + kSizeField;
  const std::size_t size = number & ~kHasSecond;
  at_ = at + size;
  message.first = portions_.take(at, size);
  message.others.clear();
  message.frames = 1;
  message.second.clear();
  if ((number & kHasSecond) == 0) return true;
  message.frames = 2;
  message.second = std::move(next_payload());
  return true;
}

Bytes& CarrierReader::next_payload() {
  const std::size_t next = payloads_++;
  return next == 0 ? received_.second : received_.others[next - 1];
}

bool Inbox::take(Received& message) {
  if (!carrier_) return false;
  if (carrier_->next(message)) return true;
  carrier_.reset();
  return false;
}

bool Inbox::open(Received& message) {
  const std::optional<Peek> peeked = peek(message);
  if (!peeked || peeked->kind != Kind::kCarrier) return false;
  Result<CarrierReader> carrier = CarrierReader::open(std::move(message));
  if (carrier) {
    carrier_ = std::move(*carrier);
  } else {
    ++malformed_;
  }
  return true;
}

}  // namespace flow::wire
