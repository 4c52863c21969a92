#include "far_end.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace flow::worker {
namespace {

constexpr Duration kGoodbye = std::chrono::milliseconds(200);

}  // namespace

FarEnd::FarEnd(net::Context& context, const Clock& clock, std::string name,
               ForwarderOptions options)
    : address_(options.address),
      connection_(context, clock, address_, std::move(name), Forwarder::kLimit, *this),
      forwarder_(std::move(options), connection_.core(), clock) {}

// Whoever looks into the log finds since when the far end is away.
Instant FarEnd::turn(Instant now) {
  const Instant tick = forwarder_.tick(now, connection_.trouble());
  const bool away = forwarder_.away() && now >= forwarder_.gives_up_at();
  if (away != said_away_) {
    said_away_ = away;
    if (away) log::warn("nobody answers address={} reason=\"{}\"", address_, connection_.trouble());
  }
  return std::min(tick, connection_.turn(now));
}

void FarEnd::on_welcome(const wire::ClientWelcome& welcome) {
  log::info("connected address={} flow={}", address_, welcome.flow);
}

void FarEnd::close() {
  forwarder_.set_finish([](Ticket, Executed) {});
  connection_.shut_down(kGoodbye);
}

}  // namespace flow::worker
