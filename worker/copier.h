// Copies what a sibling holds into this replica's executor, and lets siblings copy from it
// (flow/replicated.h).
//
// One piece at a time: asked for, merged, the next asked for from where it ended, until the sibling
// says that it was the last. An ask whose answer does not come is repeated; a sibling that does not
// answer kPatience long is given up, and the owner told. Pieces of others than the sibling copied
// from, and of asks that were answered, are dropped. Pure; the data thread owns one.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"
#include "base/time.h"
#include "flow/replicated.h"
#include "wire/snapshot.h"

namespace flow::worker {

// What it does to the world.
class CopyPort {
 public:
  virtual ~CopyPort() = default;
  virtual void send_ask(const wire::SnapshotAsk& ask) = 0;  // to ask.target, a sibling
  virtual void send_piece(const wire::SnapshotPiece& piece) = 0;

  // Everything that the sibling held is here, or why not.
  virtual void copied(InstanceId sibling, const Status& outcome) = 0;
};

class Copier {
 public:
  static constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
  static constexpr Duration kAskAgain = std::chrono::seconds(1);
  static constexpr Duration kPatience = std::chrono::seconds(10);
  static constexpr int kMostBeginnings = 5;  // with a sibling that was started again meanwhile

  // `replicated`: what the executor keeps, nullptr when it keeps nothing: then nothing is copied
  // and nobody may ask. `limit`: of a piece, at most kPieceBytes.
  Copier(InstanceId self, Replicated* replicated, std::size_t limit, CopyPort& port);

  bool keeps() const { return replicated_ != nullptr; }

  // From now on copies from this sibling; what it copied from another is left. Nothing changes when
  // it is the one being copied from.
  void begin(InstanceId sibling, Instant now);

  void on_ask(const wire::SnapshotAsk& ask);
  void on_piece(const wire::SnapshotPiece& piece, Instant now);

  // Does what is due; returns when it wants to be called next.
  Instant tick(Instant now);

 private:
  void ask(Instant now);
  void end(const Status& outcome);

  InstanceId self_;
  Replicated* replicated_;
  std::uint32_t limit_;
  CopyPort& port_;
  InstanceId sibling_;  // none: nothing is copied
  std::string cursor_;
  int beginnings_ = 0;
  Instant asked_at_{};
  Instant heard_at_{};
};

}  // namespace flow::worker
