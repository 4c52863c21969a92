// Reads the tables of a message's header and checks while it reads.
//
// Headers are small and read once, field by field, so they need no walk beforehand: every offset,
// size and count is checked right before it is used, at any alignment of memory. The first fault is
// kept; from then on everything reads as absent. So: read all fields, then ask status() once.
//
// Every table, vector and string is charged against the size of the buffer, in which each of them
// has bytes of its own; a buffer that shares them runs out, so reading is linear in its size.
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
#include "wire/short_text_internal.h"

namespace flow::wire::internal {

using Field = flatbuffers::voffset_t;

// One table, or none: an absent table has no fields.
class TableReader {
 public:
  TableReader() = default;

  // The root of a buffer; absent, with a fault, if there is none.
  static TableReader root(BufferReader& buffer, flatbuffers::TypeFunction type) {
    const std::size_t at = buffer.root();
    return {buffer, at == 0 ? TablePlace() : buffer.find_table(at), type};
  }

  // A table that the buffer found.
  TableReader(BufferReader& buffer, const TablePlace& place, flatbuffers::TypeFunction type)
      : buffer_(&buffer), type_(type), place_(place) {}

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
    return text_at(field, find(field, 4, 4), limit);
  }

  std::span<const std::byte> bytes(Field field, std::size_t limit) const {
    return bytes_at(field, find(field, 4, 4), limit);
  }

  // The same into what is kept from message to message, where it often is there already.
  template <typename T>
  void copy_to(Field field, T& out) const {
    out = scalar<T>(field);
  }
  template <typename T>  // a text, bytes, or a vector of scalars or structs
  void copy_to(Field field, T& out, std::size_t limit) const {
    copy_at(field, find(field, 4, 4), out, limit);
  }

  TableReader table(Field field, flatbuffers::TypeFunction type) const {
    const std::size_t at = find(field, 4, 4);
    return table_at(at == 0 ? 0 : target(field, at), type);
  }

  // A vector of tables into `out`, reusing its entries: unpack(table, entry) for each.
  template <typename T, typename Unpack>
  void tables(Field field, flatbuffers::TypeFunction type, std::size_t limit, std::vector<T>& out,
              const Unpack& unpack) const {
    places(field, limit, out,
           [this, type, &unpack](std::size_t at, T& entry) { unpack(table_at(at, type), entry); });
  }

  // The same, where they are: unpack(position, entry), 0 for what is at fault.
  template <typename T, typename Unpack>
  void places(Field field, std::size_t limit, std::vector<T>& out, const Unpack& unpack) const {
    const std::size_t at = find(field, 4, 4);
    const Vector found = at == 0 ? Vector() : vector<kReference>(field, at, limit);
    if (out.size() != found.count) out.resize(found.count);
    for (std::size_t i = 0; i < found.count && buffer_->ok(); ++i)
      unpack(target(field, found.at + 4 * i), out[i]);
  }

  // A vector of strings of at most `size_limit` bytes each.
  void texts(Field field, std::size_t limit, std::size_t size_limit,
             std::vector<std::string>& out) const;

  // "<message>: <field> <text>", if it is the first fault.
  void fail(Field field, std::string_view text) const;

  // Calls each(field) for every field that is there, by ascending number, until it returns false.
  template <typename Each>
  void each_field(const Each& each) const {
    const TableReader table = *this;  // which `each` does not know
    for (Field field = 4; field < table.place_.vtable_size; field += sizeof(Field)) {
      if (table.offset_of(field) != 0 && !each(field)) return;
    }
  }

 protected:
  // The same for what refers to it at `at`, 0 when nothing does.
  std::string_view text_at(Field field, std::size_t at, std::size_t limit) const {
    if (at == 0) return {};
    const Vector found = vector<kCharacter>(field, at, limit);
    return {reinterpret_cast<const char*>(buffer_->data_) + found.at, found.count};
  }

  std::span<const std::byte> bytes_at(Field field, std::size_t at, std::size_t limit) const {
    if (at == 0) return {};
    const Vector found = vector<kByte>(field, at, limit);
    return {buffer_->data_ + found.at, found.count};
  }

  // What is read as usual ends without a call that comes back.
  void copy_at(Field field, std::size_t at, std::string& out, std::size_t limit) const {
    if (at == 0) return out.clear();
    Vector found;
    if (!buffer_->find_vector<kCharacter>(at, limit, found)) [[unlikely]]
      return fail_vector(field, at, kCharacter, limit);
    const std::string_view text(reinterpret_cast<const char*>(buffer_->data_) + found.at,
                                found.count);
    if (!same_text(out, text)) out.assign(text);
  }

  void copy_at(Field field, std::size_t at, Bytes& out, std::size_t limit) const {
    out.clear();
    if (at != 0) copy_bytes(field, at, out, limit);
  }

  template <typename T>
  void copy_at(Field field, std::size_t at, std::vector<T>& out, std::size_t limit) const {
    static_assert(std::is_trivially_copyable_v<T>);
    static constexpr Element kElement{sizeof(T), alignof(T), false};
    if (at == 0) return out.clear();
    Vector found;
    if (!buffer_->find_vector<kElement>(at, limit, found)) [[unlikely]]
      return fail_vector(field, at, kElement, limit);
    copy_structs(buffer_->data_ + found.at, found.count, out);
  }

  std::size_t place() const { return place_.at; }

 private:
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

  // The vector that is referred to at `reference`; none, with a fault, if it is not as it must be.
  template <Element kElement>
  Vector vector(Field field, std::size_t reference, std::size_t limit) const {
    Vector found;
    if (!buffer_->find_vector<kElement>(reference, limit, found)) [[unlikely]]
      fail_vector(field, reference, kElement, limit);
    return found;
  }

  TableReader table_at(std::size_t at, flatbuffers::TypeFunction type) const {
    return at == 0 ? TableReader() : TableReader(*buffer_, buffer_->find_table(at), type);
  }

  void copy_bytes(Field field, std::size_t at, Bytes& out, std::size_t limit) const;
  std::string_view name(Field field) const;
  void fail_field(Field field, std::size_t at) const;
  void fail_offset(Field field, std::size_t at, std::size_t to) const;
  void fail_vector(Field field, std::size_t reference, Element element, std::size_t limit) const;
  void fail_enumerator(Field field, unsigned value, unsigned last) const;

  BufferReader* buffer_ = nullptr;
  flatbuffers::TypeFunction type_ = nullptr;
  TablePlace place_;
};

}  // namespace flow::wire::internal
