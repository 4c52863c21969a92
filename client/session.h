// The client's thread: owns the socket and the Core, and takes requests over from other threads.
//
// submit() from any thread; on the client's own thread (inside on_reply) it goes straight to the
// socket. Elsewhere requests are handed over in batches: a vector under a mutex, one wake-up per
// batch. The gate bounds how many there can be.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "client/core.h"
#include "client/gate.h"
#include "flow/client.h"
#include "net/context.h"
#include "net/loop.h"
#include "net/socket.h"
#include "wire/carrier.h"
#include "wire/client_messages.h"

namespace flow::client {

class Session final : private Link {
 public:
  Session(std::string address, ClientOptions options);
  ~Session() override;  // cancels what is outstanding and ends the thread

  // Starts the thread and waits for the first welcome.
  Status open();

  wire::ClientWelcome welcome() const;
  Gate& gate() { return gate_; }
  Instant now() const { return clock_.now(); }
  bool on_own_thread() const { return std::this_thread::get_id() == thread_.get_id(); }

  // Takes a request whose place at the gate is taken; it is given back just before the reply is
  // delivered.
  void submit(Submission submission);

 private:
  void send_hello() override;
  void send_request(const wire::Request& request) override;
  void send_cancel(std::uint64_t id) override;
  void send_ping() override;
  void flush();
  void reopen() override;
  void deliver(Client::OnReply on_reply, bool open_documents, Reply reply) override;

  void run();
  Status connect_socket();
  void take_submissions();
  void take_messages();
  void take_disconnects();
  void take_message(Received received, Instant now);
  void announce(const wire::ClientWelcome& welcome);
  void finish_start(Status status);
  void shut_down();

  const std::string address_;
  const ClientOptions options_;
  SystemClock clock_;
  Gate gate_;
  net::Context context_;
  net::Waker waker_;

  // The thread's own.
  net::Loop loop_{clock_};
  net::Socket socket_;
  net::Monitor monitor_;
  std::uint64_t connections_ = 0;
  wire::ClientEncoder encoder_;
  wire::Outbox outbox_;    // what this turn sends
  bool carriers_ = false;  // the gateway understands them
  wire::Inbox inbox_;
  Core core_;
  bool pong_awaited_ = false;

  // Shared.
  mutable std::mutex mutex_;
  std::condition_variable started_;
  bool start_finished_ = false;
  Status start_status_;
  wire::ClientWelcome welcome_;
  std::vector<Submission> submitted_;
  bool closing_ = false;

  std::vector<Submission> taken_;  // the thread's end of `submitted_`
  std::thread thread_;
};

}  // namespace flow::client
