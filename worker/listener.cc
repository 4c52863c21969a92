#include "listener.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <random>
#include <utility>

#include "base/check.h"
#include "base/host.h"
#include "base/log.h"
#include "base/notify.h"
#include "solo_executor.h"

namespace flow::worker {
namespace {

// Flows tell by it that this process is not the one they spoke to before.
InstanceId random_incarnation() {
  std::random_device source;
  return InstanceId{source() | 1U};
}

}  // namespace

Listener::Listener(ListenerOptions options, net::Context& context, const Clock& clock)
    : options_(std::move(options)),
      context_(context),
      clock_(clock),
      loop_(clock),
      door_(*this, static_cast<std::uint64_t>(clock.now().time_since_epoch().count()) ^
                       (std::uint64_t{host_id()} << 32U) ^ static_cast<std::uint64_t>(getpid())),
      core_(options_.config.name, random_incarnation(), {}, *this) {}

Listener::~Listener() = default;

int Listener::run(StopSignal& stop) {
  if (Status opened = door_.open(context_, ListenerLimits{}.request); !opened) {
    fail(opened.error());
    return exit_code_;
  }
  Result<std::string> bound = door_.bind(options_.address);
  if (!bound) {
    fail(bound.error());
    return exit_code_;
  }
  bound_ = *std::move(bound);
  loop_.watch_fd(stop.fd(), [this, &stop] { on_stop(stop); });
  loop_.watch_fd(front_waker_.fd(), [this] { take_results(); });
  solo_ = std::thread([this] { run_solo(); });
  loop_.run([this](Instant now) { return before_wait(now); });
  ending_.store(true, std::memory_order_release);
  solo_waker_.signal();
  solo_.join();
  return exit_code_;
}

void Listener::fail(const Error& error) {
  fmt::print(stderr, "{}: {}: {}\n", options_.program, options_.config.instance, error.message);
  exit_code_ = 1;
  loop_.stop();
}

// The first asks to finish what was taken, a second one does not wait.
void Listener::on_stop(StopSignal& stop) {
  while (stop.take() != 0) {
    if (draining_) {
      std::fflush(nullptr);
      _exit(1);
    }
    draining_ = true;
    core_.drain();
    notify_supervisor("STOPPING=1");
    log::info("draining open={}", core_.open());
  }
}

Instant Listener::before_wait(Instant now) {
  take_start();
  const Instant next = core_.tick(now);
  door_.flush();
  for (const net::PeerId client : door_.take_gone())
    core_.on_gone(CallerId{client.value});
  if (core_.drained()) loop_.stop();
  return next;
}

// Nobody is let in before the executor is there.
void Listener::take_start() {
  std::optional<Status> start;
  {
    const std::lock_guard lock(start_mutex_);
    start = std::exchange(start_, std::nullopt);
  }
  if (!start) return;
  if (!*start) {
    fail(start->error());
    return;
  }
  loop_.watch(door_.socket(), [this] { door_.receive(); });
  fmt::print("{} listens at {}\n", options_.config.instance, bound_);
  std::fflush(stdout);
  notify_supervisor("READY=1");
}

bool Listener::acceptable(net::PeerId client, const wire::Request& request) {
  return core_.acceptable(CallerId{client.value}, request);
}

void Listener::on_request(net::PeerId client, wire::Request request) {
  core_.on_request(CallerId{client.value}, std::move(request), clock_.now());
}

void Listener::on_cancel(net::PeerId client, std::uint64_t request) {
  core_.on_cancel(CallerId{client.value}, request);
}

void Listener::execute(Work work) {
  const bool taken = to_solo_.push(std::move(work));
  FLOW_CHECK(taken, "more requests with the executor than kAhead");
  solo_waker_.signal();
}

void Listener::answer(CallerId caller, const wire::Response& response) {
  door_.answer(net::PeerId{caller.value}, response);
}

void Listener::take_results() {
  front_waker_.drain();
  while (std::optional<WorkDone> done = from_solo_.pop())
    core_.on_done(*std::move(done), clock_.now());
}

void Listener::run_solo() {
  SoloExecutor executor(options_.config, core_.welcome().gateway, clock_);
  Status started = executor.start(options_.factory);
  const bool serves = started.ok();
  {
    const std::lock_guard lock(start_mutex_);
    start_ = std::move(started);
  }
  front_waker_.signal();
  if (!serves) return;
  net::Loop loop(clock_);
  loop.watch_fd(solo_waker_.fd(), [this] { solo_waker_.drain(); });
  loop.run([this, &executor, &loop](Instant) {
    while (std::optional<Work> work = to_solo_.pop()) {
      const bool taken = from_solo_.push(executor.run(*std::move(work), ListenerLimits{}.request));
      FLOW_CHECK(taken, "more results than requests");
      front_waker_.signal();
    }
    if (ending_.load(std::memory_order_acquire)) loop.stop();
    return kNever;
  });
  executor.close();
}

}  // namespace flow::worker
