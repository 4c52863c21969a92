// The far end of an external executor, as the data loop of its forwarder sees it: a connection, and
// the Forwarder that executes over it.
//
// Made, used and destroyed on the data thread; both stand on its loop.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"
#include "client/connection.h"
#include "forwarder.h"
#include "net/context.h"
#include "net/loop.h"
#include "shared.h"

namespace flow::worker {

class FarEnd final : private client::ConnectionOwner {
 public:
  // `name` is the instance's; the far end's people see it. `shared`: where the control thread looks
  // whether somebody answers there. All references outlive it.
  FarEnd(net::Context& context, const Clock& clock, Shared& shared, std::string name,
         ForwarderOptions options);

  // Begins to connect, on this loop. It is no error when nobody is there.
  Status open(net::Loop& loop) { return connection_.open(loop); }

  Forwarder& forwarder() { return forwarder_; }

  // Does what is due and sends what this turn has; when it wants to be called next.
  Instant turn(Instant now);

  // Tells the far end what nobody waits for any more.
  void close();

 private:
  void on_welcome(const wire::ClientWelcome& welcome) override;
  void on_stranger(const Error& /*error*/) override {}
  void before_reply() override {}

  void tell();

  const std::string address_;
  Shared& shared_;
  client::Connection connection_;
  Forwarder forwarder_;
  FarState told_;
};

}  // namespace flow::worker
