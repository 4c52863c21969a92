#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "base/units.h"
#include "broker/core.h"

namespace flow::broker {
namespace {

using std::chrono::milliseconds;

constexpr std::array kProbeRounds = {milliseconds(0), milliseconds(10), milliseconds(50),
                                     milliseconds(200)};
constexpr Duration kGatewayPatience = std::chrono::seconds(60);  // to become ready
constexpr Duration kLateGateway = std::chrono::seconds(5);

// Enough silence at once to doubt oneself: more than half of an executor, more than 30 % of all.
constexpr std::size_t kExecutorMin = 3;
constexpr std::size_t kAllMin = 4;
bool most(std::size_t silent, std::size_t total) {
  return silent >= kExecutorMin && 2 * silent > total;
}
bool many(std::size_t silent, std::size_t total) {
  return silent >= kAllMin && 10 * silent > 3 * total;
}

}  // namespace

Duration Core::silence(const Instance& instance, Instant now) const {
  return now - std::max(instance.heard, heard_floor_);
}

// How long an instance may be silent. One that still starts may be busy constructing its executor.
Duration Core::patience(const Instance& instance) const {
  if (!instance.comes_up()) return options_.dead_after;
  if (instance.role == wire::Role::kGateway) return kGatewayPatience;
  const std::uint16_t executor = options_.graph[instance.node].executor;
  return std::max(options_.dead_after, options_.flow.executors[executor].ready_timeout);
}

void Core::heard(Instance& instance, Instant now) {
  instance.heard = now;
  instance.frozen = false;
  if (instance.state != wire::InstanceState::kSuspect) return;
  // Lanes may have come to serve while it was silent: one that publishes is like a new one.
  if (!publishes(instance.node)) return admit(instance, now);
  set_state(instance, wire::InstanceState::kStarting, {}, now);
}

void Core::set_state(Instance& instance, wire::InstanceState state, std::string reason,
                     Instant now) {
  instance.reason = std::move(reason);
  if (instance.state == state) return;
  instance.state = state;
  instance.since = now;
  dirty_ = true;
}

// One round. A broker that was itself late forgets the round: it could not hear.
void Core::check_health(Instant now) {
  if (!begun_ || now < next_check_) return;
  if (now > next_check_ + options_.beat) {
    ++counters_.late;
    heard_floor_ = now;
    log::warn("the broker was {} late and starts listening anew",
              format_duration(now - next_check_));
  }
  next_check_ = now + options_.beat / 2;
  if (now < grace_until_) {
    next_check_ = std::min(next_check_, grace_until_);
    return;
  }
  if (!grace_over_) {
    grace_over_ = true;
    dirty_ = true;
    for (const auto& [id, instance] : instances_) {
      if (instance.recalled) ask(instance);
    }
  }
  std::erase_if(recent_deaths_,
                [&](const auto& death) { return now - death.first > options_.dead_after; });
  std::vector<InstanceId> silent;
  for (const auto& [id, instance] : instances_) {
    if (silence(instance, now) >=
        (instance.comes_up() ? patience(instance) : options_.suspect_after))
      silent.push_back(id);
  }
  if (!silent.empty() && fenced_by_ <= term_) doubt(silent, now);
}

// Who of the silent is suspected, who is declared dead, and for whom the broker rather doubts
// itself.
void Core::doubt(const std::vector<InstanceId>& silent, Instant now) {
  struct Census {
    std::size_t silent = 0;
    std::size_t total = 0;
  };
  std::map<NodeIndex, Census> nodes;
  Census all{silent.size() + recent_deaths_.size(), instances_.size() + recent_deaths_.size()};
  for (const auto& [id, instance] : instances_)
    ++nodes[instance.node].total;
  for (const InstanceId id : silent)
    ++nodes[instances_[id].node].silent;
  for (const auto& [when, node] : recent_deaths_) {
    ++nodes[node].total;
    ++nodes[node].silent;
  }
  bool froze = false;
  for (const InstanceId id : silent) {
    Instance& instance = instances_[id];
    const Census& node = nodes[instance.node];
    const Duration quiet = silence(instance, now);
    if (!instance.comes_up() && (most(node.silent, node.total) || many(all.silent, all.total))) {
      froze = instance.frozen = true;
      ask(instance);
    } else if (quiet >= patience(instance)) {
      die(id, fmt::format("silent for {}", format_duration(quiet)), now, false);
    } else if (instance.serves() || instance.waits() || instance.behind()) {
      set_state(instance, wire::InstanceState::kSuspect,
                fmt::format("silent for {}", format_duration(quiet)), now);
      ask(instance);
    }
  }
  if (froze) ++counters_.frozen;
}

void Core::ask(const Instance& instance) {
  if (instance.ready && !instance.ready->data_address.empty())
    effects_.probe(instance.id, instance.ready->data_address);
}

void Core::connection_lost(Instant now) {
  lost_at_ = now;
  probe_rounds_.clear();
  for (const Duration wait : kProbeRounds)
    probe_rounds_.push_back(now + wait);
}

void Core::probe_silent(Instant now) {
  if (!begun_ || probe_rounds_.empty() || probe_rounds_.front() > now) return;
  std::erase_if(probe_rounds_, [now](Instant round) { return round <= now; });
  for (const auto& [id, instance] : instances_) {
    if (instance.heard <= lost_at_) ask(instance);
  }
}

void Core::probed(InstanceId id, Probed outcome, Instant now) {
  const auto found = instances_.find(id);
  if (found == instances_.end() || outcome != Probed::kRefused) return;
  die(id, fmt::format("nobody listens at {} any more", found->second.ready->data_address), now,
      true);
}

// The instance is gone for good: its id is never heard again, and if it wakes up it is told so.
void Core::die(InstanceId id, const std::string& reason, Instant now, bool confirmed) {
  const auto found = instances_.find(id);
  if (found == instances_.end()) return;
  const Instance instance = std::move(found->second);
  instances_.erase(found);
  if (instance.connection) {
    refuse(*instance.connection,
           fmt::format("{} (instance {}) was given up: {}", instance.name, id.value, reason));
  }
  forget(instance, fmt::format("instance {} was given up: {}", id.value, reason), reason, now);
  if (!confirmed) recent_deaths_.emplace_back(now, instance.node);
  if (recent_deaths_.size() > kMaxRemembered) recent_deaths_.pop_front();
  const bool expected = instance.state == wire::InstanceState::kRetired;
  if (!expected) ++counters_.lost;
  event(expected ? "left" : "lost",
        fmt::format("{} instance {}: {}", instance.name, id.value, reason));
}

// `answer` is what the process hears if it speaks again; empty: nothing.
void Core::forget(const Instance& instance, std::string answer, const std::string& reason,
                  Instant now) {
  dead_[instance.id] = std::move(answer);
  if (dead_.size() > kMaxRemembered) dead_.erase(dead_.begin());
  dirty_ = true;
  Slot& slot = slots_[instance.name];
  if (slot.holder != instance.id) return;
  slot.holder = InstanceId{};
  slot.last_left = reason;
  slot.since = now;
  save_health_of_empty(instance.name, reason, now);
}

void Core::retire(Instance& instance, const std::string& reason, Instant now) {
  if (instance.state == wire::InstanceState::kRetired) return;
  set_state(instance, wire::InstanceState::kRetired, reason, now);
  instance.retired_in = 0;
  instance.retired_at = now;
}

// Of all gateways' requests in flight, the version of the topology the oldest was planned with. A
// gateway that is only suspected has them still.
std::uint64_t Core::oldest_plan() const {
  std::uint64_t oldest = ~std::uint64_t{0};
  for (const auto& [id, instance] : instances_) {
    const bool plans = instance.serves() || instance.state == wire::InstanceState::kSuspect ||
                       (instance.waits() && instance.acked_version > 0);
    if (instance.role == wire::Role::kGateway && plans)
      oldest = std::min(oldest, instance.oldest_plan);
  }
  return oldest;
}

// Retired lanes and instances that no request in flight was planned onto any more leave the
// topology, and the instances are asked to end.
void Core::finish_retired(Instant now) {
  const std::uint64_t oldest = oldest_plan();
  const Duration limit = options_.flow.gateway.deadline + kLateGateway;
  finish_lanes(oldest, limit, now);
  finish_groups(oldest, limit, now);
  std::vector<InstanceId> finished;
  for (const auto& [id, instance] : instances_) {
    if (instance.state != wire::InstanceState::kRetired || instance.retired_in == 0) continue;
    if (oldest >= instance.retired_in || now - instance.retired_at > limit) finished.push_back(id);
  }
  for (const InstanceId id : finished) {
    const Instance instance = std::move(instances_[id]);
    instances_.erase(id);
    if (instance.connection) effects_.send(*instance.connection, wire::Drain{options_.drain_limit});
    forget(instance, {}, "drained", now);
    ++counters_.drained;
    event("drained", fmt::format("{} instance {}", instance.name, id.value));
  }
}

}  // namespace flow::broker
