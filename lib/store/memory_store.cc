#include "store/memory_store.h"

#include <algorithm>

namespace flow::store {

void MemoryData::lose_everything() {
  const bool was_away = away;
  *this = MemoryData{};
  away = was_away;
}

bool MemoryStore::submit(Operation operation) {
  if (queue_.size() >= kStoreQueue) {
    ++refused_;
    return false;
  }
  queue_.push_back(std::move(operation));
  return true;
}

std::optional<Event> MemoryStore::poll() {
  work();
  if (events_.empty()) return std::nullopt;
  Event event = std::move(events_.front());
  events_.pop_front();
  return event;
}

void MemoryStore::work() {
  if (data_.away) {
    if (!told_away_) events_.emplace_back(Disconnected{"the store is away"});
    told_away_ = true;
    connected_ = false;
    return;
  }
  const bool lost = connected_ && term_ > data_.term;
  if (!connected_ || lost) events_.emplace_back(Connected{});
  connected_ = true;
  told_away_ = false;
  if (lost) data_.term = term_;
  while (!queue_.empty()) {
    Operation operation = std::move(queue_.front());
    queue_.pop_front();
    std::visit([this](auto& value) { apply(value); }, operation);
  }
}

// Whether a higher term forbids this writer to write; makes its own term known otherwise.
bool MemoryStore::fenced() {
  if (data_.term > term_) {
    events_.emplace_back(Fenced{data_.term});
    return true;
  }
  data_.term = term_;
  return false;
}

void MemoryStore::apply(Acquire& operation) {
  data_.term = std::max({data_.term, operation.at_least, term_}) + 1;
  term_ = data_.term;
  Snapshot snapshot;
  snapshot.term = data_.term;
  snapshot.topology = data_.topology;
  snapshot.assignment = data_.assignment;
  snapshot.highest_id = data_.highest_id;
  events_.emplace_back(Acquired{std::move(snapshot)});
}

void MemoryStore::apply(SaveTopology& operation) {
  term_ = std::max(term_, operation.term);
  if (fenced()) return;
  data_.version = operation.version;
  data_.highest_id = operation.highest_id;
  data_.topology = std::move(operation.topology);
}

void MemoryStore::apply(SaveAssignment& operation) {
  if (!fenced()) data_.assignment[operation.slot] = std::move(operation.value);
}

void MemoryStore::apply(SaveHealth& operation) {
  if (fenced()) return;
  if (operation.value.empty()) {
    data_.health.erase(operation.instance);
  } else {
    data_.health[operation.instance] = std::move(operation.value);
  }
}

void MemoryStore::apply(SaveSpec& operation) {
  if (!fenced()) data_.spec = std::move(operation.toml);
}

void MemoryStore::apply(AppendEvent& operation) {
  if (fenced()) return;
  data_.events.emplace_back(std::move(operation.kind), std::move(operation.detail));
  if (data_.events.size() > kEventsKept) data_.events.pop_front();
}

}  // namespace flow::store
