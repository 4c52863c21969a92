// Documents by id, kept in memory and in a log on disk: what both indexes are built on.
//
// A stored document has a slot: a number that grows with every write, so slots are in the order of
// the last write of each document. Replacing a document gives it a new slot. An index hangs its own
// data on slots (IndexView) and hands in an attachment (its numbers for a batch of documents) that
// is logged with them.
//
// One call of put() or remove() is one record of the log: after a crash it is there whole or not
// at all, and so are all before it. When the log holds more than twice what is alive, live
// documents are written to a new log, which replaces the old one, and slots are numbered anew.
//
// The folder is locked: no two processes ever share it. One thread owns a store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "executors/index_store/log_file.h"
#include "wire/document.h"
#include "wire/document_list.h"

namespace flow::executors {

using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = std::numeric_limits<Slot>::max();

// What an index does when documents come, go and move.
class IndexView {
 public:
  virtual ~IndexView() = default;

  // Documents were stored at `first`, first + 1, …. Called for new ones and for those of the log.
  // An error (a log whose attachment does not fit) refuses the log.
  virtual Status added(Slot first, std::span<const wire::Document> documents,
                       std::span<const std::byte> attachment) = 0;

  virtual void removed(Slot slot, const wire::Document& document) = 0;

  // Slot s is now `now[s]`, kNoSlot if it was removed. The order stays the same.
  virtual void renumbered(std::span<const Slot> now, std::size_t live) = 0;

  // Appends what was attached to the document in `slot`.
  virtual void append_attachment(Slot slot, std::vector<std::byte>& out) const = 0;
};

class DocumentStore {
 public:
  struct Options {
    std::string folder;  // exists
    std::string kind;    // what it holds; a folder with another kind is refused
    SyncPolicy sync = SyncPolicy::kInterval;
    std::size_t max_documents = 10'000'000;
    std::uint64_t compact_above = std::uint64_t{4} << 20;  // smaller logs are left alone
    Duration lock_patience = std::chrono::seconds(5);      // for a predecessor that is still ending
  };

  // Locks the folder and replays its log into `view`, which outlives the store. kUnavailable if
  // another process has the folder.
  static Result<std::unique_ptr<DocumentStore>> open(Options options, IndexView& view);

  // Stores documents with unique, non-empty ids of their own or replaces those with the same id;
  // of two with the same id in one call the last stays. After an error nothing has changed.
  Status put(const wire::DocumentList& documents, std::span<const std::byte> attachment);

  // Ids that are not there are ignored.
  Status remove(const std::vector<std::string>& ids);

  bool contains(std::string_view id) const { return slots_.contains(id); }

  // The document in a slot; nullptr when it was removed.
  const wire::Document* at(Slot slot) const;

  std::size_t size() const { return slots_.size(); }          // live documents
  std::size_t slot_count() const { return entries_.size(); }  // removed ones included
  std::uint64_t log_size() const { return log_->size(); }

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

  DocumentStore(Options options, IndexView& view);
  Status lock_folder();
  Status replay(std::span<const std::byte> body);
  Status apply_put(Bytes list, std::span<const std::byte> attachment, std::size_t record_bytes);
  void apply_remove(std::string_view id);
  void retire(Slot slot);
  void compact_if_due();
  Status compact();
  std::string log_path() const { return options_.folder + "/documents.log"; }

  Options options_;
  IndexView& view_;
  std::unique_ptr<FileHandle> lock_;
  std::unique_ptr<LogFile> log_;
  std::vector<Entry> entries_;  // by slot
  std::unordered_map<std::string, Slot, IdHash, std::equal_to<>> slots_;
  std::uint64_t live_bytes_ = 0;
  std::uint64_t compact_above_;
};

}  // namespace flow::executors
