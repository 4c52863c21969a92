// What the broker's core asks its service (or the simulator) to do. Nothing here blocks or fails
// visibly: what did not arrive is repeated by time.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>

#include "base/ids.h"
#include "store/store.h"
#include "wire/membership.h"

namespace flow::broker {

// A control connection as the service numbers them; never reused while the broker runs.
struct ConnectionId {
  std::uint32_t value = 0;
  friend auto operator<=>(ConnectionId, ConnectionId) = default;
};

class Effects {
 public:
  virtual ~Effects() = default;

  virtual void send(ConnectionId to, const wire::ControlMessage& message) = 0;

  // The same to many: encoded once.
  virtual void broadcast(std::span<const ConnectionId> to, const wire::ControlMessage& message) = 0;

  virtual void store(store::Operation operation) = 0;

  // Does anybody listen at this data address? Answered by Core::probed(), never from within.
  virtual void probe(InstanceId instance, const std::string& address) = 0;
};

}  // namespace flow::broker
