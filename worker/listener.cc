#include "listener.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <random>
#include <utility>

#include "base/host.h"
#include "base/log.h"
#include "base/notify.h"

namespace flow::worker {
namespace {

constexpr Duration kTurn = std::chrono::microseconds(500);

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
      door_(*this, clock,
            static_cast<std::uint64_t>(clock.now().time_since_epoch().count()) ^
                (std::uint64_t{host_id()} << 32U) ^ static_cast<std::uint64_t>(getpid())),
      core_(options_.config.name, random_incarnation(), {}, *this) {}

Listener::~Listener() = default;

int Listener::run(StopSignal& stop) {
  SoloExecutor executor(options_.config, core_.welcome().gateway, clock_);
  net::StandIn stand_in(
      loop_, [this](Instant now) { return serve(now); }, clock_);
  loop_.watch_fd(stop.fd(), [this, &stop] { on_stop(stop); });
  Status started = open();
  if (started) started = start(stand_in, executor);
  if (!started) {
    fmt::print(stderr, "{}: {}: {}\n", options_.program, options_.config.instance,
               started.error().message);
    return 1;
  }
  loop_.run([&](Instant now) { return turn(stand_in, executor, now); });
  executor.close();
  return 0;
}

Status Listener::open() {
  if (Status opened = door_.open(context_, ListenerLimits{}.request); !opened) return opened;
  Result<std::string> bound = door_.bind(options_.address);
  if (!bound) return std::move(bound).error();
  bound_ = *std::move(bound);
  return {};
}

// Nobody is let in before the executor is there.
Status Listener::start(net::StandIn& stand_in, SoloExecutor& executor) {
  Status started;
  stand_in.during([&] { started = executor.start(options_.factory); });
  if (!started) return started;
  loop_.watch(door_.socket(), [this] { door_.receive(); });
  fmt::print("{} listens at {}\n", options_.config.instance, bound_);
  std::fflush(stdout);
  notify_supervisor("READY=1");
  return {};
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

// Answers go out together, but none waits for long; then whoever else is there.
Instant Listener::turn(net::StandIn& stand_in, SoloExecutor& executor, Instant now) {
  const Instant enough = now + kTurn;
  while (!to_do_.empty() && now < enough) {
    Work work = std::move(to_do_.front());
    to_do_.pop_front();
    WorkDone done;
    stand_in.during([&] { done = executor.run(std::move(work), ListenerLimits{}.request); });
    now = clock_.now();
    core_.on_done(std::move(done), now);
  }
  const Instant next = serve(now);
  if (core_.drained()) loop_.stop();
  return to_do_.empty() ? next : now;
}

Instant Listener::serve(Instant now) {
  const Instant next = core_.tick(now);
  door_.flush(door_.together());
  for (const net::PeerId client : door_.take_gone())
    core_.on_gone(CallerId{client.value});
  return next;
}

bool Listener::acceptable(net::PeerId client, const wire::Request& request) {
  return core_.acceptable(CallerId{client.value}, request);
}

void Listener::on_request(net::PeerId client, wire::Request&& request, Instant arrived) {
  core_.on_request(CallerId{client.value}, std::move(request), arrived);
}

void Listener::on_cancel(net::PeerId client, std::uint64_t request, Instant /*arrived*/) {
  core_.on_cancel(CallerId{client.value}, request);
}

void Listener::answer(CallerId caller, const wire::Response& response) {
  door_.answer(net::PeerId{caller.value}, response);
}

}  // namespace flow::worker
