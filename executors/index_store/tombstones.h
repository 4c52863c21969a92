// What is remembered of removed documents: the version of the removal, so that an older write that
// comes late does not bring the document back.
//
// In memory about 180 bytes each beside the id; the owner bounds how many there are by removing
// the oldest. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/write_version.h"

namespace flow::executors {

struct Tombstone {
  std::string id;
  WriteVersion version;
};

class Tombstones {
 public:
  // By serial: a number the owner gives, growing with every call of put().
  using BySerial = std::map<std::uint64_t, Tombstone>;

  // The version of the removal of `id`; nullptr when none is remembered.
  const WriteVersion* find(std::string_view id) const;

  // Remembers, in place of what was remembered of `id`.
  void put(std::string_view id, WriteVersion version, std::uint64_t serial);

  // Forgets; nothing happens when nothing is remembered of `id`.
  void erase(std::string_view id);

  // The one with the lowest version. There is one.
  const Tombstone& oldest();

  const BySerial& by_serial() const { return by_serial_; }
  std::size_t size() const { return by_serial_.size(); }
  bool empty() const { return by_serial_.empty(); }

  // What all of them take in a log that was just written anew.
  std::uint64_t log_bytes() const { return log_bytes_; }
  static std::size_t log_bytes_of(std::string_view id) { return id.size() + 20; }

 private:
  using Age = std::pair<WriteVersion, std::uint64_t>;  // version, serial
  using Ages = std::priority_queue<Age, std::vector<Age>, std::greater<>>;

  void tidy_ages();

  BySerial by_serial_;
  std::unordered_map<std::string_view, std::uint64_t> serials_;  // by id; views into by_serial_
  Ages ages_;  // oldest on top; some of what is gone is still in it
  std::uint64_t log_bytes_ = 0;
};

}  // namespace flow::executors
