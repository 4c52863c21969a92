#include "far_end.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace flow::worker {
namespace {

constexpr Duration kGoodbye = std::chrono::milliseconds(200);

}  // namespace

FarEnd::FarEnd(net::Context& context, const Clock& clock, Shared& shared, std::string name,
               ForwarderOptions options)
    : address_(options.address),
      shared_(shared),
      connection_(context, clock, address_, std::move(name), Forwarder::kLimit, *this),
      forwarder_(std::move(options), connection_.core(), clock) {}

Instant FarEnd::turn(Instant now) {
  const Instant tick = forwarder_.tick(now, connection_.trouble());
  tell();
  return std::min(tick, connection_.turn(now));
}

// Whoever looks at the flow's status or into the log finds since when the far end is away.
void FarEnd::tell() {
  const Instant away_since = forwarder_.away_since();
  if (away_since == kNever && told_.away_since == kNever) return;
  FarState state{away_since, away_since == kNever ? std::string() : forwarder_.nobody_there()};
  if (state == told_) return;
  if (told_.away_since == kNever)
    log::warn("nobody answers address={} reason=\"{}\"", address_, connection_.trouble());
  told_ = state;
  shared_.put_far(std::move(state));
}

void FarEnd::on_welcome(const wire::ClientWelcome& welcome) {
  log::info("connected address={} flow={}", address_, welcome.flow);
}

void FarEnd::close() {
  forwarder_.set_finish([](Ticket, Executed) {});
  connection_.shut_down(kGoodbye);
}

}  // namespace flow::worker
