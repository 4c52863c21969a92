// The C++ client: sends requests to a flow's gateway and gets its answers.
//
//   auto client = flow::Client::connect("ipc:///run/flow/hello/gateway.ipc");
//   if (!client) return fail(client.error());
//   flow::Reply reply = client->post("/search", documents, {});
//
// Thread-safe: any number of threads may post at once; one thread inside talks to the gateway.
// Bounds: `max_in_flight` requests at once, further ones wait in post() or are refused by submit().
// Every request ends in exactly one Reply, at the latest one second after its deadline, whatever
// happens. A connection that is lost or meets another incarnation of the gateway ends what was
// outstanding with UNKNOWN_OUTCOME; new requests go on when the gateway is back.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/value.h"
#include "wire/client_messages.h"
#include "wire/document_list.h"

namespace flow {

struct ClientOptions {
  std::string name = "flow-client";                    // for people
  Duration connect_timeout = std::chrono::seconds(5);  // for the gateway's welcome
  std::uint32_t max_in_flight = 1024;                  // the gateway's own limit applies as well
};

struct PostOptions {
  ValueMap parameters;
  std::string target_executor;     // regular expression, empty: all
  Duration timeout{};              // 0: the flow's deadline
  std::size_t request_size = 100;  // documents a request, for post_all
  std::size_t concurrency = 8;     // requests at once, for post_all
  bool ordered = true;             // replies in the order of the input, for post_all
};

// The outcome of one request.
struct Reply {
  wire::Response response;  // header: failure, attempts, hops, missing, results, timings
  wire::DocumentList
      documents;  // when it failed: what the failing executor got, where that is known
  bool ok() const { return response.failure == nullptr; }
  Errc code() const { return ok() ? Errc::kOk : response.failure->code; }
};

class Client {
 public:
  // The reply is the callee's to take, as a whole or in parts; what it leaves is used again, so
  // that one who only looks (`const Reply&`) costs no copy. It does not outlive the call.
  using OnReply = std::function<void(Reply&&)>;

  // Connects and waits for the gateway's welcome. kUnavailable names the address when nobody
  // answers within the connect timeout.
  static Result<Client> connect(const std::string& address, ClientOptions options = {});

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();  // cancels what is outstanding; their replies are CANCELLED

  // What the gateway said of itself.
  wire::ClientWelcome welcome() const;

  // One request with these documents; waits for the reply.
  Reply post(std::string_view endpoint, wire::DocumentList documents,
             const PostOptions& options = {});

  // One request without waiting; `on_reply` runs on the client's thread, must be quick and must not
  // wait; it may submit again. The request is encoded on the calling thread. Outcome of a refused
  // submission (too many in flight, too large) comes through `on_reply` too, on the calling thread,
  // before submit() returns. Do not submit again on CANCELLED: the client is going away.
  void submit(std::string_view endpoint, const wire::DocumentList& documents,
              const PostOptions& options, OnReply on_reply);

  // The same with an already encoded document list and encoded parameters; replies carry the
  // payload undecoded in response.payload (documents stay empty). For benchmarks and forwarders.
  void submit_raw(std::string_view endpoint, Bytes payload, Bytes parameters, Duration timeout,
                  OnReply on_reply);

  // Splits a stream of documents into requests and hands each reply to `on_reply`, on the calling
  // thread, in order when options.ordered. `next` returns nothing at the end. An input without any
  // document sends nothing.
  void post_all(std::string_view endpoint,
                const std::function<std::optional<wire::Document>()>& next,
                const PostOptions& options, const OnReply& on_reply);

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace flow
