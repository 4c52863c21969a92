#include "batcher.h"

#include <algorithm>
#include <utility>

namespace flow::worker {

void Batcher::set_rules(std::span<const BatchRule> rules) {
  if (std::ranges::equal(rules, rules_)) return;
  rules_.assign(rules.begin(), rules.end());
  flush();
}

const BatchRule* Batcher::find_rule(std::string_view endpoint) const {
  const BatchRule* others = nullptr;
  for (const BatchRule& rule : rules_) {
    if (rule.endpoint == endpoint) return &rule;
    if (rule.endpoint == "*") others = &rule;
  }
  return others;
}

Batcher::Batch& Batcher::batch_for(const Request& request, Instant now) {
  for (Batch& batch : filling_) {
    if (batch.endpoint == request.endpoint && batch.parameters == request.parameters) return batch;
  }
  if (filling_.size() == kMaxOpen) full_.push_back({close(0), now});
  Batch& fresh = filling_.emplace_back();
  fresh.endpoint = request.endpoint;
  fresh.parameters = request.parameters;
  fresh.due = kNever;
  return fresh;
}

std::vector<BatchPiece> Batcher::close(std::size_t index) {
  std::vector<BatchPiece> pieces = std::move(filling_[index].pieces);
  filling_.erase(filling_.begin() + static_cast<std::ptrdiff_t>(index));
  return pieces;
}

std::uint32_t Batcher::add(const BatchRule& rule, Request request, Instant now) {
  const Instant due = std::min(request.arrived + rule.timeout, request.deadline - reserve_);
  std::uint32_t pieces = 0;
  std::uint32_t first = 0;
  do {
    Batch& batch = batch_for(request, now);
    const std::uint32_t count = std::min(request.documents - first, rule.size - batch.documents);
    batch.pieces.push_back({request.slot, first, count});
    batch.documents += count;
    batch.due = std::min(batch.due, due);
    first += count;
    ++pieces;
    if (batch.documents < rule.size) continue;
    const Instant since = std::min(batch.due, now);
    full_.push_back({close(static_cast<std::size_t>(&batch - filling_.data())), since});
  } while (first < request.documents);
  return pieces;
}

bool Batcher::take(Instant now, std::vector<BatchPiece>& pieces) {
  const auto oldest = std::ranges::min_element(filling_, {}, &Batch::due);
  if (oldest != filling_.end() && oldest->due <= now &&
      (full_.empty() || oldest->due < full_.front().due)) {
    pieces = close(static_cast<std::size_t>(oldest - filling_.begin()));
    return true;
  }
  if (full_.empty()) return false;
  pieces = std::move(full_.front().pieces);
  full_.pop_front();
  return true;
}

void Batcher::flush() {
  while (!filling_.empty()) {
    const Instant due = filling_.front().due;
    full_.push_back({close(0), due});
  }
}

Instant Batcher::next_due() const {
  if (!full_.empty()) return Instant{};
  Instant next = kNever;
  for (const Batch& batch : filling_)
    next = std::min(next, batch.due);
  return next;
}

}  // namespace flow::worker
