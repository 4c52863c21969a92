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
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "wire/buffer_reader_internal.h"

namespace flow::wire::internal {

using Field = flatbuffers::voffset_t;

// One table, or none: an absent table has no fields.
class TableReader {
 public:
  TableReader() = default;

  // The root of a buffer; absent, with a fault, if there is none.
  static TableReader root(BufferReader& buffer, flatbuffers::TypeFunction type) {
    return TableReader(buffer, buffer.find_root(), type);
  }

  explicit operator bool() const { return place_.at != 0; }
  BufferReader& buffer() const { return *buffer_; }

  template <typename T>
  [[gnu::always_inline]] T scalar(Field field, T fallback = T{}) const {
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

  // Whether the field is there; it may yet be at fault.
  bool has(Field field) const { return offset_of(field) != 0; }

  // Whether a string, vector or table is there, be it empty.
  bool refers(Field field) const { return find(field, 4, 4) != 0; }

  // Absent is empty. More than `limit` bytes are a fault.
  std::string_view text(Field field, std::size_t limit) const {
    if (!has(field)) return {};
    const Vector found = vector<kCharacter>(field, limit);
    return {reinterpret_cast<const char*>(buffer_->data_) + found.at, found.count};
  }

  std::span<const std::byte> bytes(Field field, std::size_t limit) const {
    if (!has(field)) return {};
    const Vector found = vector<kByte>(field, limit);
    return {buffer_->data_ + found.at, found.count};
  }

  // The same into what is kept from message to message, where it often is there already.
  void copy_to(Field field, std::string& out, std::size_t limit) const {
    if (const std::string_view found = text(field, limit); out != found) out.assign(found);
  }

  void copy_to(Field field, Bytes& out, std::size_t limit) const {
    out.clear();
    if (has(field)) out = present_bytes(field, limit);
  }

  // A vector of scalars or structs, replaces what `out` held. More than `limit` are a fault.
  template <typename T>
  void copy_to(Field field, std::vector<T>& out, std::size_t limit) const {
    static_assert(std::is_trivially_copyable_v<T>);
    if (!has(field)) {
      out.clear();
      return;
    }
    const Vector found = vector<Element{sizeof(T), alignof(T), false}>(field, limit);
    if (out.size() != found.count) out.resize(found.count);
    // One by one: they are few, and copying a number of bytes that is not known begins slowly.
    const std::byte* from = buffer_->data_ + found.at;
    for (T& one : out) {
      std::memcpy(static_cast<void*>(&one), from, sizeof(T));
      from += sizeof(T);
    }
  }

  TableReader table(Field field, flatbuffers::TypeFunction type) const {
    const std::size_t at = follow(field);
    return at == 0 ? TableReader() : TableReader(*buffer_, buffer_->find_table(at), type);
  }

  // A vector of tables into `out`, reusing its entries: unpack(table, entry) for each.
  template <typename T, typename Unpack>
  void tables(Field field, flatbuffers::TypeFunction type, std::size_t limit, std::vector<T>& out,
              Unpack&& unpack) const {
    if (!has(field)) {
      out.clear();
      return;
    }
    const Vector found = vector<kReference>(field, limit);
    out.resize(found.count);
    for (std::size_t i = 0; i < found.count && buffer_->ok(); ++i) {
      const std::size_t at = target(field, found.at + 4 * i);
      unpack(at == 0 ? TableReader() : TableReader(*buffer_, buffer_->find_table(at), type),
             out[i]);
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

  TableReader(BufferReader& buffer, const TablePlace& place, flatbuffers::TypeFunction type)
      : buffer_(&buffer), type_(type), place_(place) {}

  // As the vtable says it, unchecked; 0 when absent.
  std::size_t offset_of(Field field) const {
    if (field >= place_.vtable_size) return 0;
    std::uint16_t offset;
    std::memcpy(&offset, place_.vtable + field, sizeof offset);
    return offset;
  }

  // Position of an inline field, 0 when absent.
  [[gnu::always_inline]] std::size_t find(Field field, std::size_t size,
                                          std::size_t alignment) const {
    const std::size_t offset = offset_of(field);
    if (offset == 0) return 0;
    const std::size_t at = place_.at + offset;
    if (offset < 4 || offset + size > place_.size || at % alignment != 0) [[unlikely]] {
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

  template <Element kElement>
  Vector vector(Field field, std::size_t limit) const {
    const std::size_t at = follow(field);
    return at == 0 ? Vector{} : vector_at<kElement>(field, at, limit);
  }

  template <Element kElement>
  Vector vector_at(Field field, std::size_t at, std::size_t limit) const {
    const std::size_t count = buffer_->load<std::uint32_t>(at);
    const std::size_t bytes = count * kElement.size + (kElement.terminated ? 1 : 0);
    if (bytes > buffer_->size_ - at - 4 || (at + 4) % kElement.alignment != 0) [[unlikely]] {
      fail_vector(field, at, count);
      return {};
    }
    if (count > limit) [[unlikely]] {
      fail_limit(field, kElement, count, limit);
      return {};
    }
    if (kElement.terminated && buffer_->load<char>(at + 4 + count) != 0) [[unlikely]] {
      fail(field, "does not end with a zero");
      return {};
    }
    if (!buffer_->charge(4 + bytes)) return {};
    return {.at = at + 4, .count = count};
  }

  Bytes present_bytes(Field field, std::size_t limit) const;
  std::string_view name(Field field) const;
  void fail_field(Field field, std::size_t at) const;
  void fail_offset(Field field, std::size_t at, std::size_t to) const;
  void fail_vector(Field field, std::size_t at, std::size_t count) const;
  void fail_limit(Field field, Element element, std::size_t count, std::size_t limit) const;
  void fail_enumerator(Field field, unsigned value, unsigned last) const;

  BufferReader* buffer_ = nullptr;
  flatbuffers::TypeFunction type_ = nullptr;
  TablePlace place_;
};

}  // namespace flow::wire::internal
