#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "wire/message_internal.h"

namespace flow::wire::internal {

std::string_view cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U)
    --limit;
  return text.substr(0, limit);
}

flatbuffers::FlatBufferBuilder& MessageBuilder::start() {
  builder_.Clear();
  // Makes headers a multiple of 16 bytes, so that no padding is due behind them.
  builder_.TrackMinAlign(kEnvelopeSize);
  return builder_;
}

Frames MessageBuilder::seal(Kind kind, std::uint32_t target, const Bytes* payload) {
  const std::size_t payload_size = payload == nullptr ? 0 : payload->size();
  FLOW_CHECK(payload_size <= std::numeric_limits<std::uint32_t>::max(), "payload above 4 GiB");
  const auto kind_number = static_cast<std::uint16_t>(kind);
  const std::uint32_t header_size = builder_.GetSize();
  FLOW_CHECK(header_size % kEnvelopeSize == 0, "header is not padded");
  const auto payload_field = static_cast<std::uint32_t>(payload_size);
  std::uint8_t envelope[kEnvelopeSize];
  std::memcpy(envelope, &target, 4);
  std::memcpy(envelope + 4, &kWireVersion, 2);
  std::memcpy(envelope + 6, &kind_number, 2);
  std::memcpy(envelope + 8, &header_size, 4);
  std::memcpy(envelope + 12, &payload_field, 4);
  builder_.PushBytes(envelope, kEnvelopeSize);

  Frames frames;
  frames.head = std::as_bytes(
      std::span<const std::uint8_t>(builder_.GetCurrentBufferPointer(), builder_.GetSize()));
  if (payload_size > kOneFramePayload) {
    frames.payloads = {payload, 1};
  } else if (payload_size > 0) {
    frames.tail = payload->span();
  }
  return frames;
}

flatbuffers::Offset<flatbuffers::String> pack_text(flatbuffers::FlatBufferBuilder& builder,
                                                   std::string_view text) {
  if (text.empty()) return 0;
  return builder.CreateString(text.data(), text.size());
}

flatbuffers::Offset<flatbuffers::String> pack_explanation(flatbuffers::FlatBufferBuilder& builder,
                                                          std::string_view text) {
  return pack_text(builder, cut(text, kMaxText));
}

flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> pack_bytes(
    flatbuffers::FlatBufferBuilder& builder, const Bytes& bytes) {
  if (bytes.empty()) return 0;
  return builder.CreateVector(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>> pack_texts(
    flatbuffers::FlatBufferBuilder& builder, std::span<const std::string> texts) {
  std::vector<flatbuffers::Offset<flatbuffers::String>> offsets;
  offsets.reserve(texts.size());
  for (const std::string& text : texts)
    offsets.push_back(builder.CreateString(text));
  return pack_offsets(builder, offsets);
}

void read_failure(const TableReader& table, std::unique_ptr<Failure>& failure) {
  using fbs::Failure;
  if (!table) {
    failure.reset();
    return;
  }
  if (failure == nullptr) failure = std::make_unique<wire::Failure>();
  constexpr auto kLast = static_cast<Errc>(kErrcCount - 1);
  failure->code = table.enumerator(Failure::VT_CODE, kLast);
  if (failure->code == Errc::kOk) table.fail(Failure::VT_CODE, "is 0, which is no failure");
  failure->message = table.text(Failure::VT_MESSAGE, kMaxText);
  failure->executor = table.text(Failure::VT_EXECUTOR, kMaxName);
  failure->instance = table.text(Failure::VT_INSTANCE, kMaxName);
}

void read_shards(const TableReader& table, Field field, std::vector<MissingShard>& shards) {
  table.tables(field, fbs::MissingTypeTable, kMaxMissing, shards,
               [](const TableReader& entry, MissingShard& shard) {
                 shard.executor = entry.text(fbs::Missing::VT_EXECUTOR, kMaxName);
                 shard.shard = entry.scalar<std::uint32_t>(fbs::Missing::VT_SHARD);
               });
}

void fail_duration(const TableReader& table, Field field, std::int64_t micros,
                   std::int64_t lowest) {
  table.fail(field, fmt::format("has {} us, allowed are {} to {}", micros, lowest, kMaxMicros));
}

}  // namespace flow::wire::internal
