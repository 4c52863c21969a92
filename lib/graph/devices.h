// Which GPUs the replicas of an executor get in turn: CUDA_VISIBLE_DEVICES = "RR...".
//
//   value := "RR" sel                       anything else is no selector, and is passed on
//   untouched sel   :=                                every device of the host
//          | int                            that one
//          | [int] ":" [int] [":" [int]]    these of all, a slice as in Python: open ends, steps
//          | int "," int ...                these, in this order
//          | id "," id ...                  these, in this order: UUIDs (GPU-..., MIG-...), opaque
//          | "[" int or slice "]"
//
// A negative number counts from the end, -1 is the last device. Spaces around numbers and ids are
// ignored. Replica r gets entry r modulo their number, the same in every shard.
//
// Pure; an immutable value. A host has at most kMaxDevices devices, and what would select nothing
// on every such host is no selector.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace flow::graph {

inline constexpr std::string_view kDevicesVariable = "CUDA_VISIBLE_DEVICES";
inline constexpr std::uint32_t kMaxDevices = 1024;      // of a host
inline constexpr std::size_t kMaxSelectorBytes = 4000;  // of "RR..."; a Hello has room for it

class DeviceSelector {
 public:
  // Whether the value begins with RR.
  static bool is_one(std::string_view value) { return value.starts_with("RR"); }

  // `value` begins with RR. kInvalidArgument names the value and what is wrong with it.
  static Result<DeviceSelector> parse(std::string_view value);

  // What a right one looks like, for a hint.
  static std::string_view examples();

  // Whether it depends on the number of devices: all but UUIDs do.
  bool needs_count() const { return !std::holds_alternative<Ids>(selected_); }

  // The devices it selects of `count`, never none. kInvalidArgument names the value, the number of
  // devices, and the device that does not exist, if it names one.
  Result<std::vector<std::string>> devices(std::uint32_t count) const;

  // The one of this replica.
  Result<std::string> device(std::uint32_t replica, std::uint32_t count) const;

 private:
  struct Slice {
    std::optional<std::int64_t> start;
    std::optional<std::int64_t> stop;
    std::int64_t step = 1;  // never 0
  };
  using Numbers = std::vector<std::int64_t>;
  using Ids = std::vector<std::string>;

  using Selected = std::variant<Slice, Numbers, Ids>;

  DeviceSelector(std::string_view text, Selected selected)
      : text_(text), selected_(std::move(selected)) {}
  static Result<Selected> parse_selected(std::string_view text);
  static Result<Selected> parse_slice(std::string_view text);
  static Result<Selected> parse_list(std::string_view text);
  static Numbers select(const Slice& slice, std::int64_t count);

  std::string text_;  // as written
  Selected selected_;
};

}  // namespace flow::graph
