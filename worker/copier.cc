#include "copier.h"

#include <algorithm>
#include <utility>

namespace flow::worker {

Copier::Copier(InstanceId self, Replicated* replicated, std::size_t limit, CopyPort& port)
    : self_(self),
      replicated_(replicated),
      limit_(static_cast<std::uint32_t>(std::min(limit, kPieceBytes))),
      port_(port) {}

void Copier::begin(InstanceId sibling, Instant now) {
  if (sibling == sibling_ || !sibling) return;
  sibling_ = sibling;
  if (replicated_ == nullptr) return end({});
  cursor_.clear();
  beginnings_ = 1;
  heard_at_ = now;
  ask(now);
}

void Copier::ask(Instant now) {
  asked_at_ = now;
  wire::SnapshotAsk ask;
  ask.target = sibling_.value;
  ask.from = self_;
  ask.cursor = cursor_;
  ask.limit = limit_;
  port_.send_ask(ask);
}

void Copier::end(const Status& outcome) {
  const InstanceId sibling = std::exchange(sibling_, InstanceId{});
  port_.copied(sibling, outcome);
}

void Copier::on_ask(const wire::SnapshotAsk& ask) {
  if (ask.target != self_.value || replicated_ == nullptr) return;
  wire::SnapshotPiece piece;
  piece.target = ask.from.value;
  piece.from = self_;
  piece.asked = ask.cursor;
  Result<SnapshotPiece> made =
      replicated_->next_piece(ask.cursor, std::clamp(ask.limit, 1U, limit_));
  if (made) {
    piece.payload = Bytes::take(std::move(made->bytes));
    piece.next = std::move(made->cursor);
    piece.last = made->last;
  } else {
    piece.code = made.error().code;
    piece.message = made.error().message;
  }
  port_.send_piece(piece);
}

void Copier::on_piece(const wire::SnapshotPiece& piece, Instant now) {
  if (piece.target != self_.value || !sibling_ || piece.from != sibling_ || piece.asked != cursor_)
    return;
  heard_at_ = now;
  if (piece.code == Errc::kNotFound && beginnings_ < kMostBeginnings) {
    ++beginnings_;
    cursor_.clear();
    return ask(now);
  }
  if (piece.code != Errc::kOk) return end(Error{piece.code, piece.message});
  if (const Status merged = replicated_->merge(piece.payload.span()); !merged) return end(merged);
  if (piece.last) return end({});
  cursor_ = piece.next;
  ask(now);
}

Instant Copier::tick(Instant now) {
  if (!sibling_) return kNever;
  if (now - heard_at_ >= kPatience) {
    end(Error{Errc::kUnavailable, "it does not answer"});
    return kNever;
  }
  if (now - asked_at_ >= kAskAgain) ask(now);
  return std::min(asked_at_ + kAskAgain, heard_at_ + kPatience);
}

}  // namespace flow::worker
