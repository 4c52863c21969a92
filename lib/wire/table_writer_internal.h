// Writes a message from front to back: the counterpart of table_reader_internal.h.
//
// A table is written in one go: its fields one behind the other, its vtable, then what the fields
// refer to; so every offset points forwards, as FlatBuffers has it. Nothing is moved, and only
// offsets are filled in later. What fields there are is said in table_fields_internal.h:
//
//   writer.write(Kind::kRequest, /*target=*/0, &payload,
//                std::tuple(number<fbs::Request::VT_ID>(id),
//                           text<fbs::Request::VT_ENDPOINT>(endpoint)));
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/frames.h"
#include "wire/byte_buffer.h"
#include "wire/envelope.h"

namespace flow::wire::internal {

using Field = flatbuffers::voffset_t;

// What is known of a table with these fields when it is compiled.
template <typename Tuple>
struct TableShape;

template <typename... Fields>
struct TableShape<std::tuple<Fields...>> {
  // Two sizes, then where each field is in the table; 0: it is absent.
  using Vtable = std::array<Field, (std::max({Field{2}, Fields::kField...}) + 2U) / sizeof(Field)>;
  static constexpr std::size_t kAlignment = std::max({std::size_t{4}, Fields::kAlignment...});
  static constexpr std::size_t kMost = 4 + (0 + ... + Fields::kSize) + 4 + sizeof(Vtable) + 2;

  static constexpr bool descends() {
    [[maybe_unused]] std::size_t before = kAlignment;
    return ((std::exchange(before, Fields::kAlignment) >= Fields::kAlignment) && ...);
  }
};

// Makes messages, one at a time, in one buffer that it keeps.
class MessageWriter {
 public:
  // A message whose header is a table of `fields`; valid until the next call and while `payload`
  // lives. `payload` may be null.
  template <typename Tuple>
  Frames write(Kind kind, std::uint32_t target, const Bytes* payload, const Tuple& fields) {
    buffer_.clear();
    put(buffer_.extend(kEnvelopeSize + kOffset) + kEnvelopeSize,
        kOffset);  // of the table behind it
    table(fields);
    return seal(kind, target, payload);
  }

  // For fields: each appends what one of them refers to and returns the position.
  std::size_t text(std::string_view text);
  std::size_t elements(const void* data, std::size_t count, std::size_t size,
                       std::size_t alignment);
  template <typename Tuple>
  std::size_t table(const Tuple& fields) {
    Written<typename TableShape<Tuple>::Vtable> none;
    return table_like(none, fields);
  }
  // `pack(entry)` is the fields of each.
  template <typename T, typename Pack>
  std::size_t tables(const std::vector<T>& entries, const Pack& pack) {
    Written<typename TableShape<std::invoke_result_t<const Pack&, const T&>>::Vtable> last;
    const std::size_t at = buffer_.size();
    put(buffer_.extend(kOffset * (1 + entries.size())),
        static_cast<flatbuffers::uoffset_t>(entries.size()));
    for (std::size_t i = 0; i < entries.size(); ++i)
      refer(at + kOffset * (1 + i), table_like(last, pack(entries[i])));
    return at;
  }

 private:
  static constexpr std::uint32_t kOffset = sizeof(flatbuffers::uoffset_t);

  template <typename Vtable>
  struct Written {
    Vtable vtable{};
    std::size_t at = 0;  // 0: not written
  };

  // Appends a table. Its vtable is `last` if that is the same; else it is written and is the last.
  template <typename Vtable, typename Tuple>
  std::size_t table_like(Written<Vtable>& last, const Tuple& fields) {
    static_assert(TableShape<Tuple>::descends(), "give fields by descending alignment");
    align(TableShape<Tuple>::kAlignment);
    const std::size_t at = buffer_.size();
    std::byte* table = buffer_.room(TableShape<Tuple>::kMost);
    std::size_t end = kOffset;
    Vtable vtable{};
    std::apply([&](const auto&... field) { (place(field, table, end, vtable), ...); }, fields);
    put(table + end, std::uint32_t{0});
    end = (end + 3) / 4 * 4;
    vtable[0] = sizeof vtable;
    vtable[1] = static_cast<Field>(end);
    if (last.at == 0 || last.vtable != vtable) {
      last = {vtable, at + end};
      put(table + end, vtable);
      put(table + end + sizeof vtable, Field{0});
      end += (sizeof vtable + 3) / 4 * 4;
    }
    put(table, static_cast<flatbuffers::soffset_t>(at - last.at));
    buffer_.advance(end);
    std::apply([&](const auto&... field) { (follow(field, at, vtable), ...); }, fields);
    return at;
  }

  template <typename One, typename Vtable>
  static void place(const One& field, std::byte* table, std::size_t& end, Vtable& vtable) {
    if (!field.there()) return;
    vtable[One::kField / sizeof(Field)] = static_cast<Field>(end);
    if constexpr (!One::kRefers) put(table + end, field.value);
    end += One::kSize;
  }

  template <typename One, typename Vtable>
  void follow(const One& field, std::size_t table, const Vtable& vtable) {
    if constexpr (One::kRefers) {
      if (field.there()) refer(table + vtable[One::kField / sizeof(Field)], field.append(*this));
    }
  }

  void refer(std::size_t at, std::size_t to) {
    put(buffer_.data() + at, static_cast<flatbuffers::uoffset_t>(to - at));
  }

  // Tables and vectors begin 4 bytes before a multiple of what is aligned most in them.
  void align(std::size_t alignment) {
    if (alignment > 4 && buffer_.size() % alignment == 0) put(buffer_.extend(4), std::uint32_t{0});
  }

  template <typename T>
  static void put(std::byte* at, const T& value) {
    std::memcpy(at, &value, sizeof value);
  }

  Frames seal(Kind kind, std::uint32_t target, const Bytes* payload);

  ByteBuffer buffer_;  // between any two of its tables, vectors and strings a multiple of 4 bytes
};

}  // namespace flow::wire::internal
