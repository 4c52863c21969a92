#include "executors/index_store/document_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "base/log.h"
#include "executors/index_store/record_body.h"

namespace flow::executors {
namespace {

constexpr std::size_t kCompactBatchDocuments = 512;
constexpr std::size_t kCompactBatchBytes = std::size_t{4} << 20;

}  // namespace

DocumentStore::DocumentStore(Options options, IndexView& view)
    : options_(std::move(options)), view_(view), compact_above_(options_.compact_above) {}

Result<std::unique_ptr<DocumentStore>> DocumentStore::open(Options options, IndexView& view) {
  std::unique_ptr<DocumentStore> store(new DocumentStore(std::move(options), view));
  if (Status status = store->lock_folder(); !status) return std::move(status).error();
  DocumentStore& self = *store;
  auto log = LogFile::open(self.log_path(), self.options_.kind, self.options_.sync,
                           [&self](std::span<const std::byte> body) { return self.replay(body); });
  if (!log) return std::move(log).error();
  store->log_ = *std::move(log);
  store->compact_if_due();
  return store;
}

Status DocumentStore::lock_folder() {
  const std::string path = options_.folder + "/lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) {
    return Error{Errc::kInternal, fmt::format("cannot open {}: {}", path, std::strerror(errno))};
  }
  lock_ = std::make_unique<FileHandle>(fd);
  constexpr auto kPause = std::chrono::milliseconds(50);
  for (Duration waited{}; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += kPause) {
    if (waited >= options_.lock_patience) {
      return Error{Errc::kUnavailable,
                   fmt::format("{} is in use by another process", options_.folder)};
    }
    std::this_thread::sleep_for(kPause);
  }
  return {};
}

Status DocumentStore::replay(std::span<const std::byte> body) {
  auto parsed = parse_body(body);
  if (!parsed) return std::move(parsed).error();
  if (parsed->is_put) {
    return apply_put(Bytes::copy_of(parsed->list), parsed->attachment, record_size(body.size()));
  }
  for (const std::string& id : parsed->ids)
    apply_remove(id);
  return {};
}

Status DocumentStore::put(const wire::DocumentList& documents,
                          std::span<const std::byte> attachment) {
  if (documents.empty()) return {};
  if (entries_.size() + documents.size() > kNoSlot ||
      size() + documents.size() > options_.max_documents) {
    return Error{Errc::kTooLarge, fmt::format("the index is full: it holds {} documents, its limit "
                                              "is {}",
                                              size(), options_.max_documents)};
  }
  Bytes list = documents.encode();
  const std::vector<std::byte> body = put_body(list, attachment);
  if (Status status = log_->append(body); !status) return status;
  if (Status status = apply_put(std::move(list), attachment, record_size(body.size())); !status) {
    return status;
  }
  compact_if_due();
  return {};
}

Status DocumentStore::apply_put(Bytes list, std::span<const std::byte> attachment,
                                std::size_t record_bytes) {
  auto documents = wire::DocumentList::open(std::move(list));
  if (!documents) return std::move(documents).error();
  if (documents->empty()) return Error{Errc::kInternal, "a record holds no documents"};
  const std::size_t first = entries_.size();
  if (first + documents->size() > kNoSlot) return Error{Errc::kTooLarge, "too many slots"};
  const std::span<const wire::Document> stored(&(*documents)[0], documents->size());
  if (Status status = view_.added(static_cast<Slot>(first), stored, attachment); !status) {
    return status;
  }
  const auto share = static_cast<std::uint32_t>(record_bytes / documents->size());
  for (wire::Document& document : *documents) {
    const auto slot = static_cast<Slot>(entries_.size());
    const auto [place, is_new] = slots_.try_emplace(std::string(document.id()), slot);
    if (!is_new) retire(std::exchange(place->second, slot));
    entries_.push_back({std::move(document), share, true});
    live_bytes_ += share;
  }
  return {};
}

Status DocumentStore::remove(const std::vector<std::string>& ids) {
  std::vector<std::string> known;
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(known),
               [this](const std::string& id) { return contains(id); });
  if (known.empty()) return {};
  if (Status status = log_->append(remove_body(known)); !status) return status;
  for (const std::string& id : known)
    apply_remove(id);
  compact_if_due();
  return {};
}

void DocumentStore::apply_remove(std::string_view id) {
  const auto found = slots_.find(id);
  if (found == slots_.end()) return;
  retire(found->second);
  slots_.erase(found);
}

void DocumentStore::retire(Slot slot) {
  Entry& entry = entries_[slot];
  view_.removed(slot, entry.document);
  live_bytes_ -= entry.bytes;
  entry = {};
}

const wire::Document* DocumentStore::at(Slot slot) const {
  return slot < entries_.size() && entries_[slot].live ? &entries_[slot].document : nullptr;
}

// A failed compaction (disk full) loses nothing: it is tried again when the log has doubled.
void DocumentStore::compact_if_due() {
  if (log_->size() <= std::max(compact_above_, 2 * live_bytes_)) return;
  const Status status = compact();
  compact_above_ = status ? options_.compact_above : 2 * log_->size();
  if (!status) log::warn("compaction failed: {}", status.error().message);
}

Status DocumentStore::compact() {
  auto fresh = LogFile::create(log_path() + ".new", options_.kind, options_.sync);
  if (!fresh) return std::move(fresh).error();
  std::vector<Entry> entries;
  entries.reserve(size());
  std::vector<Slot> now(entries_.size(), kNoSlot);
  std::uint64_t live_bytes = 0;
  for (std::size_t next = 0; next < entries_.size();) {
    wire::DocumentList batch;
    std::vector<std::byte> attachment;
    std::size_t bytes = 0;
    for (; next < entries_.size() && batch.size() < kCompactBatchDocuments &&
           bytes < kCompactBatchBytes;
         ++next) {
      const Entry& entry = entries_[next];
      if (!entry.live) continue;
      now[next] = static_cast<Slot>(entries.size() + batch.size());
      batch.push_back(entry.document);
      bytes += entry.bytes;
      view_.append_attachment(static_cast<Slot>(next), attachment);
    }
    if (batch.empty()) continue;
    Bytes list = batch.encode();
    const std::vector<std::byte> body = put_body(list, attachment);
    if (Status status = (*fresh)->append(body); !status) return status;
    auto stored = wire::DocumentList::open(std::move(list));
    if (!stored) return std::move(stored).error();
    const auto share = static_cast<std::uint32_t>(record_size(body.size()) / stored->size());
    for (wire::Document& document : *stored) {
      entries.push_back({std::move(document), share, true});
      live_bytes += share;
    }
  }
  if (Status status = (*fresh)->move_to(log_path()); !status) return status;
  log_ = *std::move(fresh);
  entries_ = std::move(entries);
  live_bytes_ = live_bytes;
  for (auto& [id, slot] : slots_)
    slot = now[slot];
  view_.renumbered(now, entries_.size());
  return {};
}

}  // namespace flow::executors
