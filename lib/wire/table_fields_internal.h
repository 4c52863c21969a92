// The fields of a table that is to be written (table_writer_internal.h): which it is, by the
// generated constant, and its value. A field's type is that of its value: that the schema says the
// same is for tests to see, by the generated accessors. Fields are given by descending alignment,
// so that there are no gaps between them (checked when compiled); what is referred to has 4.
//
// Texts, vectors and tables are not copied: they must live until the message is written.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "wire/table_writer_internal.h"

namespace flow::wire::internal {

// What is in the table itself.
template <Field kAt, typename T>
struct InlineField {
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 8);
  static constexpr Field kField = kAt;
  static constexpr std::size_t kSize = sizeof(T);
  static constexpr std::size_t kAlignment = alignof(T);
  static constexpr bool kRefers = false;
  static constexpr bool kRare = false;

  T value;
  bool is_there = true;

  bool there() const { return is_there; }
  const T& get() const { return value; }
};

// A struct that kMake makes of `from`, not before it is written.
template <Field kAt, auto kMake, typename From>
struct MadeField {
  using T = std::invoke_result_t<decltype(kMake), const From&>;
  static constexpr Field kField = kAt;
  static constexpr std::size_t kSize = sizeof(T);
  static constexpr std::size_t kAlignment = alignof(T);
  static constexpr bool kRefers = false;
  static constexpr bool kRare = false;

  const From& from;

  bool there() const { return true; }
  T get() const { return kMake(from); }
};

// What the table refers to.
template <Field kAt>
struct ReferenceField {
  static constexpr Field kField = kAt;
  static constexpr std::size_t kSize = sizeof(flatbuffers::uoffset_t);
  static constexpr std::size_t kAlignment = kSize;
  static constexpr bool kRefers = true;
  static constexpr bool kRare = false;
};

template <Field kAt>
struct TextField : ReferenceField<kAt> {
  explicit TextField(std::string_view text) : value(text) {}
  bool there() const { return !value.empty(); }
  std::size_t append(MessageWriter& writer) const { return writer.text(value); }

  std::string_view value;
};

// A vector of numbers or structs: a std::vector of them, or Bytes.
template <Field kAt, typename Range>
struct ElementsField : ReferenceField<kAt> {
  using T = std::remove_pointer_t<decltype(std::declval<const Range&>().data())>;
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 8);
  explicit ElementsField(const Range& elements) : value(elements) {}
  bool there() const { return !value.empty(); }
  std::size_t append(MessageWriter& writer) const {
    return writer.elements(value.data(), value.size());
  }

  const Range& value;
};

template <Field kAt, typename T, typename Pack>
struct TableField : ReferenceField<kAt> {
  TableField(const T* table, Pack how) : value(table), pack(how) {}
  bool there() const { return value != nullptr; }
  std::size_t append(MessageWriter& writer) const {
    return writer.table([this] { return pack(*value); });
  }

  const T* value;
  Pack pack;
};

template <Field kAt, typename T, typename Pack>
struct TablesField : ReferenceField<kAt> {
  TablesField(const std::vector<T>& tables, Pack how) : value(tables), pack(how) {}
  bool there() const { return !value.empty(); }
  std::size_t append(MessageWriter& writer) const { return writer.tables(value, pack); }

  const std::vector<T>& value;
  Pack pack;
};

// What most tables do without. It changes no table: where the fields are that are there as usual is
// known when this is compiled.
template <typename One>
struct RareField : One {
  static constexpr bool kRare = true;
  explicit RareField(const One& field) : One(field) {}
};

template <typename One>
RareField<One> rare(const One& field) {
  return RareField<One>(field);
}
template <bool kRare, typename One>
auto rare_if(const One& field) {
  if constexpr (kRare) {
    return RareField<One>(field);
  } else {
    return field;
  }
}

template <Field kAt, typename T>
InlineField<kAt, T> number(T value) {
  static_assert(std::is_arithmetic_v<T>);
  return {value, true};
}

// A struct of the schema, or ours of the same layout.
template <Field kAt, typename T>
InlineField<kAt, T> structure(const T& value, bool there = true) {
  return {value, there};
}

template <Field kAt, auto kMake, typename From>
MadeField<kAt, kMake, From> made(const From& from) {
  return {from};
}

// Empty is absent, for these and vectors of tables.
template <Field kAt>
TextField<kAt> text(std::string_view value) {
  return TextField<kAt>(value);
}
template <Field kAt, typename Range>
ElementsField<kAt, Range> elements(const Range& value) {
  return ElementsField<kAt, Range>(value);
}

// `pack(value)` is the tuple of its fields. Null is absent.
template <Field kAt, typename T, typename Pack>
TableField<kAt, T, Pack> table(const T* value, Pack pack) {
  return {value, pack};
}
template <Field kAt, typename T, typename Pack>
TablesField<kAt, T, Pack> tables(const std::vector<T>& values, Pack pack) {
  return {values, pack};
}

}  // namespace flow::wire::internal
