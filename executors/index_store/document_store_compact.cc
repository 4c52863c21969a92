#include <algorithm>
#include <utility>

#include "executors/index_store/document_store.h"

namespace flow::executors {
namespace {

constexpr std::size_t kBatchDocuments = 512;
constexpr std::size_t kBatchBytes = std::size_t{4} << 20;
constexpr std::size_t kBatchTombstones = 8192;

// None where all are none, so that the record needs none.
Versions shortest(Versions versions) {
  const auto none = [](const WriteVersion& version) { return !version; };
  return std::ranges::all_of(versions, none) ? Versions() : versions;
}

}  // namespace

// The store as it will be on the new log.
struct DocumentStore::Compacted {
  std::vector<Entry> entries;
  std::vector<WriteVersion> versions;
  std::vector<std::uint64_t> serials;
  std::vector<Slot> now;  // by old slot
  std::uint64_t live_bytes = 0;
};

Status DocumentStore::compact() {
  auto fresh = LogFile::create(log_path() + ".new", options_.kind, options_.sync);
  if (!fresh) return std::move(fresh).error();
  Compacted compacted;
  if (Status status = write_documents(**fresh, compacted); !status) return status;
  if (Status status = write_tombstones(**fresh); !status) return status;
  if (Status status = (*fresh)->move_to(log_path()); !status) return status;
  log_ = *std::move(fresh);
  entries_ = std::move(compacted.entries);
  versions_ = std::move(compacted.versions);
  serials_ = std::move(compacted.serials);
  live_bytes_ = compacted.live_bytes;
  for (auto& [id, slot] : slots_)
    slot = compacted.now[slot];
  view_.renumbered(compacted.now, entries_.size());
  return {};
}

Status DocumentStore::write_documents(LogFile& log, Compacted& compacted) const {
  compacted.entries.reserve(size());
  compacted.versions.reserve(size());
  compacted.serials.reserve(size());
  compacted.now.assign(entries_.size(), kNoSlot);
  for (std::size_t next = 0; next < entries_.size();) {
    wire::DocumentList batch;
    std::vector<std::byte> attachment;
    std::size_t bytes = 0;
    const std::size_t first = compacted.entries.size();
    for (; next < entries_.size() && batch.size() < kBatchDocuments && bytes < kBatchBytes;
         ++next) {
      const Entry& entry = entries_[next];
      if (!entry.live) continue;
      compacted.now[next] = static_cast<Slot>(first + batch.size());
      compacted.versions.push_back(versions_[next]);
      compacted.serials.push_back(serials_[next]);
      batch.push_back(entry.document);
      bytes += entry.bytes;
      view_.append_attachment(static_cast<Slot>(next), attachment);
    }
    if (batch.empty()) continue;
    Bytes list = batch.encode();
    const Versions versions = shortest(Versions(compacted.versions).subspan(first));
    const std::vector<std::byte> body = put_body(list, versions, attachment);
    if (Status status = log.append(body); !status) return status;
    auto stored = wire::DocumentList::open(std::move(list));
    if (!stored) return std::move(stored).error();
    const auto share = static_cast<std::uint32_t>(record_size(body.size()) / stored->size());
    for (wire::Document& document : *stored) {
      compacted.entries.push_back({std::move(document), share, true});
      compacted.live_bytes += share;
    }
  }
  return {};
}

Status DocumentStore::write_tombstones(LogFile& log) const {
  std::vector<std::string> ids;
  std::vector<WriteVersion> versions;
  const auto& all = tombstones_.by_serial();
  for (auto next = all.begin(); next != all.end();) {
    ids.clear();
    versions.clear();
    for (; next != all.end() && ids.size() < kBatchTombstones; ++next) {
      ids.push_back(next->second.id);
      versions.push_back(next->second.version);
    }
    if (Status status = log.append(remove_body(ids, versions)); !status) return status;
  }
  return {};
}

}  // namespace flow::executors
