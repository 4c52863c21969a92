// When a write was admitted: what decides between two writes to one document.
//
// A gateway stamps every request it admits with its wall clock, made strictly increasing within
// the gateway; the gateway's id breaks ties between gateways. So versions are unique, every
// attempt and every replica sees the same one, and replicas that got writes in different orders
// agree on which is the newer. How far "newer" means "later" is how well the gateways' clocks
// agree.
#pragma once

#include <compare>
#include <cstdint>

namespace flow {

struct WriteVersion {
  std::uint64_t time_ns = 0;  // nanoseconds since 1970; 0: none, older than every other
  std::uint32_t gateway = 0;  // instance id of the gateway that admitted it

  explicit operator bool() const { return time_ns != 0; }
  friend auto operator<=>(const WriteVersion&, const WriteVersion&) = default;
};

}  // namespace flow
