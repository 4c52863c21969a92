#include "wire/value_codec.h"

#include <fmt/format.h>

#include <cstdint>
#include <utility>

#include "wire/value_codec_internal.h"
#include "wire/verifier.h"

namespace flow::wire {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

constexpr std::size_t kAlignment = 8;

// What the fields of a Value hold, by kind, before its table is built.
struct ValueParts {
  Offset<flatbuffers::String> text;
  Offset<flatbuffers::Vector<std::uint8_t>> bytes;
  Offset<flatbuffers::Vector<Offset<fbs::Value>>> items;
};

ValueParts build_parts(FlatBufferBuilder& builder, const Value& value) {
  ValueParts parts;
  if (const std::string* text = value.if_string()) {
    if (!text->empty()) parts.text = builder.CreateString(*text);
  } else if (const ByteString* bytes = value.if_bytes()) {
    if (!bytes->bytes.empty()) parts.bytes = build_bytes(builder, bytes->bytes);
  } else if (const ValueList* list = value.if_list()) {
    std::vector<Offset<fbs::Value>> items;
    items.reserve(list->size());
    for (const Value& item : *list)
      items.push_back(build_value(builder, item));
    if (!items.empty()) parts.items = builder.CreateVector(items);
  }
  return parts;
}

}  // namespace

Offset<flatbuffers::Vector<std::uint8_t>> build_bytes(FlatBufferBuilder& builder,
                                                      std::string_view bytes) {
  return builder.CreateVector(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

Offset<fbs::Value> build_value(FlatBufferBuilder& builder, const Value& value) {
  if (const ValueMap* map = value.if_map()) return build_map(builder, *map);
  const ValueParts parts = build_parts(builder, value);
  fbs::ValueBuilder table(builder);
  table.add_kind(static_cast<fbs::ValueKind>(value.kind()));
  if (const bool* truth = value.if_bool()) table.add_integer(*truth ? 1 : 0);
  if (const std::int64_t* integer = value.if_int()) table.add_integer(*integer);
  if (const double* number = value.if_double()) table.add_number(*number);
  if (!parts.text.IsNull()) table.add_text(parts.text);
  if (!parts.bytes.IsNull()) table.add_bytes(parts.bytes);
  if (!parts.items.IsNull()) table.add_items(parts.items);
  return table.Finish();
}

Offset<fbs::Value> build_map(FlatBufferBuilder& builder, const ValueMap& map) {
  std::vector<Offset<fbs::Value>> items;
  std::vector<Offset<flatbuffers::String>> keys;
  items.reserve(map.size());
  keys.reserve(map.size());
  for (const auto& [key, item] : map) {
    keys.push_back(builder.CreateString(key));
    items.push_back(build_value(builder, item));
  }
  Offset<flatbuffers::Vector<Offset<fbs::Value>>> item_vector;
  Offset<flatbuffers::Vector<Offset<flatbuffers::String>>> key_vector;
  if (!items.empty()) {
    item_vector = builder.CreateVector(items);
    key_vector = builder.CreateVector(keys);
  }
  fbs::ValueBuilder table(builder);
  table.add_kind(fbs::ValueKind::Map);
  if (!items.empty()) {
    table.add_items(item_vector);
    table.add_keys(key_vector);
  }
  return table.Finish();
}

std::optional<std::string> fault_of_value(const fbs::Value& value) {
  if (value.kind() > fbs::ValueKind::MAX) {
    return fmt::format("a value of the unknown kind {}", static_cast<int>(value.kind()));
  }
  if (value.kind() == fbs::ValueKind::Map) return fault_of_map(value);
  if (value.kind() != fbs::ValueKind::List || value.items() == nullptr) return std::nullopt;
  for (const fbs::Value* item : *value.items()) {
    if (auto fault = fault_of_value(*item)) return fault;
  }
  return std::nullopt;
}

std::optional<std::string> fault_of_map(const fbs::Value& value) {
  if (value.kind() != fbs::ValueKind::Map) return "not a map";
  const std::size_t count = size_of(value.items());
  if (count != size_of(value.keys())) {
    return fmt::format("a map with {} keys and {} items", size_of(value.keys()), count);
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (auto fault = fault_of_value(*value.items()->Get(static_cast<std::uint32_t>(i)))) {
      return fault;
    }
  }
  const auto repeated = first_repeated(count, [&](std::size_t i) {
    return view_of(value.keys()->Get(static_cast<std::uint32_t>(i)));
  });
  if (repeated) return fmt::format("a map with the key \"{}\" twice", *repeated);
  return std::nullopt;
}

Value read_value(const fbs::Value& value) {
  switch (value.kind()) {
    case fbs::ValueKind::Null: break;
    case fbs::ValueKind::Bool: return Value(value.integer() != 0);
    case fbs::ValueKind::Int: return Value(std::int64_t{value.integer()});
    case fbs::ValueKind::Double: return Value(value.number());
    case fbs::ValueKind::String: return Value(view_of(value.text()));
    case fbs::ValueKind::Bytes: return Value(ByteString{std::string(view_of(value.bytes()))});
    case fbs::ValueKind::Map: return Value(read_map(value));
    case fbs::ValueKind::List: {
      ValueList list;
      list.reserve(size_of(value.items()));
      if (value.items() == nullptr) return Value(std::move(list));
      for (const fbs::Value* item : *value.items())
        list.push_back(read_value(*item));
      return Value(std::move(list));
    }
  }
  return {};
}

ValueMap read_map(const fbs::Value& value) {
  ValueMap map;
  const auto count = static_cast<std::uint32_t>(size_of(value.items()));
  for (std::uint32_t i = 0; i < count; ++i) {
    map.append(std::string(view_of(value.keys()->Get(i))), read_value(*value.items()->Get(i)));
  }
  return map;
}

Bytes encode_value(const ValueMap& map) {
  if (map.empty()) return {};
  FlatBufferBuilder builder;
  builder.Finish(build_map(builder, map));
  return Bytes::copy_of(std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize())));
}

Result<ValueMap> decode_value(std::span<const std::byte> bytes) {
  if (bytes.empty()) return ValueMap();
  const bool aligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % kAlignment == 0;
  if (!aligned) {
    const std::vector<std::byte> copy(bytes.begin(), bytes.end());
    return decode_value(std::span(copy));
  }
  const VerifyLimits limits{.depth = kMaxValueDepth, .tables = bytes.size() / 8};
  if (Status status = verify(bytes, *fbs::ValueTypeTable(), limits); !status) {
    return std::move(status).error();
  }
  const auto& value = *flatbuffers::GetRoot<fbs::Value>(bytes.data());
  if (auto fault = fault_of_map(value)) return Error{Errc::kInvalidArgument, *std::move(fault)};
  return read_map(value);
}

}  // namespace flow::wire
