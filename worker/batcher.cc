#include "batcher.h"

#include <algorithm>
#include <utility>

namespace flow::worker {

void Batcher::set_rules(std::span<const BatchRule> rules) {
  rules_.assign(rules.begin(), rules.end());
}

const BatchRule* Batcher::rule_for(std::string_view endpoint) const {
  const BatchRule* others = nullptr;
  for (const BatchRule& rule : rules_) {
    if (rule.endpoint == endpoint) return &rule;
    if (rule.endpoint == "*") others = &rule;
  }
  return others;
}

Batcher::Batch& Batcher::batch_for(const BatchRule& rule, const Request& request, Instant now) {
  for (Batch& batch : filling_) {
    if (batch.endpoint == request.endpoint && batch.parameters == request.parameters) return batch;
  }
  if (filling_.size() == kMaxOpen) close(0);
  Batch& fresh = filling_.emplace_back();
  fresh.endpoint = request.endpoint;
  fresh.parameters = request.parameters;
  fresh.due = now + rule.timeout;
  return fresh;
}

void Batcher::close(std::size_t index) {
  full_.push_back(std::move(filling_[index].pieces));
  filling_.erase(filling_.begin() + static_cast<std::ptrdiff_t>(index));
}

std::uint32_t Batcher::add(const BatchRule& rule, Request request, Instant now) {
  std::uint32_t pieces = 0;
  std::uint32_t first = 0;
  do {
    Batch& batch = batch_for(rule, request, now);
    const std::uint32_t count = std::min(request.documents - first, rule.size - batch.documents);
    batch.pieces.push_back({request.slot, first, count});
    batch.documents += count;
    batch.due = std::min(batch.due, std::max(now, request.deadline - reserve_));
    first += count;
    ++pieces;
    if (batch.documents >= rule.size) close(static_cast<std::size_t>(&batch - filling_.data()));
  } while (first < request.documents);
  return pieces;
}

bool Batcher::take(Instant now, std::vector<BatchPiece>& pieces) {
  if (full_.empty()) {
    const auto due = std::ranges::min_element(filling_, {}, &Batch::due);
    if (due == filling_.end() || due->due > now) return false;
    close(static_cast<std::size_t>(due - filling_.begin()));
  }
  pieces = std::move(full_.front());
  full_.pop_front();
  return true;
}

void Batcher::flush() {
  while (!filling_.empty())
    close(0);
}

Instant Batcher::next_due() const {
  if (!full_.empty()) return Instant{};
  Instant next = kNever;
  for (const Batch& batch : filling_)
    next = std::min(next, batch.due);
  return next;
}

}  // namespace flow::worker
