#include "executors/index_store/document_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <thread>
#include <utility>

#include "base/log.h"

namespace flow::executors {
namespace {

// What an entry adds to the digest.
std::uint64_t hash_of(std::string_view id, WriteVersion version, bool removed) {
  const std::array<std::uint64_t, 2> salt = {
      version.time_ns, std::uint64_t{version.gateway} << 1U | std::uint64_t{removed}};
  return XXH3_64bits_withSeed(id.data(), id.size(), XXH3_64bits(salt.data(), sizeof salt));
}

std::uint64_t random_number() {
  std::random_device random;
  return std::uint64_t{random()} << 32U | random();
}

}  // namespace

DocumentStore::DocumentStore(Options options, IndexView& view)
    : options_(std::move(options)),
      view_(view),
      life_(random_number()),
      compact_above_(options_.compact_above) {}

DocumentStore::~DocumentStore() {
  if (ignored_ == 0) return;
  log::info("writes ignored, older than what is stored folder={} documents={}", options_.folder,
            ignored_);
}

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

// Only what was newer was logged, so all of it is again.
Status DocumentStore::replay(std::span<const std::byte> body) {
  auto parsed = parse_body(body);
  if (!parsed) return std::move(parsed).error();
  if (parsed->is_put) {
    return apply_put(Bytes::copy_of(parsed->list), parsed->versions, parsed->attachment,
                     record_size(body.size()));
  }
  for (std::size_t i = 0; i < parsed->ids.size(); ++i)
    apply_remove(parsed->ids[i], version_at(parsed->versions, i));
  forget_old();
  return {};
}

std::optional<WriteVersion> DocumentStore::held_version(std::string_view id) const {
  const auto found = slots_.find(id);
  if (found != slots_.end()) return versions_[found->second];
  const WriteVersion* removed = tombstones_.find(id);
  return removed == nullptr ? std::nullopt : std::optional(*removed);
}

bool DocumentStore::is_newer(std::string_view id, WriteVersion version) {
  const std::optional<WriteVersion> held = held_version(id);
  const bool newer = !held || version > *held;
  if (!newer) ++ignored_;
  return newer;
}

Status DocumentStore::check_room(std::size_t more) const {
  if (entries_.size() + more <= kNoSlot && size() + more <= options_.max_documents) return {};
  return Error{Errc::kTooLarge,
               fmt::format("the index is full: it holds {} documents, its limit is {}", size(),
                           options_.max_documents)};
}

Status DocumentStore::put(const wire::DocumentList& documents,
                          std::span<const std::byte> attachment, WriteVersion version) {
  if (documents.empty()) return {};
  if (Status status = check_room(documents.size()); !status) return status;
  if (!version) return store(documents, {}, attachment);
  const Versions versions(&version, 1);
  std::vector<std::size_t> newer;
  newer.reserve(documents.size());
  for (std::size_t i = 0; i < documents.size(); ++i) {
    if (is_newer(documents[i].id(), version)) newer.push_back(i);
  }
  if (newer.size() == documents.size()) return store(documents, versions, attachment);
  if (newer.empty()) return {};
  wire::DocumentList kept;
  std::vector<std::byte> kept_attachment;
  const std::size_t share = attachment.size() / documents.size();
  for (const std::size_t i : newer) {
    kept.push_back(documents[i]);
    const auto own = attachment.subspan(i * share, share);
    kept_attachment.insert(kept_attachment.end(), own.begin(), own.end());
  }
  return store(kept, versions, kept_attachment);
}

Status DocumentStore::store(const wire::DocumentList& documents, Versions versions,
                            std::span<const std::byte> attachment) {
  Bytes list = documents.encode();
  const std::vector<std::byte> body = put_body(list, versions, attachment);
  if (Status status = log_->append(body); !status) return status;
  const std::size_t record_bytes = record_size(body.size());
  if (Status status = apply_put(std::move(list), versions, attachment, record_bytes); !status) {
    return status;
  }
  compact_if_due();
  return {};
}

Status DocumentStore::apply_put(Bytes list, Versions versions,
                                std::span<const std::byte> attachment, std::size_t record_bytes) {
  auto documents = wire::DocumentList::open(std::move(list));
  if (!documents) return std::move(documents).error();
  if (documents->empty()) return Error{Errc::kInternal, "a record holds no documents"};
  if (versions.size() > 1 && versions.size() != documents->size()) {
    return Error{Errc::kInternal, "a record has neither one version nor one for each document"};
  }
  const std::size_t first = entries_.size();
  if (first + documents->size() > kNoSlot) return Error{Errc::kTooLarge, "too many slots"};
  const std::span<const wire::Document> stored(&(*documents)[0], documents->size());
  if (Status status = view_.added(static_cast<Slot>(first), stored, attachment); !status) {
    return status;
  }
  const auto share = static_cast<std::uint32_t>(record_bytes / documents->size());
  for (wire::Document& document : *documents) {
    const auto slot = static_cast<Slot>(entries_.size());
    const WriteVersion version = version_at(versions, slot - first);
    const auto [place, is_new] = slots_.try_emplace(std::string(document.id()), slot);
    if (!is_new) retire(std::exchange(place->second, slot));
    if (is_new && !tombstones_.empty()) forget(place->first);
    digest_ += hash_of(place->first, version, false);
    newest_ = std::max(newest_, version);
    entries_.push_back({std::move(document), share, true});
    versions_.push_back(version);
    serials_.push_back(next_serial_++);
    live_bytes_ += share;
  }
  forget_old();
  return {};
}

Status DocumentStore::remove(const std::vector<std::string>& ids, WriteVersion version) {
  std::vector<std::string> known;
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(known),
               [this, version](const std::string& id) {
                 return version ? is_newer(id, version) : contains(id);
               });
  return erase(known, version ? Versions(&version, 1) : Versions());
}

