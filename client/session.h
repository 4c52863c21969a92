// The client's thread: owns the Connection, and takes requests over from other threads.
//
// submit() from any thread; on the client's own thread (inside on_reply) it goes straight to the
// socket. Elsewhere requests are handed over in batches: a vector under a mutex, one wake-up per
// batch. The gate bounds how many there can be.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "client/connection.h"
#include "client/core.h"
#include "client/gate.h"
#include "flow/client.h"
#include "net/context.h"
#include "net/loop.h"
#include "wire/client_messages.h"

namespace flow::client {

class Session final : private ConnectionOwner {
 public:
  Session(std::string address, ClientOptions options);
  ~Session() override;  // cancels what is outstanding and ends the thread

  // Starts the thread and waits for the first welcome.
  Status open();

  wire::ClientWelcome welcome() const;

  // Of the welcome, what each request is measured by. Any thread, without waiting for another.
  Duration deadline() const { return Duration(deadline_ns_.load(std::memory_order_relaxed)); }
  std::uint64_t max_request_bytes() const {
    return max_request_bytes_.load(std::memory_order_relaxed);
  }

  Gate& gate() { return gate_; }

  // Not the instant of the turn, on the client's own thread either: callbacks may take long.
  Instant now() const { return clock_.now(); }
  bool on_own_thread() const { return std::this_thread::get_id() == thread_.get_id(); }

  // Takes a request whose place at the gate is taken; it is given back just before the reply is
  // delivered. `now` is what now() said a moment ago.
  void submit(Submission&& submission, Instant now);

 private:
  void on_welcome(const wire::ClientWelcome& welcome) override;
  void on_stranger(const Error& error) override { finish_start(error); }
  void before_reply() override { gate_.leave(); }

  void run();
  void take_submissions();
  void finish_start(Status status);

  const std::string address_;
  const ClientOptions options_;
  SystemClock clock_;
  Gate gate_;
  net::Context context_;
  net::Waker waker_;

  // The thread's own.
  net::Loop loop_{clock_};
  Connection connection_;

  // Shared.
  mutable std::mutex mutex_;
  std::condition_variable started_;
  bool start_finished_ = false;
  Status start_status_;
  wire::ClientWelcome welcome_;
  std::atomic<std::int64_t> deadline_ns_{0};
  std::atomic<std::uint64_t> max_request_bytes_{0};
  std::vector<Submission> submitted_;
  bool closing_ = false;

  std::vector<Submission> taken_;  // the thread's end of `submitted_`
  std::thread thread_;
};

}  // namespace flow::client
