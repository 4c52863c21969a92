// A buffer that tables are read from (table_reader_internal.h): its bytes, how many of them were
// read, and the first fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace flow::wire::internal {

// Where a table and its vtable are; all of both is inside of the buffer.
struct TablePlace {
  std::size_t at = 0;  // 0: there is none; the root offset is there
  std::size_t size = 0;
  std::size_t vtable_size = 0;  // even
  const std::byte* vtable = nullptr;
};

// One buffer that is being read. Its bytes outlive it.
class BufferReader {
 public:
  // `message` is what faults are prefixed with: the name of the message.
  BufferReader(std::span<const std::byte> buffer, std::string_view message)
      : data_(buffer.data()), size_(buffer.size()), budget_(buffer.size()), message_(message) {}

  bool ok() const { return !fault_.has_value(); }
  Status status() && { return fault_ ? Status(std::move(*fault_)) : Status(); }

  // Keeps a fault, if it is the first: "<message>: <text>".
  void fail(std::string_view text);

 private:
  friend class TableReader;

  template <typename T>
  T load(std::size_t at) const {
    T value;
    std::memcpy(&value, data_ + at, sizeof(T));
    return value;
  }
  bool charge(std::size_t bytes) {
    if (bytes > budget_) [[unlikely]] {
      fail_shared();
      return false;
    }
    budget_ -= bytes;
    return true;
  }

  // The table at `at`, a multiple of 4 and inside of the buffer, and charges it; none, with a
  // fault, if it is not whole.
  TablePlace find_table(std::size_t at) {
    const auto vtable = static_cast<std::int64_t>(at) - load<std::int32_t>(at);
    if (vtable < 4 || vtable % 2 != 0 || vtable + 4 > static_cast<std::int64_t>(size_))
        [[unlikely]] {
      fail_vtable(at, vtable);
      return {};
    }
    const auto vtable_at = static_cast<std::size_t>(vtable);
    TablePlace place;
    place.at = at;
    place.size = load<std::uint16_t>(vtable_at + 2);
    place.vtable_size = load<std::uint16_t>(vtable_at);
    place.vtable = data_ + vtable_at;
    if (place.vtable_size < 4 || place.vtable_size % 2 != 0 ||
        vtable_at + place.vtable_size > size_ || place.size < 4 || at + place.size > size_)
        [[unlikely]] {
      fail_sizes(place);
      return {};
    }
    return charge(place.size) ? place : TablePlace();
  }

  TablePlace find_root() {
    if (size_ >= 8) [[likely]] {
      const std::size_t at = load<std::uint32_t>(0);
      if (at >= 4 && at % 4 == 0 && at + 4 <= size_) [[likely]]
        return find_table(at);
    }
    fail_root();
    return {};
  }

  void fail_shared();
  void fail_root();
  void fail_vtable(std::size_t at, std::int64_t vtable);
  void fail_sizes(const TablePlace& place);

  const std::byte* data_;
  std::size_t size_;
  std::size_t budget_;
  std::string_view message_;
  std::optional<Error> fault_;
};

}  // namespace flow::wire::internal
