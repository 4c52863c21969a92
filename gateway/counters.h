// What a gateway counts.
#pragma once

#include <array>
#include <cstdint>

namespace flow::gateway {

enum class Counter : std::uint8_t {
  kAccepted,      // requests taken from clients
  kAnswered,      // answers with OK
  kFailed,        // answers with another code, refusals not counted
  kRefused,       // OVERLOADED, UNAVAILABLE while draining, TOO_LARGE
  kRedispatched,  // attempts after the first
  kLateParts,     // parts of requests already ended or of an older attempt: meant
  kMalformed,     // messages that did not verify
  kLostHanging,   // hanging work whose instance died: meant
  kDropped,       // answers a client did not read
  kCount
};

class Counters {
 public:
  void add(Counter counter) { ++values_[static_cast<std::size_t>(counter)]; }
  std::uint64_t operator[](Counter counter) const {
    return values_[static_cast<std::size_t>(counter)];
  }

 private:
  std::array<std::uint64_t, static_cast<std::size_t>(Counter::kCount)> values_{};
};

}  // namespace flow::gateway
