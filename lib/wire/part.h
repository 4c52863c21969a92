// Parts and reports: the conversation between gateway and workers, as types.
//
// PartHeader is built to be reused: decoding into the same object allocates nothing once its
// vectors have grown. Encoders reuse one buffer each. Nothing here is thread-safe; each thread has
// its own.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/polling.h"
#include "base/result.h"
#include "base/time.h"
#include "base/write_version.h"
#include "wire/envelope.h"

namespace flow::wire {

// kPassOver: the node gathers and passes on, but does not execute. kLeftOut: it would only pass on
// what it gets, so whoever would send to it sends to its successors, in its name.
enum class PlanMode : std::uint8_t { kRun = 0, kPassOver = 1, kLeftOut = 2 };
using flow::Polling;

// What the gateway decided for one node. 8 bytes, the wire's own layout.
struct PlanEntry {
  // Instance, lane or group id; 0: the request does not reach the node, or it is left out.
  std::uint32_t target = 0;
  PlanMode mode = PlanMode::kRun;
  Polling polling = Polling::kAny;
  std::uint16_t parts = 1;  // parts a successor must expect from this node

  friend bool operator==(const PlanEntry&, const PlanEntry&) = default;
};

// Where the time of one execution went. 24 bytes, the wire's own layout.
struct Hop {
  std::uint32_t instance = 0;
  std::uint16_t node = 0;
  std::uint16_t reserved = 0;
  std::uint32_t queue_us = 0;
  std::uint32_t execute_us = 0;
  std::uint32_t reduce_us = 0;
  std::uint32_t wire_us = 0;

  friend bool operator==(const Hop&, const Hop&) = default;
};

// A shard whose part is not in an answer (allow_partial). 4 bytes, the wire's own layout.
struct MissingPart {
  std::uint16_t node = 0;
  std::uint16_t shard = 0;

  friend auto operator<=>(const MissingPart&, const MissingPart&) = default;
};

// A shard that is missing in an answer, by name. Of a flow that is an executor of another:
// "far/index", its name here, a slash, the name of the executor there.
struct MissingShard {
  std::string executor;
  std::uint32_t shard = 0;

  friend auto operator<=>(const MissingShard&, const MissingShard&) = default;
};

// Why a request failed; made once, where it failed.
struct Failure {
  Errc code = Errc::kInternal;
  std::string message;
  std::string executor;  // name from the flow file, empty when none is to blame
  std::string instance;  // executor/rep-0

  friend bool operator==(const Failure&, const Failure&) = default;
};

struct Trace {
  std::uint64_t id_high = 0;
  std::uint64_t id_low = 0;
  std::uint64_t parent = 0;
  friend bool operator==(const Trace&, const Trace&) = default;
};

struct PartHeader {
  std::uint32_t target = 0;  // who it is for
  RequestId request;
  std::uint16_t attempt = 1;
  std::uint64_t topology_version = 0;
  Duration remaining{};            // time left when it was sent
  Instant sent_at{};               // the sender's clock
  std::uint32_t sent_on_host = 0;  // sent_at means something on this host only
  NodeIndex source = kGatewayNode;
  std::uint16_t source_shard = 0;
  std::uint16_t source_replica = 0;
  std::string endpoint;
  std::vector<PlanEntry> plan;  // by node index
  std::vector<Hop> hops;
  Bytes parameters;                  // an encoded Value, a map; empty: none
  Bytes results;                     // an encoded Value, a map by instance name; empty: none
  std::unique_ptr<Failure> failure;  // set: an error part
  std::vector<MissingPart> missing;  // ascending, no duplicates
  std::vector<MissingShard> missing_elsewhere;  // in what external executors answered; the same
  Trace trace;
  std::uint64_t written_ns = 0;  // the gateway's wall clock when it admitted the request; 0: none

  // The version of what the request writes.
  WriteVersion version() const {
    return written_ns == 0 ? WriteVersion{} : WriteVersion{written_ns, request.gateway.value};
  }
};

// One part: what one predecessor (one shard of it) sends for one request.
struct Part {
  PartHeader header;
  Bytes payload;  // an encoded document list; empty: nothing left
};

// Encodes parts for one thread.
class PartEncoder {
 public:
  PartEncoder();
  ~PartEncoder();
  PartEncoder(const PartEncoder&) = delete;
  PartEncoder& operator=(const PartEncoder&) = delete;

  // The message for `header` and `payload`; valid until the next call and while both live. Texts of
  // a failure are cut to what receivers accept; other limits are the caller's to keep: receivers
  // refuse a part beyond them (256 plan entries or hops, 1 KiB of endpoint or a name,
  // kMaxParameters, kMaxHeader with the results).
  Frames encode(const PartHeader& header, const Bytes& payload);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Decodes kind kPart into `part`, reusing its memory. kInvalidArgument for anything that does not
// verify; `part` is then unspecified but valid. The payload is taken out of `received`, not yet
// verified: open it as a DocumentList.
Status decode_part(Received&& received, Part& part);

// One request in a progress report. 16 bytes, the wire's own layout.
struct Progress {
  std::uint64_t sequence = 0;
  std::uint16_t attempt = 1;
  std::uint8_t finished = 0;  // 0: received, 1: finished, its part was sent on
  std::uint8_t reserved = 0;
  std::uint32_t service_us = 0;  // finished: time of execution, 0: it was not executed

  friend bool operator==(const Progress&, const Progress&) = default;
};

// A worker's report to one gateway.
struct Report {
  InstanceId instance;
  std::vector<Progress> progress;
  std::uint32_t queue = 0;    // received, not yet executing
  std::uint32_t window = 0;   // 0: no opinion
  Duration executing{};       // age of the oldest execution, 0: idle
  std::uint64_t dropped = 0;  // progress entries lost since the start, because the ring was full
};

// Encoded report, for one send. Decoding reuses `report`.
Bytes encode_report(const Report& report);
Status decode_report(const Received& received, Report& report);

}  // namespace flow::wire
