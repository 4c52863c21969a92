// Documents by id, kept in memory and in a log on disk: what both indexes are built on.
//
// A stored document has a slot: a number that grows with every write, so slots are in the order of
// the last write of each document. Replacing a document gives it a new slot. An index hangs its own
// data on slots (IndexView) and hands in an attachment (its numbers for a batch of documents, as
// many bytes for each) that is logged with them.
//
// A document keeps the version of the write it came from, a removed one leaves a tombstone with
// the version of the removal. A write that is not newer than what is held of a document is ignored
// for that document. So stores that get the same writes in different orders end the same, and so
// do those that copy from one another (Replicated). Tombstones are kept until their version is
// kTombstoneAge older than the newest version held, at most max_tombstones of them: a write that
// is older than a forgotten one brings its document back. A write without a version is newer than
// everything, and leaves no tombstone.
//
// One call of put(), remove() or merge() is one record of the log: after a crash it is there whole
// or not at all, and so are all before it. When the log holds more than twice what is alive, what
// is held is written to a new log, which replaces the old one, and slots are numbered anew.
//
// The folder is locked: no two processes ever share it. One thread owns a store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "executors/index_store/index_view.h"
#include "executors/index_store/log_file.h"
#include "executors/index_store/record_body.h"
#include "executors/index_store/tombstones.h"
#include "flow/replicated.h"
#include "wire/document.h"
#include "wire/document_list.h"

namespace flow::executors {

inline constexpr Duration kTombstoneAge = std::chrono::hours(1);

class DocumentStore final : public Replicated {
 public:
  struct Options {
    std::string folder;  // exists
    std::string kind;    // what it holds; a folder with another kind is refused
    SyncPolicy sync = SyncPolicy::kInterval;
    std::size_t max_documents = 10'000'000;
    std::size_t max_tombstones = 200'000;                  // above it the oldest are forgotten
    std::uint64_t compact_above = std::uint64_t{4} << 20;  // smaller logs are left alone
    Duration lock_patience = std::chrono::seconds(5);      // for a predecessor that is still ending
  };

  // Locks the folder and replays its log into `view`, which outlives the store. kUnavailable if
  // another process has the folder.
  static Result<std::unique_ptr<DocumentStore>> open(Options options, IndexView& view);

  // Says in the log of the process how many writes were ignored, if any were.
  ~DocumentStore() override;
  DocumentStore(const DocumentStore&) = delete;
  DocumentStore& operator=(const DocumentStore&) = delete;

  // Stores documents with unique, non-empty ids of their own or replaces those with the same id,
  // where `version` is newer than what is held; of two with the same id in one call the last stays.
  // After an error nothing has changed.
  Status put(const wire::DocumentList& documents, std::span<const std::byte> attachment,
             WriteVersion version = {});

  // Removes what is older than `version`. Ids that are not there leave a tombstone, or are ignored
  // when there is no version.
  Status remove(const std::vector<std::string>& ids, WriteVersion version = {});

  bool contains(std::string_view id) const { return slots_.contains(id); }

  // The document in a slot; nullptr when it was removed.
  const wire::Document* at(Slot slot) const;

  // By slot: for equal orders of equal hits on all replicas.
  Versions versions() const { return versions_; }

  std::size_t size() const { return slots_.size(); }          // live documents
  std::size_t slot_count() const { return entries_.size(); }  // removed ones included
  std::size_t tombstones() const { return tombstones_.size(); }
  std::uint64_t ignored() const { return ignored_; }  // writes of single documents, as too old
  std::uint64_t log_size() const { return log_->size(); }

  Held held() const override { return {newest_, digest_, size() + tombstones()}; }
  Result<SnapshotPiece> next_piece(std::string_view cursor, std::size_t limit) override;
  Status merge(std::span<const std::byte> piece) override;

 private:
  struct Entry {
    wire::Document document;
    std::uint32_t bytes = 0;  // its share of the log
    bool live = false;
  };
  struct IdHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view id) const { return std::hash<std::string_view>{}(id); }
  };
  struct Compacted;

  DocumentStore(Options options, IndexView& view);
  Status lock_folder();

  // document_store.cc: writing.
  Status replay(std::span<const std::byte> body);
  std::optional<WriteVersion> held_version(std::string_view id) const;
  bool is_newer(std::string_view id, WriteVersion version);
  Status check_room(std::size_t more) const;
  Status store(const wire::DocumentList& documents, Versions versions,
               std::span<const std::byte> attachment);
  Status erase(const std::vector<std::string>& ids, Versions versions);
  Status apply_put(Bytes list, Versions versions, std::span<const std::byte> attachment,
                   std::size_t record_bytes);
  void apply_remove(std::string_view id, WriteVersion version);
  void retire(Slot slot);
  void forget(std::string_view id);
  void forget_old();
  std::uint64_t kept_bytes() const { return live_bytes_ + tombstones_.log_bytes(); }
  void compact_if_due();

  // document_store_compact.cc: the new log.
  Status compact();
  Status write_documents(LogFile& log, Compacted& compacted) const;
  Status write_tombstones(LogFile& log) const;

  // document_store_copy.cc: from and to siblings.
  SnapshotPiece document_piece(Slot from, std::size_t limit, std::uint64_t tombstone) const;
  SnapshotPiece tombstone_piece(std::uint64_t document, std::uint64_t tombstone,
                                std::size_t limit) const;
  Slot next_live(std::uint64_t serial) const;
  Status merge_documents(const RecordBody& body);
  Status merge_tombstones(const RecordBody& body);

  std::string log_path() const { return options_.folder + "/documents.log"; }

  Options options_;
  IndexView& view_;
  std::unique_ptr<FileHandle> lock_;
  std::unique_ptr<LogFile> log_;
  std::vector<Entry> entries_;          // by slot
  std::vector<WriteVersion> versions_;  // by slot
  std::vector<std::uint64_t> serials_;  // by slot, ascending: not numbered anew, for cursors
  std::unordered_map<std::string, Slot, IdHash, std::equal_to<>> slots_;
  Tombstones tombstones_;
  WriteVersion newest_;
  std::uint64_t digest_ = 0;       // sum of the hashes of all that is held
  std::uint64_t next_serial_ = 1;  // of documents and tombstones
  std::uint64_t life_;             // of the serials: random
  std::uint64_t ignored_ = 0;
  std::uint64_t live_bytes_ = 0;
  std::uint64_t compact_above_;
};

}  // namespace flow::executors
