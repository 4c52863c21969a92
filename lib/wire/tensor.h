// A dense array of numbers, row-major, little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace flow::wire {

enum class DType : std::uint8_t {
  kFloat32,
  kFloat64,
  kFloat16,
  kBFloat16,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kBool
};
inline constexpr int kDTypeCount = 13;

std::size_t size_of(DType type);         // bytes of one element
std::string_view to_string(DType type);  // "float32"
std::optional<DType> parse_dtype(std::string_view name);

// A tensor that owns its bytes. `data.size()` is the product of `shape` times size_of(dtype); an
// empty shape is a scalar.
struct Tensor {
  DType dtype = DType::kFloat32;
  std::vector<std::uint64_t> shape;
  std::vector<std::byte> data;

  static Tensor of(std::span<const float> values);  // a float32 vector

  // The numbers of a float32 tensor; empty for any other type. The data is aligned for float.
  std::span<const float> floats() const;
  std::uint64_t elements() const;  // product of the shape

  friend bool operator==(const Tensor&, const Tensor&) = default;
};

}  // namespace flow::wire
