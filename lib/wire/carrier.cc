#include "wire/carrier.h"

#include <fmt/format.h>

#include <cstring>

namespace flow::wire {
namespace {

constexpr std::size_t kSizeField = sizeof(std::uint32_t);

Error bad_carrier(std::string message) {
  return Error{Errc::kInvalidArgument, "carrier: " + std::move(message)};
}

template <typename Number>
void put(std::byte* at, Number number) {
  std::memcpy(at, &number, sizeof number);
}

std::uint32_t size_at(const Bytes& bytes, std::size_t at) {
  std::uint32_t size = 0;
  std::memcpy(&size, bytes.data() + at, sizeof size);
  return size;
}

}  // namespace

void Outbox::add(const Frames& frames) {
  if (count_ == 0) bytes_.extend(kEnvelopeSize);  // for take()
  const std::size_t size = frames.head.size() + frames.tail.size();
  std::byte* to = bytes_.extend(kSizeField + size);
  put(to, static_cast<std::uint32_t>(size));
  to += kSizeField;
  std::memcpy(to, frames.head.data(), frames.head.size());
  if (!frames.tail.empty()) {
    std::memcpy(to + frames.head.size(), frames.tail.data(), frames.tail.size());
  }
  ++count_;
}

Frames Outbox::take() {
  constexpr std::size_t kFirst = kEnvelopeSize + kSizeField;
  if (count_ == 1) return {bytes_.span().subspan(kFirst), {}, nullptr};
  std::byte* envelope = bytes_.data();
  std::memcpy(envelope, envelope + kFirst, sizeof(std::uint32_t));  // the first one's target
  put(envelope + 4, kWireVersion);
  put(envelope + 6, static_cast<std::uint16_t>(Kind::kCarrier));
  put(envelope + 8, std::uint32_t{0});
  put(envelope + 12, static_cast<std::uint32_t>(bytes_.size() - kEnvelopeSize));
  return {bytes_.span(), {}, nullptr};
}

Result<CarrierReader> CarrierReader::open(Received received) {
  const Bytes& bytes = received.first;
  if (received.frames != 1)
    return bad_carrier(fmt::format("{} frames, expected 1", received.frames));
  if (bytes.size() < kEnvelopeSize || size_at(bytes, 8) != 0 ||
      size_at(bytes, 12) != bytes.size() - kEnvelopeSize) {
    return bad_carrier("its sizes are not those of the message");
  }
  if (bytes.size() > kMaxCarrier) {
    return bad_carrier(fmt::format("{} bytes, at most {} are allowed", bytes.size(), kMaxCarrier));
  }
  std::size_t at = kEnvelopeSize;
  while (at < bytes.size()) {
    if (bytes.size() - at < kSizeField) return bad_carrier("it ends inside of a size");
    const std::size_t size = size_at(bytes, at);
    at += kSizeField;
    if (size < kEnvelopeSize || size > bytes.size() - at) {
      return bad_carrier(fmt::format("a message of {} bytes does not fit", size));
    }
    std::uint16_t kind = 0;
    std::memcpy(&kind, bytes.data() + at + 6, sizeof kind);
    if (kind == static_cast<std::uint16_t>(Kind::kCarrier))
      return bad_carrier("there is a carrier inside");
    at += size;
  }
  return CarrierReader(std::move(received.first));
}

bool CarrierReader::next(Received& message) {
  if (at_ >= bytes_.size()) return false;
  const std::size_t at = at_ + kSizeField;
  const std::size_t size = size_at(bytes_, at_);
  at_ = at + size;
  if (at_ < bytes_.size()) {
    message.first = bytes_;
  } else {
    message.first = std::move(bytes_);
  }
  message.first.narrow(at, size);
  message.second.clear();
  message.frames = 1;
  return true;
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
