// A closed loop of requests through the client library: so many in flight, the next when one is
// answered, until stop(). Counts outcomes and notices wrong, double and missing answers.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "flow_process.h"

namespace flow::testing {

struct LoadOptions {
  std::string endpoint = "/x";
  std::uint32_t in_flight = 16;
  Duration timeout{};  // 0: the flow's deadline
};

// Made and ended on one thread; answers arrive on the client's.
class Load {
 public:
  Load(Client client, LoadOptions options = {});
  ~Load();  // stop()
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  std::uint64_t answered() const { return answered_.load(); }
  // Until `more` further requests were answered; false when that takes too long.
  bool answer(std::uint64_t more, Duration patience = kPatience) const;

  // What is under way is the last.
  void send_no_more() { stopping_ = true; }

  // Sends no more and waits for what is under way; false when some were not answered in time.
  bool stop(Duration patience = kPatience);

  // After stop().
  std::uint64_t sent() const { return next_.load(); }
  std::uint64_t ok() const { return count(Errc::kOk); }
  std::uint64_t count(Errc code) const;
  std::uint64_t failed() const { return answered_.load() - ok(); }
  std::uint64_t wrong() const { return wrong_.load(); }  // OK with another request's document
  std::uint64_t most_attempts() const { return most_attempts_.load(); }
  std::string summary() const;  // for messages: codes with counts, the first failure
  Duration slowest() const { return slowest_; }

 private:
  void send();
  void take(std::uint64_t number, Instant sent_at, const Reply& reply);

  LoadOptions options_;
  std::atomic<std::uint64_t> next_ = 0;
  std::atomic<std::uint64_t> answered_ = 0;
  std::atomic<std::uint64_t> wrong_ = 0;
  std::atomic<std::uint64_t> most_attempts_ = 0;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;  // the rest below
  std::map<Errc, std::uint64_t> codes_;
  std::string first_failure_;
  Duration slowest_{};
  std::unique_ptr<Client> client_;  // last: its thread calls take() until it is gone
};

}  // namespace flow::testing
