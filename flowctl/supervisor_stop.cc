// How a Supervisor's processes end: by themselves, in a drain, or by force.
#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "base/units.h"
#include "flowctl/exit_code.h"
#include "flowctl/output.h"
#include "flowctl/supervisor.h"

namespace flow::flowctl {
namespace {

// Who is asked to end, one after the other, and its share of the time; what one leaves over goes to
// the next.
struct Stage {
  Part part;
  double share;
};
constexpr std::array<Stage, 4> kStages = {{
    {Part::kGateway, 0.7},
    {Part::kWorker, 0.8},
    {Part::kBroker, 0.9},
    {Part::kRedis, 1.0},
}};
constexpr std::size_t kShownLines = 20;

Duration share_of(Duration whole, double share) {
  return Duration(static_cast<std::int64_t>(static_cast<double>(whole.count()) * share));
}

}  // namespace

void Supervisor::take_children() {
  children_.drain();
  const Instant now = clock_.now();
  int status = 0;
  for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0;
       pid = ::waitpid(-1, &status, WNOHANG)) {
    const auto it = std::ranges::find(processes_, pid, &Process::pid);
    if (it != processes_.end()) ended(*it, status, now);
  }
}

void Supervisor::ended(Process& process, int wait_status, Instant now) {
  const pid_t pid = std::exchange(process.pid, 0);
  if (phase_ == Phase::kDraining || phase_ == Phase::kEnding) return;
  if (phase_ != Phase::kRunning) {
    failed_start(process, wait_status);
    return;
  }
  const std::string& name = process.planned.spec.name;
  const std::string what =
      fmt::format("{} (pid {}) ended: {}", name, pid, describe_end(wait_status));
  const std::optional<Duration> delay = process.policy.died(process.started, now);
  if (!options_.restart || !process.planned.restart) {
    say("{}; it stays down ({})", what, options_.restart ? "restart = false" : "--no-restart");
  } else if (!delay) {
    say("{}; it stays down: {} deaths within {}; its log: {}", what, RestartPolicy::kMostDeaths,
        format_duration(RestartPolicy::kWindow), process.planned.spec.log);
  } else {
    process.restart_at = now + *delay;
    say("{}; starting it again in {}", what, format_duration(*delay));
  }
  record();
}

void Supervisor::failed_start(const Process& process, int wait_status) {
  say("{} ended before the flow was ready: {}", process.planned.spec.name,
      describe_end(wait_status));
  const std::string lines = last_lines(process.planned.spec.log, kShownLines);
  if (!lines.empty()) say("its last output:\n{}", lines);
  exit_code_ = kExitNo;
  kill_all();
}

void Supervisor::take_signals() {
  for (int signal = stop_.take(); signal != 0; signal = stop_.take()) {
    if (phase_ == Phase::kDraining) {
      exit_code_ = kExitInterrupted;
      kill_all();
    } else if (phase_ != Phase::kEnding) {
      const bool started = phase_ == Phase::kRunning;
      begin_drain(started ? kExitOk : (signal == SIGINT ? kExitInterrupted : kExitNo),
                  clock_.now());
    }
  }
}

void Supervisor::begin_drain(int exit_code, Instant now) {
  if (phase_ == Phase::kDraining || phase_ == Phase::kEnding) return;
  exit_code_ = exit_code;
  phase_ = Phase::kDraining;
  for (Process& process : processes_)
    process.restart_at = kNever;
  drain_until_ = now + options_.drain;
  if (link_) link_->send("drain");
  stage_ = 0;
  stage_until_ = now + share_of(options_.drain, kStages[0].share);
  signal_part(kStages[0].part, SIGTERM);
}

Instant Supervisor::drain_step(Instant now) {
  if (!anyone(std::nullopt)) {
    loop_.stop();
    return now;
  }
  if (phase_ == Phase::kEnding) return kNever;
  while (stage_ < kStages.size() && !anyone(kStages[stage_].part))
    next_stage(now);
  if (stage_ < kStages.size() && now >= stage_until_) {
    kill_late(kStages[stage_].part);
    stage_until_ = kNever;
  }
  return stage_until_;
}

void Supervisor::next_stage(Instant now) {
  if (++stage_ >= kStages.size()) return;
  const Duration left = share_of(options_.drain, 1.0 - kStages[stage_].share);
  stage_until_ = std::max(drain_until_ - left, now);
  signal_part(kStages[stage_].part, SIGTERM);
}

void Supervisor::signal_part(Part part, int signal) {
  for (const Process& process : processes_) {
    if (process.pid > 0 && process.planned.part == part) ::kill(process.pid, signal);
  }
}

void Supervisor::kill_all() {
  phase_ = Phase::kEnding;
  for (Process& process : processes_) {
    process.restart_at = kNever;
    if (process.pid > 0) ::kill(process.pid, SIGKILL);
  }
}

void Supervisor::kill_late(Part part) {
  std::vector<std::string> names;
  for (const Process& process : processes_) {
    if (process.pid > 0 && process.planned.part == part) {
      names.push_back(fmt::format("{} (pid {})", process.planned.spec.name, process.pid));
    }
  }
  say("killed, because it did not end in time: {}", fmt::join(names, ", "));
  signal_part(part, SIGKILL);
}

bool Supervisor::anyone(std::optional<Part> part) const {
  return std::ranges::any_of(processes_, [part](const Process& process) {
    return process.pid > 0 && (!part || process.planned.part == *part);
  });
}

}  // namespace flow::flowctl
