#include "route/gather.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace flow::route {

using wire::PlanEntry;

std::uint16_t expected_from(NodeIndex need, std::span<const PlanEntry> plan) {
  if (need == kGatewayNode) return 1;
  if (need.value >= plan.size() || plan[need.value].target == 0) return 0;
  return plan[need.value].parts;
}

std::uint32_t expected_parts(std::span<const NodeIndex> needs, std::span<const PlanEntry> plan) {
  std::uint32_t parts = 0;
  for (const NodeIndex need : needs)
    parts += expected_from(need, plan);
  return parts;
}

bool GatherTable::has_room(std::size_t bytes, bool opens) const {
  return bytes_ + bytes <= limits_.bytes && (!opens || entries_.size() < limits_.open);
}

std::size_t GatherTable::drop(Entries::iterator entry) {
  const std::size_t parts = entry->second.slots.size();
  bytes_ -= entry->second.bytes;
  entries_.erase(entry);
  if (entries_.empty()) next_deadline_ = kNever;
  return parts;
}

GatherTable::Outcome GatherTable::add(PartPointer part, std::span<const NodeIndex> needs,
                                      Instant deadline, Joined& joined) {
  const wire::PartHeader& header = part->header;
  const auto need = std::ranges::find(needs, header.source);
  const std::uint16_t due = need == needs.end() ? 0 : expected_from(*need, header.plan);
  if (due == 0) {
    ++counters_.unexpected;
    return Outcome::kUnexpected;
  }
  auto entry = entries_.find(header.request);
  if (entry != entries_.end() && entry->second.attempt > header.attempt) {
    ++counters_.stale;
    return Outcome::kStale;
  }
  if (entry != entries_.end() && entry->second.attempt < header.attempt) {
    counters_.superseded += drop(entry);
    entry = entries_.end();
  }

  // One slot a need where it sends one part, whichever shard that comes from.
  const auto position = static_cast<std::uint16_t>(need - needs.begin());
  const std::pair key{position, due == 1 ? std::uint16_t{0} : header.source_shard};
  const auto key_of = [](const Slot& slot) { return std::pair{slot.need, slot.shard}; };
  if (entry != entries_.end()) {
    const std::vector<Slot>& slots = entry->second.slots;
    const auto same = std::ranges::lower_bound(slots, key, {}, key_of);
    const bool seen = same != slots.end() && key_of(*same) == key;
    const auto from_need = std::ranges::count(slots, position, &Slot::need);
    if (seen || from_need >= due) {
      ++counters_.duplicate;
      return Outcome::kDuplicate;
    }
  }
  if (!has_room(part->payload.size(), entry == entries_.end())) {
    ++counters_.refused;
    if (!has_room(0, entry == entries_.end())) return Outcome::kRefused;
    // Without its documents it still fits: the request fails at once instead of at its deadline.
    part->header.failure = std::make_unique<wire::Failure>(
        wire::Failure{Errc::kOverloaded,
                      fmt::format("{} bytes of parts wait for others at a join, the limit", bytes_),
                      {},
                      {}});
    part->payload = Bytes();
  }
  const std::size_t size = part->payload.size();
  if (entry == entries_.end()) {
    entry = entries_.try_emplace(header.request).first;
    entry->second.attempt = header.attempt;
    entry->second.expected = expected_parts(needs, header.plan);
    entry->second.slots.reserve(entry->second.expected);
  }
  Entry& held = entry->second;
  held.deadline = std::min(held.deadline, deadline);
  next_deadline_ = std::min(next_deadline_, held.deadline);
  held.bytes += size;
  bytes_ += size;
  const auto at = std::ranges::lower_bound(held.slots, key, {}, key_of);
  held.slots.insert(at, Slot{position, key.second, std::move(part)});
  if (held.slots.size() < held.expected) return Outcome::kWaiting;

  joined.parts.clear();
  joined.deadline = held.deadline;
  for (Slot& slot : held.slots)
    joined.parts.push_back(std::move(slot.part));
  drop(entry);
  return Outcome::kComplete;
}

std::size_t GatherTable::expire(Instant now) {
  if (now < next_deadline_) return 0;
  std::size_t requests = 0;
  Instant next = kNever;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto here = entry++;
    if (here->second.deadline <= now) {
      counters_.expired += drop(here);
      ++requests;
    } else {
      next = std::min(next, here->second.deadline);
    }
  }
  next_deadline_ = next;
  return requests;
}

std::size_t GatherTable::keep_gateways(std::span<const InstanceId> alive) {
  std::size_t requests = 0;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto here = entry++;
    if (std::ranges::find(alive, here->first.gateway) != alive.end()) continue;
    counters_.orphaned += drop(here);
    ++requests;
  }
  return requests;
}

}  // namespace flow::route
