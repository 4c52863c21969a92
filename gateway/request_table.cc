#include "gateway/request_table.h"

namespace flow::gateway {

std::uint32_t RequestTable::take() {
  std::uint32_t slot = 0;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
  } else if (slots_.size() < limit_) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    return kNoSlot;
  }
  ++used_;
  Pending& entry = slots_[slot];
  entry.sequence = (++number_ << kSlotBits) | slot;
  entry.state = Pending::State::kQueued;
  entry.next = kNoSlot;
  entry.skip.clear();
  entry.killed = 0;
  entry.blamed_attempt = 0;
  entry.header.attempt = 1;
  entry.choices.clear();
  entry.runs.clear();
  return slot;
}

void RequestTable::free(std::uint32_t slot) {
  Pending& entry = slots_[slot];
  entry.state = Pending::State::kFree;
  entry.sequence = 0;
  entry.payload = Bytes();
  entry.header.parameters = Bytes();
  free_.push_back(slot);
  --used_;
}

std::uint32_t RequestTable::find(std::uint64_t sequence) const {
  const auto slot = static_cast<std::uint32_t>(sequence & ((1U << kSlotBits) - 1));
  return slot < slots_.size() && slots_[slot].sequence == sequence && sequence != 0 ? slot
                                                                                    : kNoSlot;
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
