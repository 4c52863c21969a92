// What a gateway is told by the broker: the [gateway] table of the flow file.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "base/value.h"

namespace flow::gateway {

struct Settings {
  std::string flow;                                  // name
  std::string address;                               // further client address; empty: ipc only
  Duration deadline = std::chrono::seconds(30);      // of requests that name none
  std::uint32_t max_in_flight = 1024;                // requests admitted and not answered
  std::uint64_t max_in_flight_bytes = 256ULL << 20;  // accepted and not answered
  std::uint32_t max_queued = 4096;                   // accepted, waiting for room
  std::uint64_t max_request = 16ULL << 20;           // bytes of a request's documents
  Duration unavailable_after = std::chrono::seconds(1);
};

// From the broker's Welcome. kInvalidArgument names a setting of the wrong type.
Result<Settings> settings_from(const ValueMap& map, const std::string& flow);

}  // namespace flow::gateway
