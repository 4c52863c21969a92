// Reads tables as their writers mostly make them, without asking anew where each field is.
//
// The vtable of a table that has all its fields but the rare ones (table_fields_internal.h) is
// known when this is compiled. A received table with that very vtable has its fields where ours
// would be: inside of it, aligned and of their sizes. What they refer to is checked as ever. Every
// other table, of another version or another writer, is for the TableReader; both give the same.
#pragma once

#include <cstddef>
#include <cstring>

#include "wire/table_reader_internal.h"
#include "wire/table_writer_internal.h"

namespace flow::wire::internal {

// A table that has Shape::kUsual. What is not said here is read as by any TableReader.
template <typename Shape>
class UsualTable : public TableReader {
 public:
  UsualTable(BufferReader& buffer, const TablePlace& place, flatbuffers::TypeFunction type)
      : TableReader(buffer, place, type), data_(buffer.data() + place.at) {}

  bool has(Field field) const { return offset_of(field) != 0; }

  template <typename T>
  void copy_to(Field field, T& out) const {
    if (!structure(field, out)) out = T{};
  }
  template <typename T>
  bool structure(Field field, T& out) const {
    if (!has(field)) return false;
    std::memcpy(static_cast<void*>(&out), data_ + offset_of(field), sizeof(T));
    return true;
  }
  template <typename T>
  void copy_to(Field field, T& out, std::size_t limit) const {
    copy_at(field, has(field) ? place() + offset_of(field) : 0, out, limit);
  }

 private:
  static Field offset_of(Field field) { return Shape::kUsual[field / sizeof(Field)]; }

  const std::byte* data_;
};

// Calls read(table) with the table at `at`, inside of the buffer, as the first of the shapes that
// it has; else with whatever table is there.
template <typename Shape, typename... Others, typename Read>
void read_usual(BufferReader& buffer, std::size_t at, flatbuffers::TypeFunction type,
                const Read& read) {
  const TablePlace place = buffer.find_table_like(Shape::kUsual, at, Shape::kAlignment);
  if (place.at != 0) {
    read(UsualTable<Shape>(buffer, place, type));
  } else if constexpr (sizeof...(Others) > 0) {
    read_usual<Others...>(buffer, at, type, read);
  } else {
    read(TableReader(buffer, buffer.find_table(at), type));
  }
}

// The same for the root; reads nothing, with a fault, if there is none.
template <typename... Shapes, typename Read>
void read_usual_root(BufferReader& buffer, flatbuffers::TypeFunction type, const Read& read) {
  const std::size_t at = buffer.root();
  if (at != 0) read_usual<Shapes...>(buffer, at, type, read);
}

}  // namespace flow::wire::internal
