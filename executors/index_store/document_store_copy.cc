#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "executors/index_store/document_store.h"
#include "executors/index_store/snapshot_piece.h"

namespace flow::executors {
namespace {

constexpr std::size_t kVersionBytes = 16;
constexpr std::size_t kFixedBytes = kPieceHeaderSize + 64;  // header, prefix of the body, padding

Error bad(std::string_view what) {
  return {Errc::kInvalidArgument, fmt::format("a snapshot piece {}", what)};
}

// What a document adds to an encoded list, at most.
std::size_t size_in_list(const wire::Document& document) {
  wire::DocumentList list;
  list.push_back(document);
  return list.estimated_size();
}

Status check_ids(const std::vector<std::string_view>& ids) {
  std::unordered_set<std::string_view> seen;
  for (const std::string_view id : ids) {
    if (id.empty() || id.size() > wire::kMaxIdBytes) {
      return bad(
          fmt::format("has an id of {} bytes, expected 1 to {}", id.size(), wire::kMaxIdBytes));
    }
    if (!seen.insert(id).second) return bad(fmt::format("has the id '{}' twice", id));
  }
  return {};
}

}  // namespace

// The first live slot with a higher serial; entries_.size() when there is none.
Slot DocumentStore::next_live(std::uint64_t serial) const {
  auto slot =
      static_cast<std::size_t>(std::ranges::upper_bound(serials_, serial) - serials_.begin());
  while (slot < entries_.size() && !entries_[slot].live)
    ++slot;
  return static_cast<Slot>(slot);
}

// Documents first: one that is removed after its piece was made has its tombstone still to come.
Result<SnapshotPiece> DocumentStore::next_piece(std::string_view cursor, std::size_t limit) {
  SnapshotCursor from{.life = life_};
  if (!cursor.empty()) {
    Result<SnapshotCursor> parsed = parse_cursor(cursor);
    if (!parsed) return std::move(parsed).error();
    from = *parsed;
  }
  if (from.life != life_) {
    return Error{Errc::kNotFound,
                 "the cursor is of a replica that was started again since; begin "
                 "anew"};
  }
  const Slot first = next_live(from.document);
  if (first < entries_.size()) return document_piece(first, limit, from.tombstone);
  return tombstone_piece(from.document, from.tombstone, limit);
}

SnapshotPiece DocumentStore::document_piece(Slot from, std::size_t limit,
                                            std::uint64_t tombstone) const {
  wire::DocumentList batch;
  std::vector<WriteVersion> versions;
  std::vector<std::byte> attachment;
  std::size_t bytes = kFixedBytes;
  SnapshotCursor cursor{life_, 0, tombstone};
  for (Slot slot = from; slot < entries_.size() && batch.size() < wire::kMaxDocuments; ++slot) {
    const Entry& entry = entries_[slot];
    if (!entry.live) continue;
    const std::size_t attached = attachment.size();
    view_.append_attachment(slot, attachment);
    bytes += size_in_list(entry.document) + kVersionBytes + attachment.size() - attached;
    if (bytes > limit && !batch.empty()) {
      attachment.resize(attached);
      break;
    }
    batch.push_back(entry.document);
    versions.push_back(versions_[slot]);
    cursor.document = serials_[slot];
  }
  const bool last = next_live(cursor.document) == entries_.size() &&
                    tombstones_.by_serial().upper_bound(tombstone) == tombstones_.by_serial().end();
  return {make_piece(options_.kind, put_body(batch.encode(), versions, attachment)),
          to_string(cursor), last};
}

SnapshotPiece DocumentStore::tombstone_piece(std::uint64_t document, std::uint64_t tombstone,
                                             std::size_t limit) const {
  std::vector<std::string> ids;
  std::vector<WriteVersion> versions;
  std::size_t bytes = kFixedBytes;
  SnapshotCursor cursor{life_, document, tombstone};
  auto next = tombstones_.by_serial().upper_bound(tombstone);
  for (; next != tombstones_.by_serial().end(); ++next) {
    bytes += Tombstones::log_bytes_of(next->second.id);
    if (bytes > limit && !ids.empty()) break;
    ids.push_back(next->second.id);
    versions.push_back(next->second.version);
    cursor.tombstone = next->first;
  }
  return {make_piece(options_.kind, remove_body(ids, versions)), to_string(cursor),
          next == tombstones_.by_serial().end()};
}

Status DocumentStore::merge(std::span<const std::byte> piece) {
  const Result<std::span<const std::byte>> opened = open_piece(piece, options_.kind);
  if (!opened) return opened.error();
  const Result<RecordBody> body = parse_body(*opened);
  if (!body) return bad("is damaged: " + body.error().message);
  return body->is_put ? merge_documents(*body) : merge_tombstones(*body);
}

Status DocumentStore::merge_documents(const RecordBody& body) {
  const auto documents = wire::DocumentList::open(Bytes::copy_of(body.list));
  if (!documents) return bad("is damaged: " + documents.error().message);
  const std::size_t count = documents->size();
  if (count == 0 || (body.versions.size() > 1 && body.versions.size() != count)) {
    return bad(fmt::format("has {} documents and {} versions", count, body.versions.size()));
  }
  if (body.attachment.size() % count != 0) return bad("has attachments of different sizes");
  std::vector<std::string_view> ids;
  ids.reserve(count);
  for (const wire::Document& document : *documents)
    ids.push_back(document.id());
  if (Status status = check_ids(ids); !status) return status;
  if (Status status = view_.check({&(*documents)[0], count}, body.attachment); !status) {
    return bad("does not fit: " + status.error().message);
  }
  wire::DocumentList newer;
  std::vector<WriteVersion> versions;
  std::vector<std::byte> attachment;
  std::size_t unknown = 0;
  const std::size_t share = body.attachment.size() / count;
  for (std::size_t i = 0; i < count; ++i) {
    const WriteVersion version = version_at(body.versions, i);
    const std::optional<WriteVersion> held = held_version(ids[i]);
    if (held && version <= *held) continue;
    if (!contains(ids[i])) ++unknown;
    newer.push_back((*documents)[i]);
    versions.push_back(version);
    const auto own = body.attachment.subspan(i * share, share);
    attachment.insert(attachment.end(), own.begin(), own.end());
  }
  if (newer.empty()) return {};
  if (Status status = check_room(unknown); !status) return status;
  return store(newer, versions, attachment);
}

Status DocumentStore::merge_tombstones(const RecordBody& body) {
  if (Status status = check_ids({body.ids.begin(), body.ids.end()}); !status) return status;
  std::vector<std::string> newer;
  std::vector<WriteVersion> versions;
  for (std::size_t i = 0; i < body.ids.size(); ++i) {
    const WriteVersion version = version_at(body.versions, i);
    if (!version) return bad(fmt::format("removes '{}' without a version", body.ids[i]));
    const std::optional<WriteVersion> held = held_version(body.ids[i]);
    if (held && version <= *held) continue;
    newer.push_back(body.ids[i]);
    versions.push_back(version);
  }
  return erase(newer, versions);
}

}  // namespace flow::executors
