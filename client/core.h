// The client's side of the conversation with a gateway: which requests are outstanding and how each
// of them ends. Pure: no socket, no clock, no thread.
//
// One thread owns a Core. It holds at most `limit` requests. A request handed in before the
// gateway's welcome waits here; one that was sent ends with the gateway's response, with
// UNKNOWN_OUTCOME when its connection is lost or another incarnation answers, or shortly after its
// deadline, whatever happens. Every request ends in exactly one Link::deliver.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "flow/client.h"
#include "wire/client_messages.h"

namespace flow::client {

inline constexpr std::uint32_t kMostInFlight = 65'536;
inline constexpr Duration kPingAfter = std::chrono::seconds(1);   // quiet with requests outstanding
inline constexpr Duration kPongWithin = std::chrono::seconds(3);  // else the connection is lost
inline constexpr Duration kHelloWithin = std::chrono::seconds(3);  // else it is opened anew
inline constexpr Duration kGrace =
    std::chrono::milliseconds(900);  // after the deadline, for an answer
inline constexpr Duration kRetryAfter = std::chrono::milliseconds(100);

// One request on its way in.
struct Submission {
  wire::Request request;  // the core gives it its id
  Client::OnReply on_reply;
  Instant deadline = kNever;
  bool open_documents = true;  // whether the reply's payload is to be opened before it is delivered
};

// A reply that says no.
Reply failed_reply(Errc code, std::string message);

// Opens the payload of a good reply into its documents; one that does not verify fails the reply.
void open_reply(Reply& reply);

// What a Core wants done, at once, on its thread. deliver() may call Core::submit; the others call
// nothing.
class Link {
 public:
  virtual ~Link() = default;
  virtual void send_hello() = 0;
  virtual void send_request(const wire::Request& request) = 0;
  virtual void send_cancel(std::uint64_t id) = 0;
  virtual void send_ping() = 0;
  // Drops the connection with everything not yet sent, and connects again.
  virtual void reopen() = 0;
  virtual void deliver(const Client::OnReply& on_reply, bool open_documents, Reply&& reply) = 0;
};

class Core {
 public:
  // `address` is for messages. `link` outlives the core.
  Core(std::string address, std::uint32_t limit, Link& link);

  // The connection was opened for the first time: says hello.
  void start(Instant now);

  // Takes a request; its id, 0 when it is ended already. OVERLOADED past the limit.
  std::uint64_t submit(Submission&& submission, Instant now);

  // Ends a request without a reply and tells the gateway. Nothing happens when it is ended already.
  void cancel(std::uint64_t id);

  // Ends what waits for the gateway's welcome with UNAVAILABLE; how many there were.
  std::size_t fail_waiting(const std::string& message);

  // What came from the gateway. A response to nothing outstanding is ignored and counted.
  void welcomed(const wire::ClientWelcome& welcome, Instant now);
  void responded(Reply&& reply, Instant now);
  void heard(Instant now) { quiet_since_ = now; }  // a pong

  // The connection ended, or what came over it cannot be believed.
  void lost(const std::string& why, Instant now);

  // Does what is due; when it wants to be called next.
  Instant tick(Instant now);

  // Ends everything with CANCELLED and tells the gateway; what is submitted from now on is
  // CANCELLED at once. How many there were.
  std::size_t cancel_all();

  bool ready() const { return ready_; }
  const wire::ClientWelcome& welcome() const { return welcome_; }
  std::size_t outstanding() const { return outstanding_; }
  std::uint64_t ignored() const { return ignored_; }

 private:
  struct Pending {
    std::uint64_t id = 0;  // 0: free
    bool sent = false;
    bool open_documents = true;
    Instant deadline = kNever;
    Client::OnReply on_reply;
    std::unique_ptr<wire::Request> request;  // while it waits for the gateway's welcome
  };
  struct Ended {
    Client::OnReply on_reply;
    Reply reply;
  };

  static Instant expiry(const Pending& pending);
  std::uint32_t take_slot();
  void send(Pending& pending, wire::Request& request, Instant now);
  void send_waiting(Instant now);
  void connect_again(Instant now);
  Client::OnReply end(std::uint32_t slot);
  template <typename Choose>
  std::size_t end_where(Choose&& choose);
  void expire(Instant now);
  void watch_connection(Instant now);

  std::string address_;
  std::uint32_t limit_;
  Link& link_;

  bool ready_ = false;
  bool closed_ = false;
  wire::ClientWelcome welcome_;
  std::vector<Pending> slots_;
  std::vector<std::uint32_t> free_;
  std::deque<std::uint64_t> waiting_;  // ids not sent yet, oldest first; ended ones are skipped
  std::size_t outstanding_ = 0;
  std::uint64_t counter_ = 0;
  std::uint64_t ignored_ = 0;
  Instant earliest_ = kNever;  // no deadline is before this
  Instant quiet_since_{};      // last sign of the gateway while something was outstanding
  Instant pinged_at_ = kNever;
  Instant hello_at_{};
  Instant reopen_at_ = kNever;
};

}  // namespace flow::client
