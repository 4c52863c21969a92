#include "executors/index_store/snapshot_piece.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <charconv>
#include <cstring>

#include "executors/index_store/log_format.h"

namespace flow::executors {
namespace {

constexpr std::string_view kMagic = "FLOWPCE1";
constexpr std::size_t kCheckOffset = 8;
constexpr std::size_t kCheckedFrom = 16;
constexpr std::size_t kKindField = kMaxLogKind + 1;

std::uint64_t check_of(std::span<const std::byte> piece) {
  return XXH3_64bits(piece.data() + kCheckedFrom, piece.size() - kCheckedFrom);
}

Error bad(std::string what) {
  return {Errc::kInvalidArgument, "a snapshot piece " + std::move(what)};
}

}  // namespace

std::vector<std::byte> make_piece(std::string_view kind, std::span<const std::byte> body) {
  std::vector<std::byte> piece(kPieceHeaderSize);
  piece.reserve(kPieceHeaderSize + body.size());
  std::memcpy(piece.data(), kMagic.data(), kMagic.size());
  std::memcpy(piece.data() + kCheckedFrom, kind.data(), kind.size());
  piece.insert(piece.end(), body.begin(), body.end());
  const std::uint64_t check = check_of(piece);
  std::memcpy(piece.data() + kCheckOffset, &check, sizeof check);
  return piece;
}

Result<std::span<const std::byte>> open_piece(std::span<const std::byte> piece,
                                              std::string_view kind) {
  if (piece.size() < kPieceHeaderSize ||
      std::memcmp(piece.data(), kMagic.data(), kMagic.size()) != 0) {
    return bad("does not begin as one");
  }
  if (piece.size() - kPieceHeaderSize > kMaxRecordBody) {
    return bad(fmt::format("has {} bytes, at most {} are allowed", piece.size(),
                           kMaxRecordBody + kPieceHeaderSize));
  }
  std::uint64_t check = 0;
  std::memcpy(&check, piece.data() + kCheckOffset, sizeof check);
  if (check != check_of(piece)) return bad("is damaged: its checksum is wrong");
  const auto* text = reinterpret_cast<const char*>(piece.data()) + kCheckedFrom;
  const std::string_view found(text, strnlen(text, kKindField));
  if (found != kind) return bad(fmt::format("is of a '{}', expected a '{}'", found, kind));
  return piece.subspan(kPieceHeaderSize);
}

std::string to_string(const SnapshotCursor& cursor) {
  return fmt::format("{:x}-{:x}-{:x}", cursor.life, cursor.document, cursor.tombstone);
}

Result<SnapshotCursor> parse_cursor(std::string_view text) {
  const Error bad{Errc::kInvalidArgument, fmt::format("'{}' is not a snapshot's cursor", text)};
  SnapshotCursor cursor;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::uint64_t* number : {&cursor.life, &cursor.document, &cursor.tombstone}) {
    const bool first = number == &cursor.life;
    if (!first && (at == end || *at++ != '-')) return bad;
    const auto [rest, error] = std::from_chars(at, end, *number, 16);
    if (error != std::errc()) return bad;
    at = rest;
  }
  if (at != end) return bad;
  return cursor;
}

}  // namespace flow::executors
