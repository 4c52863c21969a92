#include "world.h"

#include <algorithm>
#include <utility>

namespace flow::sim {
namespace {

constexpr std::int64_t kFastestUs = 20;
constexpr std::int64_t kUsualUs = 80;
constexpr std::int64_t kSlowUs = 4000;
constexpr double kSlowShare = 0.02;
constexpr std::size_t kBytesPerUs = 1000;

}  // namespace

void World::at(Instant when, std::function<void()> what) {
  events_.push({std::max(when, now_), number_++, std::move(what)});
}

void World::run_until(Instant end) {
  while (!events_.empty() && events_.top().when <= end) {
    Event event = events_.top();
    events_.pop();
    now_ = event.when;
    event.what();
  }
  now_ = end;
}

// Spelled out, because std::uniform_int_distribution differs between libraries.
std::int64_t World::pick(std::int64_t low, std::int64_t high) {
  const auto range = static_cast<std::uint64_t>(high - low) + 1;
  return low + static_cast<std::int64_t>(random_() % range);
}

ProcessId World::start_process() {
  alive_.push_back(true);
  return static_cast<ProcessId>(alive_.size() - 1);
}

void World::lose_run(Connection& connection, bool to_the_end) {
  std::erase_if(connection.under_way,
                [](const auto& message) { return message->deliver == nullptr; });
  const auto count = static_cast<std::int64_t>(connection.under_way.size());
  if (count == 0) return;
  const std::int64_t first = pick(0, count);
  const std::int64_t last = to_the_end ? count : pick(first, count);
  for (std::int64_t i = first; i < last; ++i) {
    connection.under_way[static_cast<std::size_t>(i)]->lost = true;
    ++lost_;
  }
}

void World::kill(ProcessId process) {
  alive_[process] = false;
  for (auto& [key, connection] : connections_) {
    if (std::get<0>(key) == process) lose_run(connection, true);
  }
}

void World::send(ProcessId from, ProcessId to, Plane plane, std::size_t bytes,
                 std::function<void()> deliver, Duration more) {
  if (!alive(from)) return;
  Connection& connection = connections_[{from, to, plane}];
  const std::int64_t us = chance(kSlowShare) ? pick(kUsualUs, kSlowUs) : pick(kFastestUs, kUsualUs);
  const Instant sent = std::max(now_, connection.back);
  const Duration way =
      std::chrono::microseconds(us + static_cast<std::int64_t>(bytes / kBytesPerUs)) + more;
  connection.last = std::max(connection.last, sent + way);
  auto message = std::make_shared<Message>(Message{std::move(deliver)});
  std::erase_if(connection.under_way, [](const auto& old) { return old->deliver == nullptr; });
  connection.under_way.push_back(message);
  at(connection.last, [this, to, message] {
    const std::function<void()> arrive = std::exchange(message->deliver, nullptr);
    if (!message->lost && alive(to)) arrive();
  });
}

void World::cut(ProcessId from, ProcessId to, Plane plane, Duration down) {
  const auto found = connections_.find({from, to, plane});
  if (found == connections_.end()) return;
  lose_run(found->second, false);
  found->second.back = std::max(found->second.back, now_ + down);
}

}  // namespace flow::sim
