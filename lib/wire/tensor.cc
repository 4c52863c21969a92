#include "wire/tensor.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace flow::wire {
namespace {

struct TypeInfo {
  std::string_view name;
  std::size_t size;
};

constexpr std::array<TypeInfo, kDTypeCount> kTypes = {{{"float32", 4},
                                                       {"float64", 8},
                                                       {"float16", 2},
                                                       {"bfloat16", 2},
                                                       {"int8", 1},
                                                       {"int16", 2},
                                                       {"int32", 4},
                                                       {"int64", 8},
                                                       {"uint8", 1},
                                                       {"uint16", 2},
                                                       {"uint32", 4},
                                                       {"uint64", 8},
                                                       {"bool", 1}}};

}  // namespace

std::size_t size_of(DType type) {
  return kTypes[static_cast<std::size_t>(type)].size;
}

std::string_view to_string(DType type) {
  return kTypes[static_cast<std::size_t>(type)].name;
}

std::optional<DType> parse_dtype(std::string_view name) {
  const auto found = std::ranges::find(kTypes, name, &TypeInfo::name);
  if (found == kTypes.end()) return std::nullopt;
  return static_cast<DType>(found - kTypes.begin());
}

Tensor Tensor::of(std::span<const float> values) {
  const std::span<const std::byte> bytes = std::as_bytes(values);
  return Tensor{.dtype = DType::kFloat32,
                .shape = {values.size()},
                .data = std::vector<std::byte>(bytes.begin(), bytes.end())};
}

std::span<const float> Tensor::floats() const {
  if (dtype != DType::kFloat32) return {};
  return {reinterpret_cast<const float*>(data.data()), data.size() / sizeof(float)};
}

std::uint64_t Tensor::elements() const {
  std::uint64_t product = 1;
  for (const std::uint64_t extent : shape)
    product *= extent;
  return product;
}

}  // namespace flow::wire
