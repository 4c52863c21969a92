#include "route/gather.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace flow::route {

using wire::PlanEntry;

namespace {

constexpr std::size_t kSpare = 256;  // entries kept for later: what is usual, not what is possible

}  // namespace

std::uint16_t expected_from(NodeIndex need, std::span<const PlanEntry> plan) {
  if (need == kGatewayNode) return 1;
  if (need.value >= plan.size()) return 0;
  const PlanEntry& entry = plan[need.value];
  return entry.target != 0 || entry.mode == wire::PlanMode::kLeftOut ? entry.parts : 0;
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
  const auto held = [](const Slot& slot) { return slot.part != nullptr; };
  const auto parts = static_cast<std::size_t>(std::ranges::count_if(entry->second.slots, held));
  close_entry(entry);
  return parts;
}

GatherTable::Entries::iterator GatherTable::open_entry(const wire::PartHeader& header,
                                                       std::span<const NodeIndex> needs) {
  Entries::iterator at;
  if (spare_.empty()) {
    at = entries_.try_emplace(header.request).first;
  } else {
    spare_.back().key() = header.request;
    at = entries_.insert(std::move(spare_.back())).position;
    spare_.pop_back();
  }
  Entry& entry = at->second;
  entry.attempt = header.attempt;
  entry.expected = expected_parts(needs, header.plan);
  entry.waiting = entry.expected;
  entry.slots.reserve(entry.expected);
  return at;
}

void GatherTable::close_entry(Entries::iterator entry) {
  bytes_ -= entry->second.bytes;
  Entries::node_type node = entries_.extract(entry);
  if (spare_.size() < kSpare) {
    std::vector<Slot> slots = std::move(node.mapped().slots);
    slots.clear();
    node.mapped() = Entry{.slots = std::move(slots)};
    spare_.push_back(std::move(node));
  }
  if (entries_.empty()) next_deadline_ = kNever;
}

GatherTable::Outcome GatherTable::add(PartPointer part, std::span<const NodeIndex> needs,
                                      Instant deadline, Joined& joined) {
  const Place place = place_of(part->header, needs);
  if (place.due == 0) {
    ++counters_.unexpected;
    return Outcome::kUnexpected;
  }
  if (const auto old = refuse_old(part->header)) return *old;
  const RequestId request = part->header.request;
  auto entry = entries_.find(request);
  if (entry != entries_.end()) {
    if (const auto seen = refuse_seen(entry->second, place)) return *seen;
  }
  if (const auto full = make_room(*part, entry == entries_.end())) return *full;
  if (entry == entries_.end()) entry = open_entry(part->header, needs);
  Entry& held = entry->second;
  held.deadline = std::min(held.deadline, deadline);
  next_deadline_ = std::min(next_deadline_, held.deadline);
  hold(held, place, std::move(part));
  if (held.waiting > 0) return Outcome::kWaiting;
  complete(entry, joined);
  return Outcome::kComplete;
}

GatherTable::Place GatherTable::place_of(const wire::PartHeader& header,
                                         std::span<const NodeIndex> needs) {
  const auto need = std::ranges::find(needs, header.source);
  if (need == needs.end()) return {};
  Place place;
  place.need = static_cast<std::uint16_t>(need - needs.begin());
  place.due = expected_from(*need, header.plan);
  // One slot a need where it sends one part, whichever shard that comes from.
  place.shard = place.due == 1 ? std::uint16_t{0} : header.source_shard;
  if (place.due == 1) return place;
  const wire::Polling polling = header.plan[need->value].polling;
  place.first_wins = polling == wire::Polling::kAllAsync;
  if (polling == wire::Polling::kHash) place.replica = header.source_replica;
  return place;
}

// A part of an attempt that is not the newest, or of a request that went on. A newer attempt ends
// what is known of the older one.
std::optional<GatherTable::Outcome> GatherTable::refuse_old(const wire::PartHeader& header) {
  if (const auto entry = entries_.find(header.request); entry != entries_.end()) {
    if (entry->second.attempt > header.attempt) {
      ++counters_.stale;
      return Outcome::kStale;
    }
    if (entry->second.attempt < header.attempt) counters_.superseded += drop(entry);
  }
  const auto went = remembered_.find(header.request);
  if (went == remembered_.end()) return std::nullopt;
  Past& past = went->second;
  if (past.attempt > header.attempt) {
    ++counters_.stale;
    return Outcome::kStale;
  }
  if (past.attempt < header.attempt) {
    remembered_.erase(went);
    return std::nullopt;
  }
  ++counters_.late;
  if (--past.left == 0) remembered_.erase(went);
  return Outcome::kLate;
}

