// Reads the tables of a message's header and checks while it reads.
//
// Headers are small and read once, field by field, so they need no walk beforehand: every offset,
// size and count is checked right before it is used, at any alignment of memory. The first fault is
// kept; from then on everything reads as absent. So: read all fields, then ask status() once.
//
// Every table, vector and string is charged against the size of the buffer, in which each of them
// has bytes of its own; a buffer that shares them runs out, so reading is linear in its size.
//
// Fields are named by the generated constants, fbs::Part::VT_ENDPOINT; the type functions
// (fbs::PartTypeTable) give their names to messages.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"

namespace flow::wire::internal {

using Field = flatbuffers::voffset_t;

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
  void fail_shared();

  const std::byte* data_;
  std::size_t size_;
  std::size_t budget_;
  std::string_view message_;
  std::optional<Error> fault_;
};

// One table, or none: an absent table has no fields.
class TableReader {
 public:
  TableReader() = default;

  // The root of a buffer; absent, with a fault, if there is none.
  static TableReader root(BufferReader& buffer, flatbuffers::TypeFunction type);

  explicit operator bool() const { return position_ != 0; }
  BufferReader& buffer() const { return *buffer_; }

  template <typename T>
  T scalar(Field field, T fallback = T{}) const {
    static_assert(std::is_arithmetic_v<T>);
    const std::size_t at = find(field, sizeof(T), sizeof(T));
    return at == 0 ? fallback : buffer_->load<T>(at);
  }

  bool flag(Field field) const { return scalar<std::uint8_t>(field) != 0; }

  // An enum of one byte; a value above `last` is a fault.
  template <typename E>
  E enumerator(Field field, E last) const {
    const auto value = scalar<std::uint8_t>(field);
    if (value > static_cast<std::uint8_t>(last)) [[unlikely]] {
      fail_enumerator(field, value, static_cast<std::uint8_t>(last));
      return E{};
    }
    return static_cast<E>(value);
  }

  // A struct in the table; false when absent.
  template <typename T>
  bool structure(Field field, T& out) const {
    static_assert(std::is_trivially_copyable_v<T>);
    const std::size_t at = find(field, sizeof(T), alignof(T));
    if (at == 0) return false;
    std::memcpy(static_cast<void*>(&out), buffer_->data_ + at, sizeof(T));
    return true;
  }

  // Whether a string, vector or table is there, be it empty.
  bool refers(Field field) const { return find(field, 4, 4) != 0; }

  // Absent is empty. More than `limit` bytes are a fault.
  std::string_view text(Field field, std::size_t limit) const {
    const Vector found = vector(field, kCharacter, limit);
    return {reinterpret_cast<const char*>(buffer_ == nullptr ? nullptr : buffer_->data_) + found.at,
            found.count};
  }

  std::span<const std::byte> bytes(Field field, std::size_t limit) const {
    const Vector found = vector(field, kByte, limit);
    return {buffer_ == nullptr ? nullptr : buffer_->data_ + found.at, found.count};
  }

  // A vector of scalars or structs, replaces what `out` held. More than `limit` are a fault.
  template <typename T>
  void copy_to(Field field, std::vector<T>& out, std::size_t limit) const {
    static_assert(std::is_trivially_copyable_v<T>);
    const Vector found = vector(field, {sizeof(T), alignof(T), false}, limit);
    out.resize(found.count);
    if (found.count == 0) return;
    std::memcpy(static_cast<void*>(out.data()), buffer_->data_ + found.at, found.count * sizeof(T));
  }

  TableReader table(Field field, flatbuffers::TypeFunction type) const {
    const std::size_t at = follow(field);
    return at == 0 ? TableReader() : open(*buffer_, at, type);
  }

