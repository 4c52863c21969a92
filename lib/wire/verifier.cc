#include "wire/verifier.h"

#include <flatbuffers/flatbuffers.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace flow::wire {
namespace {

using flatbuffers::ElementaryType;
using flatbuffers::TypeCode;
using flatbuffers::TypeTable;

constexpr std::size_t kMaxBuffer = 0x7FFFFFFF;

// Shared strings and vectors are visited once for each use. Together they may come to this many
// times the buffer, so that whoever decodes it needs no more memory than that.
constexpr std::size_t kMaxSharing = 4;

// Sizes of the scalar types, in flatbuffers' order of ElementaryType.
constexpr std::size_t kScalarSizes[] = {1, 1, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8};

struct Struct {
  std::size_t size;
  std::size_t alignment;
};

Struct struct_layout(const TypeTable& type) {
  Struct layout{.size = static_cast<std::size_t>(type.values[type.num_elems]), .alignment = 1};
  for (std::size_t i = 0; i < type.num_elems; ++i) {
    const TypeCode& code = type.type_codes[i];
    const auto alignment = code.base_type < flatbuffers::ET_STRING
                               ? kScalarSizes[code.base_type]
                               : struct_layout(*type.type_refs[code.sequence_ref]()).alignment;
    layout.alignment = std::max(layout.alignment, alignment);
  }
  return layout;
}

// One walk over one buffer. Every function returns whether all is well; the first fault is kept.
class Walk {
 public:
  Walk(std::span<const std::byte> buffer, const VerifyLimits& limits)
      : data_(buffer.data()),
        size_(buffer.size()),
        tables_left_(limits.tables),
        elements_left_(limits.elements == 0 ? buffer.size() / 4 : limits.elements),
        bytes_left_(buffer.size() * kMaxSharing) {}

  bool root(const TypeTable& type, int depth) {
    if (size_ < 8 || size_ > kMaxBuffer) return fail(0, "its size is impossible");
    std::size_t table_at = 0;
    return target(0, table_at) && table(table_at, type, depth);
  }

  std::size_t where() const { return where_; }
  std::string_view what() const { return what_; }

 private:
  template <typename T>
  T read(std::size_t at) const {
    T value;
    std::memcpy(&value, data_ + at, sizeof value);
    return value;
  }

  bool fail(std::size_t where, std::string_view what) {
    where_ = where;
    what_ = what;
    return false;
  }

  bool spend_bytes(std::size_t at, std::size_t count) {
    if (count > bytes_left_) return fail(at, "parts are shared too often");
    bytes_left_ -= count;
    return true;
  }

  // Follows the offset at `at`, which is known to lie inside.
  bool target(std::size_t at, std::size_t& result) {
    const auto offset = read<std::uint32_t>(at);
    result = at + offset;
    if (offset == 0 || result > size_ - 4) return fail(at, "an offset points outside");
    if (result % 4 != 0) return fail(at, "an offset is not aligned");
    return true;
  }

  bool table(std::size_t at, const TypeTable& type, int depth) {
    if (depth <= 0) return fail(at, "tables are nested too deeply");
    if (tables_left_-- == 0) return fail(at, "too many tables");
    const std::int64_t vtable_at = static_cast<std::int64_t>(at) - read<std::int32_t>(at);
    if (vtable_at < 0 || vtable_at > static_cast<std::int64_t>(size_) - 4 || vtable_at % 2 != 0) {
      return fail(at, "a table's layout lies outside");
    }
    const auto vtable = static_cast<std::size_t>(vtable_at);
    const std::size_t vtable_size = read<std::uint16_t>(vtable);
    const std::size_t table_size = read<std::uint16_t>(vtable + 2);
    if (vtable_size < 4 || vtable_size % 2 != 0 || vtable_size > size_ - vtable) {
      return fail(vtable, "a table's layout has an impossible size");
    }
    if (table_size < 4 || table_size > size_ - at) {
      return fail(at, "a table has an impossible size");
    }
    if (!spend_bytes(at, table_size)) return false;
    const std::size_t known = std::min(type.num_elems, vtable_size / 2 - 2);
    for (std::size_t i = 0; i < known; ++i) {
      const std::size_t offset = read<std::uint16_t>(vtable + 4 + 2 * i);
      if (offset == 0) continue;
      if (!field(at, offset, table_size, type, type.type_codes[i], depth)) return false;
    }
    return true;
  }

