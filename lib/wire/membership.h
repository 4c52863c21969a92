// The conversations with the broker, as types: gateways and workers (schemas/membership.fbs),
// flowctl (schemas/admin.fbs). Rare and small: encoding allocates.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "base/value.h"
#include "base/write_version.h"
#include "wire/envelope.h"
#include "wire/topology.h"

namespace flow::wire {

enum class Role : std::uint8_t { kWorker = 0, kGateway = 1 };

// What a replica held when it started (flow/replicated.h, Held).
struct Holding {
  WriteVersion newest;
  std::uint64_t digest = 0;
  std::uint64_t entries = 0;

  friend bool operator==(const Holding&, const Holding&) = default;
};

struct Ready {
  std::string data_address;
  std::string lane_address;
  std::vector<std::string> client_addresses;  // gateways
  std::vector<std::string> endpoints;
  bool catch_all = false;
  std::uint32_t concurrency = 1;
  bool wants_matrix = false;
  std::optional<Holding> holds{};  // its executor keeps what replicas can copy
};

// What a worker's environment says of GPUs.
struct DevicesAsked {
  std::string visible;      // CUDA_VISIBLE_DEVICES as the process was started with
  std::uint32_t count = 0;  // of its host; counted only where `visible` begins with RR
  friend bool operator==(const DevicesAsked&, const DevicesAsked&) = default;
};

struct Hello {
  Role role = Role::kWorker;
  std::string name;        // the slot
  InstanceId instance;     // the id it has already
  std::uint64_t term = 0;  // highest seen
  std::uint32_t highest_id = 0;
  std::uint32_t pid = 0;
  std::string host;
  std::string version;
  std::optional<Topology> topology;  // gateways: what they hold
  std::optional<Ready> ready;        // it was ready before
  DevicesAsked devices;              // workers
};

struct Welcome {
  InstanceId instance;
  std::uint64_t term = 0;
  Duration beat{};
  std::string flow;
  std::string executor;
  NodeIndex node;
  std::uint16_t shard = 0;
  std::uint16_t shards = 1;
  std::uint16_t replica = 0;
  std::uint16_t replicas = 1;
  ValueMap with;
  std::string workspace;
  ValueMap settings;  // gateways; keys as in the flow file, sizes in bytes, times in microseconds
  std::uint64_t max_part_bytes = 0;
  Duration timeout{};
  std::uint32_t threads = 1;
  bool publishes = false;              // a successor polls ALL: bind a socket for lanes
  bool batches = false;                // requests are executed in batches
  std::optional<std::string> devices;  // what CUDA_VISIBLE_DEVICES becomes; none: it is not set
};

struct Refused {
  std::string message;
};

struct Beat {
  std::uint32_t queue = 0;
  std::uint32_t in_flight = 0;
  std::uint64_t executed = 0;
  std::uint64_t service_us = 0;
  std::uint64_t executing_us = 0;
  std::uint64_t rss_bytes = 0;
  Duration far_away{};        // external executors: since when nobody answers at the far end
  std::string far_trouble{};  // for people, with the address; empty while somebody does
};

struct TopologyAck {
  std::uint64_t version = 0;
  bool accepted = true;
  std::string reason;
  std::uint64_t oldest_plan = 0;  // gateways: topology version of the oldest plan in flight
};

struct Exit {
  std::string reason;
  bool planned = false;
};

struct Drain {
  Duration timeout{};
};

struct Gone {
  InstanceId instance;
};

// The broker has a replica copy what a sibling holds.
struct CatchUp {
  InstanceId sibling;
};

// It has, or it could not.
struct CaughtUp {
  InstanceId sibling;
  Errc code = Errc::kOk;
  std::string message;
};

// An instance whose subscription to a lane a publisher sees. 8 bytes, the wire's own layout.
struct LaneMark {
  InstanceId lane;
  InstanceId instance;
  friend auto operator<=>(const LaneMark&, const LaneMark&) = default;
};

// All that a publisher sees, ascending.
struct Subscriptions {
  std::vector<LaneMark> marks;
};

struct AdminRequest {
  std::uint64_t id = 0;
  std::string command;
  ValueMap arguments;
};

struct AdminReply {
  std::uint64_t id = 0;
  Errc code = Errc::kOk;
  std::string message;
  ValueMap value;
};

// Every message to or from the broker.
using ControlMessage =
    std::variant<Hello, Welcome, Refused, Ready, Beat, Topology, TopologyAck, Exit, Drain, Gone,
                 Subscriptions, CatchUp, CaughtUp, AdminRequest, AdminReply>;

// One frame.
Bytes encode_control(const ControlMessage& message);

// kInvalidArgument for anything that does not verify or is of another conversation.
Result<ControlMessage> decode_control(Received received);

}  // namespace flow::wire
