// Who a worker is, and what its core does to the world.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/ids.h"
#include "wire/part.h"

namespace flow::worker {

// Who this worker is.
struct Self {
  InstanceId instance;
  NodeIndex node;
  std::uint16_t shard = 0;
  std::uint16_t replica = 0;
  std::uint32_t host = 0;  // host_id()
  std::string executor;    // encode, also for encode/uses_before
  std::string name;        // encode/rep-0
  std::uint64_t max_part_bytes = 16U << 20;
  std::uint64_t seed = 0;  // for the ids of new documents; another one in each process
};

// What the worker does to the world.
class WorkerPort {
 public:
  virtual ~WorkerPort() = default;

  // Sends to an instance or gateway of the current topology. Never blocks.
  virtual void send_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) = 0;

  // Sends to all members of a lane. Never blocks.
  virtual void publish_part(InstanceId lane, const wire::PartHeader& header,
                            const Bytes& payload) = 0;

  // Tells the gateway of `request`. By value: so it stays in registers on its way into the ring.
  virtual void progress(RequestId request, wire::Progress progress) = 0;
};

}  // namespace flow::worker
