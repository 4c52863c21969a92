#include <limits>

#include "base/check.h"
#include "wire/short_text_internal.h"
#include "wire/table_writer_internal.h"

namespace flow::wire::internal {

// The last 4 bytes are written twice: as zeros, and then as far as the text reaches.
std::size_t MessageWriter::text(std::string_view text) {
  const std::size_t size = (4 + text.size() + 1 + 3) / 4 * 4;
  if (!buffer_.has_room(size)) [[unlikely]]
    return text_grown(text);
  const std::size_t at = buffer_.size();
  std::byte* to = buffer_.extend(size);
  put(to + size - 4, std::uint32_t{0});
  put(to, static_cast<std::uint32_t>(text.size()));
  copy_text(to + 4, text);
  return at;
}

std::size_t MessageWriter::text_grown(std::string_view text) {
  (void)buffer_.room(text.size() + 8);
  return this->text(text);
}

// A vector without its elements, and zeros behind them.
std::size_t MessageWriter::begin_elements(std::size_t count, std::size_t size,
                                          std::size_t alignment) {
  align(alignment);
  const std::size_t at = buffer_.size();
  const std::size_t bytes = (4 + count * size + 3) / 4 * 4;
  std::byte* to = buffer_.extend(bytes);
  put(to + bytes - 4, std::uint32_t{0});
  put(to, static_cast<std::uint32_t>(count));
  return at;
}

// Headers are a multiple of 16 bytes, so that no padding is due behind them.
Frames MessageWriter::seal(Kind kind, std::uint32_t target, const Bytes* payload) {
  const std::size_t payload_size = payload == nullptr ? 0 : payload->size();
  FLOW_CHECK(payload_size <= std::numeric_limits<std::uint32_t>::max(), "payload above 4 GiB");
  const std::size_t padding = (0 - buffer_.size()) % kEnvelopeSize;
  const std::size_t size = buffer_.size() + padding;
  std::memset(buffer_.room(kEnvelopeSize), 0, kEnvelopeSize);
  buffer_.advance(padding);
  std::byte* envelope = buffer_.data();
  put(envelope, target);
  put(envelope + 4, kWireVersion);
  put(envelope + 6, kind);
  put(envelope + 8, static_cast<std::uint32_t>(size - kEnvelopeSize));
  put(envelope + 12, static_cast<std::uint32_t>(payload_size));

  Frames frames;
  frames.head = {envelope, size};
  if (payload_size > kOneFramePayload) {
    frames.payloads = {payload, 1};
  } else if (payload_size > 0) {
    frames.tail = payload->span();
  }
  return frames;
}

}  // namespace flow::wire::internal
