// What the codecs of this folder share: the layout of a received message, and the making of one.
#pragma once

#include <flatbuffers/flatbuffers.h>
#include <schemas/part_generated.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/bytes.h"
#include "base/frames.h"
#include "base/result.h"
#include "base/time.h"
#include "wire/envelope.h"
#include "wire/part.h"
#include "wire/table_fields_internal.h"
#include "wire/table_reader_internal.h"

namespace flow::wire::internal {

inline constexpr std::size_t kMaxNodes = 256;
inline constexpr std::size_t kMaxHops = 256;
inline constexpr std::size_t kMaxMissing = 4096;
inline constexpr std::size_t kMaxEndpoint = 1024;
inline constexpr std::size_t kMaxName = 1024;
inline constexpr std::size_t kMaxText = 4096;  // addresses, folders, messages

// "Part", "ClientHello", …; empty for a number that is no kind.
std::string_view name_of(Kind kind);

// Where the pieces of a received message are. Checked: version, kind, all sizes.
struct Layout {
  std::uint32_t target = 0;
  Kind kind = Kind::kPart;
  std::span<const std::byte> header;  // inside `received.first`
  std::size_t payload_offset = 0;     // in the first frame
  std::size_t payload_size = 0;
  bool in_second = false;
};
Result<Layout> read_layout(const Received& received);

// The most a header of this kind may have.
constexpr std::size_t header_limit(Kind kind) {
  return kind >= Kind::kHello ? kMaxControl : kMaxHeader;
}

// Fills in `layout` where nothing is out of the ordinary: one frame of the kind expected, nothing
// between header and payload. False says nothing.
inline bool read_plain_layout(const Received& received, Kind expected, Layout& layout) {
  const std::size_t size = received.first.size();
  if (received.frames != 1 || size < kEnvelopeSize) return false;
  struct {
    std::uint32_t target;
    std::uint16_t version;
    Kind kind;
    std::uint32_t header_size;
    std::uint32_t payload_size;
  } envelope;
  static_assert(sizeof envelope == kEnvelopeSize);
  std::memcpy(&envelope, received.first.data(), sizeof envelope);
  layout.target = envelope.target;
  layout.kind = envelope.kind;
  layout.header = {received.first.data() + kEnvelopeSize, envelope.header_size};
  layout.payload_offset = kEnvelopeSize + layout.header.size();
  layout.payload_size = envelope.payload_size;
  return envelope.version == kWireVersion && envelope.kind == expected &&
         envelope.header_size <= header_limit(expected) &&
         envelope.header_size % kEnvelopeSize == 0 &&
         size == layout.payload_offset + layout.payload_size;
}

// The layout of a message of kind `expected`; kInvalidArgument for others.
Status read_any_layout(const Received& received, Kind expected, Layout& layout);
inline Status read_layout(const Received& received, Kind expected, Layout& layout) {
  if (read_plain_layout(received, expected, layout)) [[likely]]
    return {};
  return read_any_layout(received, expected, layout);
}

// The same, of one that has no payload.
Error payload_fault(const Layout& layout);
inline Status read_bare_layout(const Received& received, Kind expected, Layout& layout) {
  Status status = read_layout(received, expected, layout);
  if (status && layout.payload_size != 0) return payload_fault(layout);
  return status;
}

// Moves the payload out of the frame it is in; what points into that frame may dangle.
inline void take_payload(Received& received, const Layout& layout, Bytes& payload) {
  if (layout.payload_size == 0) {
    payload.clear();
  } else if (layout.in_second) {
    payload = std::move(received.second);
  } else {
    payload = std::move(received.first);
    payload.narrow(layout.payload_offset, layout.payload_size);
  }
}

// Makes control messages, which are rare and large, one at a time, in one buffer that it keeps.
// What is on the path of a request is made by MessageWriter (table_writer_internal.h).
class MessageBuilder {
 public:
  // Forgets the last message. The header is to be built with the result.
  flatbuffers::FlatBufferBuilder& start();

  // The message; valid until the next start() and while `payload` lives. `payload` may be null.
  template <typename Table>
  Frames finish(flatbuffers::Offset<Table> root, Kind kind, std::uint32_t target,
                const Bytes* payload) {
    builder_.Finish(root);
    return seal(kind, target, payload);
  }

 private:
  Frames seal(Kind kind, std::uint32_t target, const Bytes* payload);

