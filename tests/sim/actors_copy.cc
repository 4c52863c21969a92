#include "actors.h"
#include "cluster.h"

namespace flow::sim {

bool WorkerProcess::take_copying(const Bytes& frame) {
  const Instant now = cluster_.world().now();
  const auto peeked = wire::peek({frame, {}, 1});
  if (peeked->kind == wire::Kind::kSnapshotAsk) {
    copier_->on_ask(*wire::decode_snapshot_ask({frame, {}, 1}));
    return true;
  }
  if (peeked->kind != wire::Kind::kSnapshotPiece) return false;
  copier_->on_piece(*wire::decode_snapshot_piece({frame, {}, 1}), now);
  return true;
}

void WorkerProcess::copy(InstanceId sibling) {
  copier_->begin(sibling, cluster_.world().now());
}

void WorkerProcess::send_ask(const wire::SnapshotAsk& ask) {
  send_to(InstanceId{ask.target}, Plane::kData, flatten(snapshot_encoder_.encode(ask)));
}

void WorkerProcess::send_piece(const wire::SnapshotPiece& piece) {
  send_to(InstanceId{piece.target}, Plane::kData, flatten(snapshot_encoder_.encode(piece)));
}

void WorkerProcess::copied(InstanceId sibling, const Status& outcome) {
  wire::CaughtUp caught_up{sibling, Errc::kOk, {}};
  if (!outcome) caught_up = {sibling, outcome.error().code, outcome.error().message};
  member_.caught_up(caught_up);
}

}  // namespace flow::sim