// A part that came already, or that nobody waits for any more.
std::optional<GatherTable::Outcome> GatherTable::refuse_seen(Entry& entry, const Place& place) {
  bool seen = false;
  bool satisfied = false;
  std::size_t from_need = 0;
  for (const Slot& slot : entry.slots) {
    if (slot.need != place.need) continue;
    ++from_need;
    seen = seen || (slot.shard == place.shard && slot.replica == place.replica);
    satisfied = satisfied || (slot.part != nullptr && slot.part->header.failure == nullptr);
  }
  if (seen || from_need >= place.due) {
    ++counters_.duplicate;
    return Outcome::kDuplicate;
  }
  if (!place.first_wins || !satisfied) return std::nullopt;
  ++counters_.late;
  put(entry, place, nullptr);
  return Outcome::kLate;
}

// Without its documents a part may still fit: then the request fails at once instead of at its
// deadline.
std::optional<GatherTable::Outcome> GatherTable::make_room(wire::Part& part, bool opens) {
  if (has_room(part.payload.size(), opens)) return std::nullopt;
  ++counters_.refused;
  if (!has_room(0, opens)) return Outcome::kRefused;
  part.header.failure = std::make_unique<wire::Failure>(
      wire::Failure{Errc::kOverloaded,
                    fmt::format("{} bytes of parts wait for others at a join, the limit", bytes_),
                    {},
                    {}});
  part.payload = Bytes();
  return std::nullopt;
}

void GatherTable::put(Entry& entry, const Place& place, PartPointer part) {
  const auto key_of = [](const auto& at) { return std::tuple{at.need, at.shard, at.replica}; };
  const auto at = std::ranges::lower_bound(entry.slots, key_of(place), {}, key_of);
  entry.slots.insert(at, Slot{place.need, place.shard, place.replica, std::move(part)});
}

void GatherTable::release(Entry& entry, PartPointer& part) {
  const std::size_t size = part->payload.size();
  entry.bytes -= size;
  bytes_ -= size;
  part.reset();
  ++counters_.late;
}

void GatherTable::hold(Entry& entry, const Place& place, PartPointer part) {
  const std::size_t size = part->payload.size();
  const bool success = part->header.failure == nullptr;
  entry.bytes += size;
  bytes_ += size;
  --entry.waiting;
  put(entry, place, std::move(part));
  if (place.first_wins) settle(entry, place, success);
}

// After a part of a need whose first success stands for all: the success, or the first of the
// failures once they are all there.
void GatherTable::settle(Entry& entry, const Place& place, bool success) {
  const auto arrived = std::ranges::count(entry.slots, place.need, &Slot::need);
  if (success) entry.waiting -= place.due - static_cast<std::uint32_t>(arrived);
  if (!success && arrived < place.due) return;
  bool kept = false;
  for (Slot& slot : entry.slots) {
    if (slot.need != place.need || slot.part == nullptr) continue;
    const bool stands = success ? slot.part->header.failure == nullptr : !kept;
    kept = kept || stands;
    if (!stands) release(entry, slot.part);
  }
}

void GatherTable::complete(Entries::iterator entry, Joined& joined) {
  Entry& held = entry->second;
  joined.parts.clear();
  joined.deadline = held.deadline;
  for (Slot& slot : held.slots) {
    if (slot.part != nullptr) joined.parts.push_back(std::move(slot.part));
  }
  if (held.slots.size() < held.expected) remember(entry->first, held);
  drop(entry);
}

void GatherTable::remember(RequestId request, const Entry& entry) {
  if (limits_.remembered == 0) return;
  if (went_.size() >= limits_.remembered) {
    if (forget(went_.front())) ++counters_.forgotten;
    went_.pop_front();
  }
  const auto left = entry.expected - static_cast<std::uint32_t>(entry.slots.size());
  remembered_[request] = {entry.attempt, left};
  went_.push_back({request, entry.attempt, entry.deadline});
}

bool GatherTable::forget(const Went& went) {
  const auto past = remembered_.find(went.request);
  if (past == remembered_.end() || past->second.attempt != went.attempt) return false;
  remembered_.erase(past);
  return true;
}

std::size_t GatherTable::expire(Instant now, std::vector<GatheredRequest>* expired) {
  while (!went_.empty() && (went_.front().deadline <= now || remembered_.empty())) {
    forget(went_.front());
    went_.pop_front();
  }
  if (now < next_deadline_) return 0;
  std::size_t requests = 0;
  Instant next = kNever;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto here = entry++;
    if (here->second.deadline <= now) {
      if (expired != nullptr) expired->push_back({here->first, here->second.attempt});
      counters_.expired += drop(here);
      ++requests;
    } else {
      next = std::min(next, here->second.deadline);
    }
  }
  next_deadline_ = next;
  return requests;
}

void GatherTable::drop_request(RequestId request) {
  const auto held = entries_.find(request);
  if (held != entries_.end()) counters_.orphaned += drop(held);
}

std::size_t GatherTable::keep_gateways(std::span<const InstanceId> alive) {
  const auto gone = [alive](const RequestId& request) {
    return std::ranges::find(alive, request.gateway) == alive.end();
  };
  std::erase_if(remembered_, [&](const auto& past) { return gone(past.first); });
  std::size_t requests = 0;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto here = entry++;
    if (!gone(here->first)) continue;
    counters_.orphaned += drop(here);
    ++requests;
  }
  return requests;
}

}  // namespace flow::route
