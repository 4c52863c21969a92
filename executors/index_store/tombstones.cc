#include "executors/index_store/tombstones.h"

#include "base/check.h"

namespace flow::executors {
namespace {

constexpr std::size_t kStale = 1024;  // so many of what is gone do not matter

}  // namespace

const WriteVersion* Tombstones::find(std::string_view id) const {
  const auto found = serials_.find(id);
  return found == serials_.end() ? nullptr : &by_serial_.at(found->second).version;
}

void Tombstones::put(std::string_view id, WriteVersion version, std::uint64_t serial) {
  erase(id);
  const auto [place, is_new] = by_serial_.try_emplace(serial, Tombstone{std::string(id), version});
  FLOW_CHECK(is_new, "a serial is given once");
  serials_.emplace(place->second.id, serial);
  ages_.emplace(version, serial);
  log_bytes_ += log_bytes_of(id);
  if (ages_.size() > 2 * by_serial_.size() + kStale) tidy_ages();
}

void Tombstones::erase(std::string_view id) {
  const auto found = serials_.find(id);
  if (found == serials_.end()) return;
  const std::uint64_t serial = found->second;
  log_bytes_ -= log_bytes_of(id);
  serials_.erase(found);  // before the id it looks at
  by_serial_.erase(serial);
}

const Tombstone& Tombstones::oldest() {
  while (true) {
    FLOW_CHECK(!ages_.empty(), "there is a tombstone");
    const auto found = by_serial_.find(ages_.top().second);
    if (found != by_serial_.end()) return found->second;
    ages_.pop();
  }
}

void Tombstones::tidy_ages() {
  std::vector<Age> ages;
  ages.reserve(by_serial_.size());
  for (const auto& [serial, tombstone] : by_serial_)
    ages.emplace_back(tombstone.version, serial);
  ages_ = Ages(std::greater<>(), std::move(ages));
}

}  // namespace flow::executors
