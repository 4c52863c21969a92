// A gateway for the tests of its clients: a ROUTER over ipc in a fresh folder that does what the
// test says.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/context.h"
#include "net/loop.h"
#include "net/socket.h"
#include "wire/client_messages.h"

namespace flow {

class FakeGateway {
 public:
  // What to do with a request: runs on the gateway's thread; may call respond().
  using OnRequest = std::function<void(net::PeerId, wire::Request)>;

  explicit FakeGateway(OnRequest on_request);
  ~FakeGateway();
  FakeGateway(const FakeGateway&) = delete;
  FakeGateway& operator=(const FakeGateway&) = delete;

  const std::string& address() const { return address_; }

  // Before start().
  wire::ClientWelcome welcome;
  bool answer_pings = true;

  void start();
  void stop();  // the address can be started again

  // On the gateway's thread only.
  void respond(net::PeerId peer, wire::Response response);
  void send_raw(net::PeerId peer, const std::string& frame);

  // What came, in words: "hello", "request /a", "cancel", "ping". Waits until `count` of a kind
  // came.
  void wait_for(const std::string& what, std::size_t count = 1);

 private:
  void run();
  void take(net::PeerId peer, Received received);
  void note(std::string what);

  std::string folder_;
  std::string address_;
  OnRequest on_request_;
  SystemClock clock_;
  net::Context context_;
  net::Waker waker_;
  net::Socket socket_;
  wire::ClientEncoder encoder_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> notes_;
  bool bound_ = false;
};

// Answers with the documents of the request.
wire::Response echo(wire::Request& request);

}  // namespace flow
