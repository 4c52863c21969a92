#include "reporter.h"

#include <algorithm>

namespace flow::worker {
namespace {

constexpr double kFeedbackUs = 11'000;  // until a finish is known at the gateway, and a little more
constexpr std::uint32_t kMaxWindow = 1024;
constexpr std::uint32_t kFirstWindow = 8;
constexpr double kSmoothing = 0.05;
constexpr std::size_t kLook = 16;  // receipts; executions end nearly in the order of theirs

bool is_receipt_of(const wire::Progress& entry, const wire::Progress& finish) {
  return entry.sequence == finish.sequence && entry.attempt == finish.attempt &&
         entry.finished == 0;
}

}  // namespace

Reporter::Gateway& Reporter::find(InstanceId id) {
  for (Gateway& gateway : gateways_) {
    if (gateway.id == id) return gateway;
  }
  Gateway& gateway = gateways_.emplace_back();
  gateway.id = id;
  return gateway;
}

void Reporter::set_gateways(std::span<const InstanceId> gateways) {
  std::erase_if(gateways_, [gateways](const Gateway& gateway) {
    return std::ranges::count(gateways, gateway.id) == 0;
  });
  for (const InstanceId id : gateways)
    find(id).known = true;
}

// Nearly always the oldest is meant.
bool Reporter::replace_receipt(Gateway& gateway, const wire::Progress& finish) {
  if (gateway.receipts == gateway.pending.size() ||
      !is_receipt_of(gateway.pending[gateway.receipts], finish))
    return replace_later_receipt(gateway, finish);
  gateway.pending[gateway.receipts++] = finish;
  return true;
}

// Whether the receipt was still to be told; looks at the oldest few.
bool Reporter::replace_later_receipt(Gateway& gateway, const wire::Progress& finish) {
  wire::Progress* const begin = gateway.pending.data();
  wire::Progress* const end = begin + gateway.pending.size();
  wire::Progress* at = begin + gateway.receipts;
  while (at != end && at->finished != 0)
    ++at;
  gateway.receipts = static_cast<std::size_t>(at - begin);
  for (std::size_t left = kLook; at != end && left > 0; ++at, --left) {
    if (!is_receipt_of(*at, finish)) continue;
    *at = finish;
    return true;
  }
  return false;
}

void Reporter::append(Gateway& gateway, const wire::Progress& progress, Instant now) {
  if (gateway.pending.size() >= kMaxPending) {
    ++dropped_;
    return;
  }
  gateway.pending.push_back(progress);
  gateway.changed = std::min(gateway.changed, now);
}

void Reporter::add(InstanceId id, const wire::Progress& progress, Instant now) {
  const bool first = !gateways_.empty() && gateways_.front().id == id;
  Gateway& gateway = first ? gateways_.front() : find(id);
  if (progress.finished == 0) {
    ++gateway.outstanding;
    return append(gateway, progress, now);
  }
  if (gateway.outstanding > 0) --gateway.outstanding;
  ++gateway.finished;
  const double service = progress.service_us;
  service_us_ = measured_ ? service_us_ + kSmoothing * (service - service_us_) : service;
  measured_ = true;
  if (!replace_receipt(gateway, progress)) append(gateway, progress, now);
}

std::uint32_t Reporter::half_window() const {
  if (!measured_) return kFirstWindow / 2;
  const double window = concurrency_ * (2 + kFeedbackUs / std::max(service_us_, 1.0));
  const auto bounded = static_cast<std::uint32_t>(std::min<double>(window, kMaxWindow));
  return std::max(bounded / 2, 1U);
}

Instant Reporter::due(const Gateway& gateway) const {
  if (!gateway.known) return kNever;
  if (gateway.finished >= half_window()) return gateway.changed;
  if (!gateway.pending.empty()) return gateway.changed + kSoon;
  return gateway.outstanding > 0 ? gateway.reported + kSeldom : kNever;
}

bool Reporter::take_due(Instant now, InstanceId& id, std::vector<wire::Progress>& entries) {
  const auto found = std::ranges::find_if(
      gateways_, [this, now](const Gateway& gateway) { return due(gateway) <= now; });
  if (found == gateways_.end()) return false;
  Gateway& gateway = *found;
  id = gateway.id;
  entries.clear();
  gateway.reported = now;
  gateway.receipts = 0;
  if (gateway.pending.size() <= kMaxEntries) {
    entries.swap(gateway.pending);
    gateway.finished = 0;
    gateway.changed = kNever;
    return true;
  }
  const auto end = gateway.pending.begin() + static_cast<std::ptrdiff_t>(kMaxEntries);
  entries.assign(gateway.pending.begin(), end);
  gateway.pending.erase(gateway.pending.begin(), end);
  return true;  // the rest is due at once: nothing that made this due has changed
}

bool Reporter::quiet() const {
  return std::ranges::none_of(gateways_,
                              [](const Gateway& g) { return g.known && !g.pending.empty(); });
}

bool Reporter::has_work() const {
  return std::ranges::any_of(gateways_, [](const Gateway& g) { return g.outstanding > 0; });
}

Instant Reporter::next() const {
  Instant next = kNever;
  for (const Gateway& gateway : gateways_)
    next = std::min(next, due(gateway));
  return next;
}

}  // namespace flow::worker