Status DocumentStore::erase(const std::vector<std::string>& ids, Versions versions) {
  if (ids.empty()) return {};
  if (Status status = log_->append(remove_body(ids, versions)); !status) return status;
  for (std::size_t i = 0; i < ids.size(); ++i)
    apply_remove(ids[i], version_at(versions, i));
  forget_old();
  compact_if_due();
  return {};
}

void DocumentStore::apply_remove(std::string_view id, WriteVersion version) {
  const auto found = slots_.find(id);
  if (found != slots_.end()) {
    retire(found->second);
    slots_.erase(found);
  }
  if (!version) return;
  forget(id);
  tombstones_.put(id, version, next_serial_++);
  digest_ += hash_of(id, version, true);
  newest_ = std::max(newest_, version);
}

void DocumentStore::retire(Slot slot) {
  Entry& entry = entries_[slot];
  digest_ -= hash_of(entry.document.id(), versions_[slot], false);
  view_.removed(slot, entry.document);
  live_bytes_ -= entry.bytes;
  entry = {};
}

void DocumentStore::forget(std::string_view id) {
  const WriteVersion* removed = tombstones_.find(id);
  if (removed == nullptr) return;
  digest_ -= hash_of(id, *removed, true);
  tombstones_.erase(id);
}

// By versions, not by a clock: stores that got the same writes forget the same tombstones.
void DocumentStore::forget_old() {
  constexpr std::uint64_t kAge = std::chrono::nanoseconds(kTombstoneAge).count();
  const std::uint64_t horizon = newest_.time_ns > kAge ? newest_.time_ns - kAge : 0;
  while (!tombstones_.empty()) {
    const Tombstone& oldest = tombstones_.oldest();
    const bool too_many = tombstones_.size() > options_.max_tombstones;
    if (oldest.version.time_ns >= horizon && !too_many) return;
    forget(oldest.id);
  }
}

const wire::Document* DocumentStore::at(Slot slot) const {
  return slot < entries_.size() && entries_[slot].live ? &entries_[slot].document : nullptr;
}

// A failed compaction (disk full) loses nothing: it is tried again when the log has doubled.
void DocumentStore::compact_if_due() {
  if (log_->size() <= std::max(compact_above_, 2 * kept_bytes())) return;
  const Status status = compact();
  compact_above_ = status ? options_.compact_above : 2 * log_->size();
  if (!status) log::warn("compaction failed: {}", status.error().message);
}

}  // namespace flow::executors
