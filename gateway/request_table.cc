#include "gateway/request_table.h"

#include <algorithm>

namespace flow::gateway {

bool Flight::received(NodeIndex node) const {
  const std::span<const route::Choice> members = choices.of(node);
  return !members.empty() && std::ranges::all_of(members, &route::Choice::received);
}

Instant Flight::finished_at(NodeIndex node) const {
  const std::span<const route::Choice> members = choices.of(node);
  if (members.empty() || !std::ranges::all_of(members, &route::Choice::finished)) return kNever;
  return std::ranges::max(members, {}, &route::Choice::finished_at).finished_at;
}

bool RequestTable::widen() {
  if (slots() == limit_) return false;
  if (slots() % kChunk == 0) chunks_.push_back(std::make_unique<Pending[]>(kChunk));
  free_.push_back(slots());
  sequences_.push_back(0);
  return true;
}

void RequestTable::build() {
  landed_ = flights_.emplace_back(std::make_unique<Flight>()).get();
}

void SlotQueue::push(RequestTable& table, std::uint32_t slot) {
  table[slot].next = kNoSlot;
  if (tail_ == kNoSlot) {
    head_ = slot;
  } else {
    table[tail_].next = slot;
  }
  tail_ = slot;
  ++size_;
}

std::uint32_t SlotQueue::pop(RequestTable& table) {
  const std::uint32_t slot = head_;
  head_ = table[slot].next;
  if (head_ == kNoSlot) tail_ = kNoSlot;
  --size_;
  return slot;
}

void SlotQueue::remove(RequestTable& table, std::uint32_t slot) {
  std::uint32_t before = kNoSlot;
  for (std::uint32_t at = head_; at != kNoSlot; before = at, at = table[at].next) {
    if (at != slot) continue;
    (before == kNoSlot ? head_ : table[before].next) = table[slot].next;
    if (tail_ == slot) tail_ = before;
    --size_;
    return;
  }
}

}  // namespace flow::gateway
