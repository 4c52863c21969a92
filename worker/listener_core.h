// What a worker that listens on its own does with requests: takes or refuses them at once, hands
// them to the executor in the order they came, and answers each exactly once, by its deadline.
// Pure: no socket, no clock, no thread.
//
// The listener owns one. Bounded: Limits; what is above is refused OVERLOADED. At most kAhead
// requests are with the executor, of which it executes one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "route/target_filter.h"
#include "wire/client_messages.h"
#include "wire/topology.h"

namespace flow::worker {

// A client's connection, as the service numbers them.
struct CallerId {
  std::uint32_t value = 0;
  friend auto operator<=>(CallerId, CallerId) = default;
};

// A request on its way to the executor, and back.
struct Work {
  std::uint64_t number = 0;
  std::string endpoint;
  Bytes parameters;
  Bytes payload;
  Instant deadline{};
  bool passes = false;  // the target names somebody else: the documents go back untouched
};

struct WorkDone {
  std::uint64_t number = 0;
  std::unique_ptr<wire::Failure> failure;
  Bytes payload;
  Bytes results;
  bool executed = false;
  Instant begun{};
  Instant ended{};
};

class ListenerPort {
 public:
  virtual ~ListenerPort() = default;
  virtual void execute(Work work) = 0;
  virtual void answer(CallerId caller, const wire::Response& response) = 0;
};

struct ListenerLimits {
  std::size_t requests = 4096;                   // taken and not answered
  std::uint64_t bytes = 256ULL << 20;            // of them
  std::uint64_t request = 512ULL << 20;          // of one, as the largest flow allows
  Duration deadline = std::chrono::seconds(30);  // of a request that names none
};

class ListenerCore {
 public:
  static constexpr std::size_t kAhead = 2;

  // `name` is the executor's, in answers too; `incarnation` another one in each process.
  ListenerCore(std::string name, InstanceId incarnation, ListenerLimits limits, ListenerPort& port);

  wire::ClientWelcome welcome() const;

  // Whether a request of this size would be taken now; refuses it if not.
  bool acceptable(CallerId caller, const wire::Request& request);

  void on_request(CallerId caller, wire::Request request, Instant now);
  void on_cancel(CallerId caller, std::uint64_t request);
  void on_gone(CallerId caller);
  void on_done(WorkDone done, Instant now);

  // Ends what its time is up for; when it wants to be called again.
  Instant tick(Instant now);

  // From now on everything new is refused.
  void drain() { draining_ = true; }
  bool drained() const { return draining_ && open_.empty() && with_executor_ == 0; }

  std::size_t open() const { return open_.size(); }
  std::uint64_t executed() const { return executed_; }
  std::uint64_t refused() const { return refused_; }

 private:
  // Taken and not answered, oldest first.
  struct Open {
    std::uint64_t number = 0;
    CallerId caller;
    std::uint64_t request = 0;  // the caller's id
    Instant arrived{};
    Instant deadline{};
    std::uint64_t bytes = 0;
  };

  void refuse(CallerId caller, std::uint64_t request, Errc code, std::string message);
  void pump();
  void finish(const Open& open, wire::Response& response, Instant now);
  void drop_where(CallerId caller, const std::optional<std::uint64_t>& request);
  std::deque<Open>::iterator find(std::uint64_t number);

  const std::string name_;
  const InstanceId incarnation_;
  const ListenerLimits limits_;
  ListenerPort& port_;
  wire::Topology self_;  // one node, for the target
  route::TargetFilter targets_;
  std::deque<Open> open_;
  std::deque<Work> waiting_;   // not with the executor yet, oldest first; ended ones are skipped
  Instant earliest_ = kNever;  // no deadline is before this
  std::size_t with_executor_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t number_ = 0;
  std::uint64_t executed_ = 0;
  std::uint64_t refused_ = 0;
  bool draining_ = false;
};

}  // namespace flow::worker