  bool inside(std::size_t table_at, std::size_t offset, std::size_t table_size, std::size_t size,
              std::size_t alignment) {
    if (offset < 4 || offset + size > table_size) {
      return fail(table_at, "a field lies outside of its table");
    }
    return (table_at + offset) % alignment == 0 || fail(table_at, "a field is not aligned");
  }

  bool field(std::size_t table_at, std::size_t offset, std::size_t table_size,
             const TypeTable& type, TypeCode code, int depth) {
    const std::size_t at = table_at + offset;
    if (code.is_repeating == 0 && code.base_type < flatbuffers::ET_STRING) {
      const std::size_t size = kScalarSizes[code.base_type];
      return inside(table_at, offset, table_size, size, size);
    }
    const TypeTable* of =
        code.base_type == flatbuffers::ET_SEQUENCE ? type.type_refs[code.sequence_ref]() : nullptr;
    if (code.is_repeating == 0 && of != nullptr && of->st == flatbuffers::ST_STRUCT) {
      const Struct layout = struct_layout(*of);
      return inside(table_at, offset, table_size, layout.size, layout.alignment);
    }
    std::size_t target_at = 0;
    if (!inside(table_at, offset, table_size, 4, 4) || !target(at, target_at)) return false;
    if (code.is_repeating != 0) return vector(target_at, code, of, depth);
    if (of == nullptr) return string(target_at);
    if (of->st != flatbuffers::ST_TABLE) return fail(at, "a union, which no schema has");
    return table(target_at, *of, depth - 1);
  }

  bool string(std::size_t at) {
    const std::size_t length = read<std::uint32_t>(at);
    if (length >= size_ - at - 4) return fail(at, "a string ends outside");
    if (read<char>(at + 4 + length) != '\0') return fail(at, "a string is not terminated");
    return spend_bytes(at, 4 + length);
  }

  bool vector(std::size_t at, TypeCode code, const TypeTable* of, int depth) {
    Struct element{.size = 4, .alignment = 4};
    if (code.base_type < flatbuffers::ET_STRING) {
      element = {.size = kScalarSizes[code.base_type], .alignment = kScalarSizes[code.base_type]};
    } else if (of != nullptr && of->st == flatbuffers::ST_STRUCT) {
      element = struct_layout(*of);
    }
    const std::size_t count = read<std::uint32_t>(at);
    if (count > (size_ - at - 4) / element.size) return fail(at, "a vector ends outside");
    if (count != 0 && (at + 4) % element.alignment != 0) return fail(at, "a vector is not aligned");
    if (!spend_bytes(at, 4 + count * element.size)) return false;
    const bool of_offsets = code.base_type == flatbuffers::ET_STRING ||
                            (of != nullptr && of->st == flatbuffers::ST_TABLE);
    return !of_offsets || offsets(at + 4, count, of, depth);
  }

  // The elements of a vector of strings (`of` is null) or tables.
  bool offsets(std::size_t first, std::size_t count, const TypeTable* of, int depth) {
    if (count > elements_left_) return fail(first, "too many elements");
    elements_left_ -= count;
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t at = 0;
      if (!target(first + 4 * i, at)) return false;
      if (!(of == nullptr ? string(at) : table(at, *of, depth - 1))) return false;
    }
    return true;
  }

  const std::byte* data_;
  std::size_t size_;
  std::size_t tables_left_;
  std::size_t elements_left_;
  std::size_t bytes_left_;
  std::size_t where_ = 0;
  std::string_view what_;
};

}  // namespace

Status verify(std::span<const std::byte> buffer, const TypeTable& root,
              const VerifyLimits& limits) {
  Walk walk(buffer, limits);
  if (walk.root(root, limits.depth)) return {};
  return Error{Errc::kInvalidArgument, fmt::format("not a valid buffer: {} (byte {} of {})",
                                                   walk.what(), walk.where(), buffer.size())};
}

}  // namespace flow::wire
