#include "flowctl/supervisor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/units.h"
#include "flowctl/exit_code.h"
#include "flowctl/output.h"
#include "flowctl/status_view.h"
#include "net/socket.h"

namespace flow::flowctl {
namespace {

constexpr Duration kRedisPoll = std::chrono::milliseconds(1);
constexpr Duration kFirstNarration = std::chrono::seconds(1);
constexpr Duration kNarration = std::chrono::seconds(1);

}  // namespace

Supervisor::Supervisor(Launch launch, SupervisorOptions options, StopSignal& stop,
                       ChildSignal& children, OnReady on_ready)
    : launch_(std::move(launch)),
      options_(options),
      stop_(stop),
      children_(children),
      on_ready_(std::move(on_ready)) {
  for (Planned& planned : launch_.processes) {
    Process process;
    process.planned = std::move(planned);
    processes_.push_back(std::move(process));
  }
  endpoints_.flow = launch_.flow;
  endpoints_.broker = launch_.broker;
  endpoints_.redis = launch_.redis;
}

int Supervisor::run() {
  began_ = clock_.now();
  loop_.watch_fd(stop_.fd(), [this] { take_signals(); });
  loop_.watch_fd(children_.fd(), [this] { take_children(); });
  start_redis(began_);
  loop_.run([this](Instant now) { return step(now); });
  return exit_code_;
}

Instant Supervisor::step(Instant now) {
  if (phase_ == Phase::kDraining || phase_ == Phase::kEnding) return drain_step(now);
  if (phase_ == Phase::kRedis) {
    if (net::probe("ipc://" + launch_.run_dir + "/redis.sock") == net::Listening::kYes) {
      start_rest(now);
    } else if (now < began_ + options_.wait_ready) {
      return now + kRedisPoll;
    }
  }
  if (phase_ == Phase::kRedis || phase_ == Phase::kStarting) {
    if (now >= began_ + options_.wait_ready) {
      give_up_waiting();
      return drain_step(now);
    }
    if (now >= next_status_) ask_status(now);
    return std::min(began_ + options_.wait_ready, next_status_);
  }
  restart_due(now);
  Instant next = kNever;
  for (const Process& process : processes_)
    next = std::min(next, process.restart_at);
  return next;
}

void Supervisor::start_redis(Instant now) {
  if (!launch_.private_redis) {
    start_rest(now);
    return;
  }
  for (Process& process : processes_) {
    if (process.planned.part == Part::kRedis && !start(process, now)) return;
  }
  record();
}

void Supervisor::start_rest(Instant now) {
  phase_ = Phase::kStarting;
  // Early enough that giving up knows whom it waited for.
  next_status_ = now + std::min(kFirstNarration, (began_ + options_.wait_ready - now) / 2);
  for (Process& process : processes_) {
    if (process.pid == 0 && !start(process, now)) return;
  }
  record();
  if (Status opened = open_link(); !opened) {
    say("{}", opened.error().message);
    begin_drain(kExitNo, now);
    return;
  }
  wait_id_ = link_->send("wait", {{"state", "ready"}});
}

bool Supervisor::start(Process& process, Instant now) {
  process.restart_at = kNever;
  Result<pid_t> pid = spawn(process.planned.spec);
  if (!pid) {
    say("{}", pid.error().message);
    if (phase_ != Phase::kRunning) {
      exit_code_ = kExitNo;
      kill_all();
    }
    return false;
  }
  process.pid = *pid;
  process.started = now;
  return true;
}

Status Supervisor::open_link() {
  Result<AdminLink> link = AdminLink::open(context_, launch_.broker);
  if (!link) return std::move(link).error();
  link_ = std::move(*link);
  loop_.watch(link_->socket(), [this] { take_replies(); });
  return {};
}

void Supervisor::take_replies() {
  while (auto reply = link_->receive()) {
    const bool good = reply->code == Errc::kOk;
    if (reply->id == wait_id_ && phase_ == Phase::kRunning) {  // after a restart of the gateway
      status_id_ = link_->send("status");
    } else if (reply->id == wait_id_ && phase_ == Phase::kStarting) {
      if (!good) {
        say("the broker does not wait: {}", reply->message);
        begin_drain(kExitNo, clock_.now());
        return;
      }
      ready_said_ = true;
      status_id_ = link_->send("status");
    } else if (reply->id == status_id_ && good) {
      last_status_ = std::move(reply->value);
      if (phase_ == Phase::kStarting && ready_said_) {
        become_ready(last_status_);
      } else if (phase_ == Phase::kStarting) {
        narrate_waiting(last_status_);
      } else if (phase_ == Phase::kRunning) {
        note_gateway(last_status_);
      }
    }
  }
}

void Supervisor::ask_status(Instant now) {
  next_status_ = now + kNarration;
  const bool unanswered = status_id_ != 0 && last_status_.empty();
  if (unanswered && options_.narrate && last_narration_.empty()) {
    last_narration_ = "the broker";
    say("waiting for the broker");
  }
  if (link_) status_id_ = link_->send("status");
}

void Supervisor::narrate_waiting(const ValueMap& status) {
  if (!options_.narrate) return;
  const std::vector<std::string> names = not_ready(status);
  const std::string line = fmt::format("waiting for {}", fmt::join(names, ", "));
  if (names.empty() || line == last_narration_) return;
  last_narration_ = line;
  say("{}", line);
}

void Supervisor::note_gateway(const ValueMap& status) {
  const std::string address = gateway_address(status);
  if (address.empty() || address == endpoints_.gateway) return;
  endpoints_.gateway = address;
  record();
}

void Supervisor::become_ready(const ValueMap& status) {
  phase_ = Phase::kRunning;
  note_gateway(status);
  on_ready_(endpoints_, status);
}

void Supervisor::restart_due(Instant now) {
  bool any = false;
  bool gateway = false;
  for (Process& process : processes_) {
    if (process.restart_at > now) continue;
    any = true;
    if (start(process, now)) {
      say("started {} again (pid {})", process.planned.spec.name, process.pid);
      gateway = gateway || process.planned.part == Part::kGateway;
    } else {
      const std::optional<Duration> delay = process.policy.died(now, now);
      process.restart_at = delay ? now + *delay : kNever;
    }
  }
  if (any) record();
  // Its port may be another one now; the answer comes when the broker knows it.
  if (gateway && link_) wait_id_ = link_->send("wait", {{"state", "ready"}});
}

void Supervisor::give_up_waiting() {
  std::vector<std::string> names = not_ready(last_status_);
  if (last_status_.empty()) {
    names = {phase_ == Phase::kRedis ? "redis (does not listen on its socket)"
                                     : "the broker (does not answer)"};
  }
  say("flow '{}' is not ready after {}; waited for {}", launch_.flow,
      format_duration(options_.wait_ready), fmt::join(names, ", "));
  begin_drain(kExitTimeout, clock_.now());
}

void Supervisor::record() {
  endpoints_.pids.clear();
  endpoints_.pids.emplace_back(kSupervisorName, ::getpid());
  for (const Process& process : processes_) {
    if (process.pid > 0) endpoints_.pids.emplace_back(process.planned.spec.name, process.pid);
  }
  if (Status written = write_endpoints(launch_.run_dir, endpoints_); !written) {
    say("{}", written.error().message);
  }
}

}  // namespace flow::flowctl