  flatbuffers::FlatBufferBuilder builder_;
};

// The first `limit` bytes, or a little less where that would split a UTF-8 character.
std::string_view cut(std::string_view text, std::size_t limit);

// Empty is absent.
flatbuffers::Offset<flatbuffers::String> pack_text(flatbuffers::FlatBufferBuilder& builder,
                                                   std::string_view text);
// The same for people: cut to kMaxText bytes, so that an explanation never stops a message.
flatbuffers::Offset<flatbuffers::String> pack_explanation(flatbuffers::FlatBufferBuilder& builder,
                                                          std::string_view text);
flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> pack_bytes(
    flatbuffers::FlatBufferBuilder& builder, const Bytes& bytes);

// A vector of the wire's own structs, given as ours of the same layout.
template <typename Theirs, typename Ours>
flatbuffers::Offset<flatbuffers::Vector<const Theirs*>> pack_structs(
    flatbuffers::FlatBufferBuilder& builder, std::span<const Ours> structs) {
  static_assert(sizeof(Theirs) == sizeof(Ours) && alignof(Theirs) == alignof(Ours));
  static_assert(std::is_trivially_copyable_v<Ours>);
  if (structs.empty()) return 0;
  builder.StartVector(structs.size_bytes() / alignof(Theirs), alignof(Theirs));
  builder.PushBytes(reinterpret_cast<const std::uint8_t*>(structs.data()), structs.size_bytes());
  return builder.EndVector(structs.size());
}

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>> pack_texts(
    flatbuffers::FlatBufferBuilder& builder, std::span<const std::string> texts);

template <typename T>
flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<T>>> pack_offsets(
    flatbuffers::FlatBufferBuilder& builder, const std::vector<flatbuffers::Offset<T>>& offsets) {
  if (offsets.empty()) return 0;
  return builder.CreateVector(offsets);
}

// Messages of failures are cut to kMaxText bytes, names to kMaxName: an error must arrive.
inline auto failure_fields(const Failure& failure) {
  using Table = fbs::Failure;
  return std::tuple(text<Table::VT_MESSAGE>(cut(failure.message, kMaxText)),
                    text<Table::VT_EXECUTOR>(cut(failure.executor, kMaxName)),
                    text<Table::VT_INSTANCE>(cut(failure.instance, kMaxName)),
                    number<Table::VT_CODE>(static_cast<std::uint8_t>(failure.code)));
}
// Reuses *failure; resets it when there is none.
void read_failure(const TableReader& table, std::unique_ptr<Failure>& failure);
template <typename Table>
void unpack_failure(const Table& table, Field field, std::unique_ptr<Failure>& failure) {
  if (table.has(field)) {
    read_failure(table.table(field, fbs::FailureTypeTable), failure);
  } else {
    failure.reset();
  }
}

inline auto shard_fields(const MissingShard& shard) {
  return std::tuple(number<fbs::Missing::VT_SHARD>(shard.shard),
                    text<fbs::Missing::VT_EXECUTOR>(shard.executor));
}
void read_shards(const TableReader& table, Field field, std::vector<MissingShard>& shards);
template <typename Table>
void unpack_shards(const Table& table, Field field, std::vector<MissingShard>& shards) {
  if (table.has(field)) {
    read_shards(table, field, shards);
  } else {
    shards.clear();
  }
}

// Durations are microseconds on the wire. Beyond what a Duration holds, or below `lowest`, is a
// fault. Negative ones are sent as 0 by pack_duration.
inline constexpr std::int64_t kMaxMicros = std::numeric_limits<std::int64_t>::max() / 1000;
inline std::int64_t pack_duration(Duration duration) {
  return std::max<std::int64_t>(to_us(duration), 0);
}
void fail_duration(const TableReader& table, Field field, std::int64_t micros, std::int64_t lowest);
inline Duration checked_duration(const TableReader& table, Field field, std::int64_t micros,
                                 std::int64_t lowest) {
  if (micros < lowest || micros > kMaxMicros) [[unlikely]] {
    fail_duration(table, field, micros, lowest);
    return {};
  }
  return std::chrono::microseconds(micros);
}
template <typename Table>
Duration unpack_duration(const Table& table, Field field) {  // not negative
  std::int64_t micros = 0;
  table.copy_to(field, micros);
  return checked_duration(table, field, micros, 0);
}

}  // namespace flow::wire::internal
