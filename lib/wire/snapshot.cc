#include "wire/snapshot.h"

#include <schemas/part_generated.h>

#include <utility>

#include "wire/message_internal.h"

namespace flow::wire {

using internal::BufferReader;
using internal::TableReader;

struct SnapshotEncoder::State {
  internal::MessageBuilder message;
};

SnapshotEncoder::SnapshotEncoder() : state_(std::make_unique<State>()) {}
SnapshotEncoder::~SnapshotEncoder() = default;

Frames SnapshotEncoder::encode(const SnapshotAsk& ask) {
  flatbuffers::FlatBufferBuilder& builder = state_->message.start();
  const auto cursor = internal::pack_text(builder, ask.cursor);
  const auto root = fbs::CreateSnapshotAsk(builder, ask.from.value, cursor, ask.limit);
  return state_->message.finish(root, Kind::kSnapshotAsk, ask.target, nullptr);
}

Frames SnapshotEncoder::encode(const SnapshotPiece& piece) {
  flatbuffers::FlatBufferBuilder& builder = state_->message.start();
  const auto asked = internal::pack_text(builder, piece.asked);
  const auto next = internal::pack_text(builder, piece.next);
  const auto message = internal::pack_explanation(builder, piece.message);
  const auto root = fbs::CreateSnapshotPiece(builder, piece.from.value, asked, next, piece.last,
                                             static_cast<std::uint8_t>(piece.code), message);
  return state_->message.finish(root, Kind::kSnapshotPiece, piece.target, &piece.payload);
}

Result<SnapshotAsk> decode_snapshot_ask(const Received& received) {
  using fbs::SnapshotAsk;
  internal::Layout layout;
  if (Status read = internal::read_bare_layout(received, Kind::kSnapshotAsk, layout); !read)
    return std::move(read).error();
  BufferReader reader(layout.header, internal::name_of(layout.kind));
  const TableReader table = TableReader::root(reader, fbs::SnapshotAskTypeTable);
  wire::SnapshotAsk ask;
  ask.target = layout.target;
  ask.from.value = table.scalar<std::uint32_t>(SnapshotAsk::VT_FROM);
  ask.cursor = table.text(SnapshotAsk::VT_CURSOR, kMaxCursor);
  ask.limit = table.scalar<std::uint32_t>(SnapshotAsk::VT_LIMIT);
  if (!reader.ok()) return std::move(reader).status().error();
  return ask;
}

Result<SnapshotPiece> decode_snapshot_piece(Received received) {
  using fbs::SnapshotPiece;
  internal::Layout layout;
  if (Status read = internal::read_layout(received, Kind::kSnapshotPiece, layout); !read)
    return std::move(read).error();
  BufferReader reader(layout.header, internal::name_of(layout.kind));
  const TableReader table = TableReader::root(reader, fbs::SnapshotPieceTypeTable);
  wire::SnapshotPiece piece;
  piece.target = layout.target;
  piece.from.value = table.scalar<std::uint32_t>(SnapshotPiece::VT_FROM);
  piece.asked = table.text(SnapshotPiece::VT_ASKED, kMaxCursor);
  piece.next = table.text(SnapshotPiece::VT_NEXT, kMaxCursor);
  piece.last = table.flag(SnapshotPiece::VT_LAST);
  piece.code = table.enumerator(SnapshotPiece::VT_CODE, static_cast<Errc>(kErrcCount - 1));
  piece.message = table.text(SnapshotPiece::VT_MESSAGE, internal::kMaxText);
  if (!reader.ok()) return std::move(reader).status().error();
  internal::take_payload(received, layout, piece.payload);
  return piece;
}

}  // namespace flow::wire
