// What replicas say to each other when one copies what another holds (flow/replicated.h), over the
// sockets that parts go by.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/frames.h"
#include "base/ids.h"
#include "base/result.h"
#include "wire/envelope.h"

namespace flow::wire {

inline constexpr std::size_t kMaxCursor = 64;

struct SnapshotAsk {
  std::uint32_t target = 0;  // who it is for
  InstanceId from;
  std::string cursor;  // empty: from the start
  std::uint32_t limit = 0;
};

struct SnapshotPiece {
  std::uint32_t target = 0;
  InstanceId from;
  std::string asked;  // the cursor it answers
  std::string next;
  bool last = false;
  Errc code = Errc::kOk;  // why there is no piece
  std::string message;
  Bytes payload;
};

class SnapshotEncoder {
 public:
  SnapshotEncoder();
  ~SnapshotEncoder();
  SnapshotEncoder(const SnapshotEncoder&) = delete;
  SnapshotEncoder& operator=(const SnapshotEncoder&) = delete;

  // Valid until the next call and while the piece lives. A message is cut to what receivers accept.
  Frames encode(const SnapshotAsk& ask);
  Frames encode(const SnapshotPiece& piece);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// kInvalidArgument for anything that does not verify or is of another kind.
Result<SnapshotAsk> decode_snapshot_ask(const Received& received);
Result<SnapshotPiece> decode_snapshot_piece(Received received);

}  // namespace flow::wire