  // A vector of tables into `out`, reusing its entries: unpack(table, entry) for each.
  template <typename T, typename Unpack>
  void tables(Field field, flatbuffers::TypeFunction type, std::size_t limit, std::vector<T>& out,
              Unpack&& unpack) const {
    const Vector found = vector(field, kReference, limit);
    out.resize(found.count);
    for (std::size_t i = 0; i < found.count && buffer_->ok(); ++i) {
      const std::size_t at = target(field, found.at + 4 * i);
      unpack(at == 0 ? TableReader() : open(*buffer_, at, type), out[i]);
    }
  }

  // A vector of strings of at most `size_limit` bytes each.
  void texts(Field field, std::size_t limit, std::size_t size_limit,
             std::vector<std::string>& out) const;

  // "<message>: <field> <text>", if it is the first fault.
  void fail(Field field, std::string_view text) const;

 private:
  struct Element {
    std::size_t size;
    std::size_t alignment;
    bool terminated;  // a string: a zero follows
  };
  struct Vector {
    std::size_t at = 0;  // of the first element
    std::size_t count = 0;
  };
  static constexpr Element kByte{1, 1, false};
  static constexpr Element kCharacter{1, 1, true};
  static constexpr Element kReference{4, 4, false};

  static TableReader open(BufferReader& buffer, std::size_t at, flatbuffers::TypeFunction type);

  // Position of an inline field, 0 when absent.
  std::size_t find(Field field, std::size_t size, std::size_t alignment) const {
    if (field >= vtable_size_) return 0;
    const std::size_t offset = buffer_->load<std::uint16_t>(vtable_ + field);
    if (offset == 0) return 0;
    const std::size_t at = position_ + offset;
    if (offset < 4 || offset + size > table_size_ || at % alignment != 0) [[unlikely]] {
      fail_field(field, at);
      return 0;
    }
    return at;
  }

  // Position that the offset at `at` points to, 0 with a fault when it is outside.
  std::size_t target(Field field, std::size_t at) const {
    const std::size_t to = at + buffer_->load<std::uint32_t>(at);
    if (to == at || to % 4 != 0 || to + 4 > buffer_->size_) [[unlikely]] {
      fail_offset(field, at, to);
      return 0;
    }
    return to;
  }

  std::size_t follow(Field field) const {
    const std::size_t at = find(field, 4, 4);
    return at == 0 ? 0 : target(field, at);
  }

  Vector vector(Field field, Element element, std::size_t limit) const {
    const std::size_t at = follow(field);
    return at == 0 ? Vector{} : vector_at(field, at, element, limit);
  }

  Vector vector_at(Field field, std::size_t at, Element element, std::size_t limit) const {
    const std::size_t count = buffer_->load<std::uint32_t>(at);
    const std::size_t bytes = count * element.size + (element.terminated ? 1 : 0);
    if (bytes > buffer_->size_ - at - 4 || (at + 4) % element.alignment != 0) [[unlikely]] {
      fail_vector(field, at, count);
      return {};
    }
    if (count > limit) [[unlikely]] {
      fail_limit(field, element, count, limit);
      return {};
    }
    if (element.terminated && buffer_->load<char>(at + 4 + count) != 0) [[unlikely]] {
      fail(field, "does not end with a zero");
      return {};
    }
    if (!buffer_->charge(4 + bytes)) return {};
    return {.at = at + 4, .count = count};
  }

  std::string_view name(Field field) const;
  void fail_field(Field field, std::size_t at) const;
  void fail_offset(Field field, std::size_t at, std::size_t to) const;
  void fail_vector(Field field, std::size_t at, std::size_t count) const;
  void fail_limit(Field field, Element element, std::size_t count, std::size_t limit) const;
  void fail_enumerator(Field field, unsigned value, unsigned last) const;

  BufferReader* buffer_ = nullptr;
  flatbuffers::TypeFunction type_ = nullptr;
  std::size_t position_ = 0;  // 0: absent; the root offset is there
  std::size_t table_size_ = 0;
  std::size_t vtable_ = 0;
  std::size_t vtable_size_ = 0;  // even
};

}  // namespace flow::wire::internal
