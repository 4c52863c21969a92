// Writes a message from front to back: the counterpart of table_reader_internal.h.
//
// A table is written in one go: its fields one behind the other, its vtable, then what the fields
// refer to; so every offset points forwards, as FlatBuffers has it. Nothing is moved, and only
// offsets are filled in later. What fields there are is said in table_fields_internal.h:
//
//   writer.write(Kind::kRequest, /*target=*/0, &payload, [&] {
//     return std::tuple(number<fbs::Request::VT_ID>(id),
//                       text<fbs::Request::VT_ENDPOINT>(endpoint));
//   });
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

  // Whether each field is there, by position.
  using There = std::array<bool, sizeof...(Fields)>;
  static There there(const std::tuple<Fields...>& fields) {
    return std::apply([](const Fields&... field) { return There{field.there()...}; }, fields);
  }
  static bool is_usual(const std::tuple<Fields...>& fields) {
    return std::apply(
        [](const Fields&... field) { return ((field.there() != Fields::kRare) && ...); }, fields);
  }

  // The vtable of a table that has the fields for which `there` says so, by position.
  static constexpr Vtable vtable_of(const There& there) {
    Vtable vtable{};
    std::size_t end = 4;
    [[maybe_unused]] std::size_t position = 0;
    ((there[position++] ? void(vtable[Fields::kField / sizeof(Field)] =
                                   static_cast<Field>(std::exchange(end, end + Fields::kSize)))
                        : void()),
     ...);
    vtable[0] = sizeof vtable;
    vtable[1] = static_cast<Field>((end + 3) / 4 * 4);
    return vtable;
  }

  // Of one that has all but the rare ones, as most have.
  static constexpr Vtable kUsual = vtable_of({!Fields::kRare...});
  struct Usual {
    static constexpr Vtable vtable = kUsual;
  };
  struct Any {
    Vtable vtable;
  };

  static constexpr bool descends() {
    [[maybe_unused]] std::size_t before = kAlignment;
    return ((std::exchange(before, Fields::kAlignment) >= Fields::kAlignment) && ...);
  }
};

// Makes messages, one at a time, in one buffer that it keeps.
class MessageWriter {
 public:
  // A message whose header is a table of the fields that `make` returns, as a tuple, whenever it is
  // asked; valid until the next call and while `payload` lives. `payload` may be null.
  template <typename Make>
  Frames write(Kind kind, std::uint32_t target, const Bytes* payload, const Make& make) {
    buffer_.clear();
    put(buffer_.extend(kEnvelopeSize + kOffset) + kEnvelopeSize,
        kOffset);  // of the table behind it
    table(make);
    return seal(kind, target, payload);
  }

  // For fields: each appends what one of them refers to and returns the position.
  std::size_t text(std::string_view text);
  template <typename T>
  std::size_t elements(const T* data, std::size_t count) {
    const std::size_t at = begin_elements(count, sizeof(T), alignof(T));
    std::byte* to = buffer_.data() + at + 4;
    if constexpr (sizeof(T) < 4) {
      std::memcpy(to, data, count * sizeof(T));
    } else {  // one by one: they are few, and copying a number of bytes not known begins slowly
      for (std::size_t i = 0; i < count; ++i)
        put(to + i * sizeof(T), data[i]);
    }
    return at;
  }
  template <typename Make>
  std::size_t table(const Make& make) {
    Written<typename TableShape<std::invoke_result_t<const Make&>>::Vtable> none;
    return table_like(none, make);
  }
  // `pack(entry)` is the fields of each.
  template <typename T, typename Pack>
  std::size_t tables(const std::vector<T>& entries, const Pack& pack) {
    Written<typename TableShape<std::invoke_result_t<const Pack&, const T&>>::Vtable> last;
    const std::size_t at = buffer_.size();
    put(buffer_.extend(kOffset * (1 + entries.size())),
        static_cast<flatbuffers::uoffset_t>(entries.size()));
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const auto make = [&pack, &entry = entries[i]] { return pack(entry); };
      refer(at + kOffset * (1 + i), table_like(last, make));
    }
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
  // Fields are made for each use of them, so that they need not be in memory.
  template <typename Vtable, typename Make>
  std::size_t table_like(Written<Vtable>& last, const Make& make) {
    using Shape = TableShape<std::invoke_result_t<const Make&>>;
    static_assert(Shape::descends(), "give fields by descending alignment");
    if (Shape::is_usual(make())) [[likely]]
      return append(typename Shape::Usual{}, last, make());
    return append_unusual(last, make);
  }

  template <typename Vtable, typename Make>
  [[gnu::noinline]] std::size_t append_unusual(Written<Vtable>& last, const Make& make) {
    using Shape = TableShape<std::invoke_result_t<const Make&>>;
    const auto fields = make();
    return append(typename Shape::Any{Shape::vtable_of(Shape::there(fields))}, last, fields);
  }

  template <typename Form, typename Vtable, typename Tuple>
  std::size_t append(const Form& form, Written<Vtable>& last, const Tuple& fields) {
    using Shape = TableShape<Tuple>;
    align(Shape::kAlignment);
    const std::size_t at = buffer_.size();
    std::byte* table = buffer_.room(Shape::kMost);
    std::size_t end = form.vtable[1];
    put(table + end - 4, std::uint32_t{0});
    std::apply([&](const auto&... field) { (place(field, form, table), ...); }, fields);
    if (last.at == 0 || last.vtable != form.vtable) {
      last = {form.vtable, at + end};
      put(table + end, form.vtable);
      put(table + end + sizeof form.vtable, Field{0});
      end += (sizeof form.vtable + 3) / 4 * 4;
    }
    put(table, static_cast<flatbuffers::soffset_t>(at - last.at));
    buffer_.advance(end);
    std::apply([&](const auto&... field) { (follow(field, form, at), ...); }, fields);
    return at;
  }

  template <typename One, typename Form>
  static void place(const One& field, const Form& form, std::byte* table) {
    const Field offset = form.vtable[One::kField / sizeof(Field)];
    if constexpr (!One::kRefers) {
      if (offset != 0) put(table + offset, field.get());
    }
  }

  template <typename One, typename Form>
  void follow(const One& field, const Form& form, std::size_t table) {
    const Field offset = form.vtable[One::kField / sizeof(Field)];
    if constexpr (One::kRefers) {
      if (offset != 0) refer(table + offset, field.append(*this));
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

  std::size_t begin_elements(std::size_t count, std::size_t size, std::size_t alignment);
  Frames seal(Kind kind, std::uint32_t target, const Bytes* payload);

  // text() after making room: apart, so that texts for which there is room call nothing.
  [[gnu::noinline]] std::size_t text_grown(std::string_view text);

  ByteBuffer buffer_;  // between any two of its tables, vectors and strings a multiple of 4 bytes
};

}  // namespace flow::wire::internal
