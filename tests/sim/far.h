// The far end of an external executor, and the forwarder that stands for it: the real client core
// and Forwarder over a simulated connection. The far end executes many requests at once, so its
// answers come in any order. Of a request with an odd number of documents that it executes it
// answers that it had to do without kLacks.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "client/core.h"
#include "script.h"
#include "worker/execution.h"
#include "worker/forwarder.h"
#include "worker/solo_executor.h"
#include "world.h"

namespace flow::sim {

class FarEnd final : private client::Link {
 public:
  static inline const wire::MissingShard kLacks{"inner", 1};

  // `owner` is the forwarding process: what comes back to one that has died is lost. `instance` is
  // its name, and in the results of the far end, so that they look as if it had executed itself.
  // `arrived` is called when something came back.
  FarEnd(World& world, const Clock& clock, ProcessId owner, const std::string& executor,
         const std::string& instance, const Program& program, Duration service,
         std::function<void()> arrived);
  ~FarEnd() override;

  worker::Forwarder& forwarder() { return forwarder_; }
  Instant tick(Instant now);

  // Dies with all it has, and is there again after `down` as another incarnation.
  void die(Duration down);

 private:
  void send_hello() override;
  void send_request(const wire::Request& request) override;
  void send_cancel(std::uint64_t /*id*/) override {}
  void send_ping() override;
  void reopen() override {}
  void deliver(const Client::OnReply& on_reply, bool open_documents, Reply&& reply) override;

  void comes_back(Duration after, std::function<void()> what);

  World& world_;
  const Clock& clock_;
  const ProcessId owner_;
  const Duration service_;
  const std::function<void()> arrived_;
  const Program program_;
  ExecutorConfig config_;
  worker::SoloExecutor executor_;
  client::Core core_;
  worker::Forwarder forwarder_;
  Instant there_at_{};
  std::uint32_t incarnation_ = 1;
};

}  // namespace flow::sim
