// Values inside of FlatBuffers buffers, for the sources of this folder.
#pragma once

#include <schemas/document_generated.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/value.h"

namespace flow::wire {

// Lists and maps in a Value that came over the wire (JSON allows as many), and its own table.
inline constexpr int kMaxValueDepth = 66;

inline std::string_view view_of(const flatbuffers::String* text) {
  return text == nullptr ? std::string_view() : std::string_view(text->c_str(), text->size());
}

inline std::string_view view_of(const flatbuffers::Vector<std::uint8_t>* bytes) {
  if (bytes == nullptr || bytes->size() == 0) return {};
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

template <typename T>
std::size_t size_of(const flatbuffers::Vector<T>* vector) {
  return vector == nullptr ? 0 : vector->size();
}

flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> build_bytes(
    flatbuffers::FlatBufferBuilder& builder, std::string_view bytes);
flatbuffers::Offset<fbs::Value> build_value(flatbuffers::FlatBufferBuilder& builder,
                                            const Value& value);
flatbuffers::Offset<fbs::Value> build_map(flatbuffers::FlatBufferBuilder& builder,
                                          const ValueMap& map);

// What a verified buffer may still have wrong: unknown kinds, keys that do not fit the items,
// repeated keys. Nothing when all is well. Only values that passed may be read.
std::optional<std::string> fault_of_value(const fbs::Value& value);
std::optional<std::string> fault_of_map(const fbs::Value& value);

Value read_value(const fbs::Value& value);
ValueMap read_map(const fbs::Value& value);

// The first of `count` names (`name(i)`) that is there twice.
template <typename Name>
std::optional<std::string_view> first_repeated(std::size_t count, Name&& name) {
  constexpr std::size_t kFew = 16;
  if (count > kFew) {
    std::unordered_set<std::string_view> seen(count);
    for (std::size_t i = 0; i < count; ++i) {
      if (!seen.insert(name(i)).second) return name(i);
    }
    return std::nullopt;
  }
  for (std::size_t i = 1; i < count; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (name(i) == name(j)) return name(i);
    }
  }
  return std::nullopt;
}

}  // namespace flow::wire
