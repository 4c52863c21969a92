// Ids are types, never bare integers.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace flow {

// One running process of a flow (worker or gateway). Given by the broker and never reused: a
// restarted process is a new instance. 0 is "none". Lanes and groups share the same counter.
struct InstanceId {
  std::uint32_t value = 0;

  explicit operator bool() const { return value != 0; }
  friend auto operator<=>(InstanceId, InstanceId) = default;
};

// Position of a node in the compiled graph, 0..255; kGatewayNode is the gateway as a predecessor
// or successor.
struct NodeIndex {
  std::uint16_t value = 0;

  friend auto operator<=>(NodeIndex, NodeIndex) = default;
};
inline constexpr NodeIndex kGatewayNode{0xFFFF};

// One client request inside the flow: the gateway instance that admitted it and its number there
// (growing; the low 16 bits are the gateway's own, see gateway/request_table.h).
struct RequestId {
  InstanceId gateway;
  std::uint64_t sequence = 0;

  friend auto operator<=>(const RequestId&, const RequestId&) = default;
};

}  // namespace flow

template <>
struct std::hash<flow::InstanceId> {
  std::size_t operator()(flow::InstanceId id) const noexcept { return id.value; }
};

template <>
struct std::hash<flow::RequestId> {
  std::size_t operator()(const flow::RequestId& id) const noexcept {
    return id.sequence * 0x9E3779B97F4A7C15ULL ^ id.gateway.value;
  }
};
