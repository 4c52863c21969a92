// A buffer that tables are read from (table_reader_internal.h): its bytes, how many of them were
// read, and the first fault.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace flow::wire::internal {

// Where a table and its vtable are; all of both is inside of the buffer. Two words, so that it is
// returned in registers.
struct TablePlace {
  const std::byte* vtable = nullptr;
  std::uint32_t at = 0;  // 0: there is none; the root offset is there
  std::uint16_t size = 0;
  std::uint16_t vtable_size = 0;  // even
};

// What vectors have, and where one is.
struct Element {
  std::size_t size;
  std::size_t alignment;
  bool terminated;  // a string: a zero follows
};
struct Vector {
  std::size_t at = 0;  // of the first element
  std::size_t count = 0;
};
inline constexpr Element kByte{1, 1, false};
inline constexpr Element kCharacter{1, 1, true};
inline constexpr Element kReference{4, 4, false};

template <typename T>
T load_struct(const std::byte* at) {
  T loaded;
  std::memcpy(static_cast<void*>(&loaded), at, sizeof(T));
  return loaded;
}

// `count` structs into `out`. One by one: they are few, and copying a number of bytes that is not
// known begins slowly.
template <typename T>
void copy_structs(const std::byte* from, std::size_t count, std::vector<T>& out) {
  if (out.size() != count) out.resize(count);
  for (T& one : out) {
    one = load_struct<T>(from);
    from += sizeof(T);
  }
}

// One buffer that is being read, of less than 2 GiB. Its bytes outlive it.
class BufferReader {
 public:
  // `message` is what faults are prefixed with: the name of the message.
  BufferReader(std::span<const std::byte> buffer, std::string_view message)
      : data_(buffer.data()), size_(buffer.size()), budget_(buffer.size()), message_(message) {}

  bool ok() const { return !fault_.has_value(); }
  Status status() && { return fault_ ? Status(std::move(*fault_)) : Status(); }

  // Keeps a fault, if it is the first: "<message>: <text>".
  void fail(std::string_view text);

  // Where the root table is said to be, inside of the buffer; 0, with a fault, if it is not.
  std::size_t root() {
    if (size_ >= 8) [[likely]] {
      const std::size_t at = load<std::uint32_t>(0);
      if (at >= 4 && at % 4 == 0 && at + 4 <= size_) [[likely]]
        return at;
    }
    fail_root();
    return 0;
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
    place.at = static_cast<std::uint32_t>(at);
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

  // The same, if its vtable is this one, so that its fields are where it says and of their types;
  // else none, without a fault. `alignment`: that of its fields.
  template <std::size_t kCount>
  TablePlace find_table_like(const std::array<std::uint16_t, kCount>& vtable, std::size_t at,
                             std::size_t alignment) {
    const std::size_t vtable_at =
        at - static_cast<std::size_t>(std::int64_t{load<std::int32_t>(at)});
    const std::uint16_t size = vtable[1];
    if (vtable_at < size_ && vtable_at + sizeof vtable <= size_ && vtable_at % 2 == 0 &&
        vtable_at >= 4 && at + size <= size_ && (at + 4) % alignment == 0 && size <= budget_ &&
        std::memcmp(data_ + vtable_at, vtable.data(), sizeof vtable) == 0) [[likely]] {
      budget_ -= size;
      return {data_ + vtable_at, static_cast<std::uint32_t>(at), size, sizeof vtable};
    }
    return {};
  }

  // The vector that is referred to at `reference`, charged; false if it is not as it must be.
  template <Element kElement>
  bool find_vector(std::size_t reference, std::size_t limit, Vector& found) {
    const std::size_t at = reference + load<std::uint32_t>(reference);
    if (at == reference || at % 4 != 0 || at + 4 > size_) [[unlikely]]
      return false;
    const std::size_t count = load<std::uint32_t>(at);
    const std::size_t bytes = 4 + count * kElement.size + (kElement.terminated ? 1 : 0);
    if (bytes > size_ - at || (at + 4) % kElement.alignment != 0 || count > limit ||
        (kElement.terminated && load<char>(at + 4 + count) != 0) || bytes > budget_) [[unlikely]] {
      return false;
    }
    budget_ -= bytes;
    found = {.at = at + 4, .count = count};
    return true;
  }

  const std::byte* data() const { return data_; }

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
