#include "client/core.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace flow::client {
namespace {

Instant at(Duration since_start) {
  return Instant(1h + since_start);
}

// Writes down what the core wants.
class Recorder final : public Link {
 public:
  void send_hello() override { sent.emplace_back("hello"); }
  void send_request(const wire::Request& request) override {
    sent.push_back("request " + request.endpoint);
    requests.push_back(request);
  }
  void send_cancel(std::uint64_t /*id*/) override { sent.emplace_back("cancel"); }
  void send_ping() override { sent.emplace_back("ping"); }
  void reopen() override { sent.emplace_back("reopen"); }
  void deliver(const Client::OnReply& on_reply, bool /*open*/, Reply&& reply) override {
    on_reply(std::move(reply));
  }

  std::vector<std::string> sent;
  std::vector<wire::Request> requests;
};

// A core with its link, and the replies that were delivered.
struct Setup {
  explicit Setup(std::uint32_t limit = 8) : core("ipc:///gateway", limit, link) {
    core.start(at(0ms));
  }

  void welcome(std::uint32_t gateway, Duration when = 0ms) {
    wire::ClientWelcome message;
    message.gateway.value = gateway;
    core.welcomed(message, at(when));
  }
  void submit(const std::string& endpoint, Duration when, Duration timeout) {
    Submission submission;
    submission.request.endpoint = endpoint;
    submission.deadline = at(when) + timeout;
    submission.on_reply = [this, endpoint](Reply reply) {
      ended.push_back(endpoint + " " + std::string(to_string(reply.code())));
      messages.push_back(reply.ok() ? "" : reply.response.failure->message);
      if (after_reply) after_reply();
    };
    core.submit(std::move(submission), at(when));
  }
  void respond(std::size_t request, Duration when) {
    Reply reply;
    reply.response.id = link.requests.at(request).id;
    core.responded(std::move(reply), at(when));
  }

  Recorder link;
  Core core;
  std::vector<std::string> ended;
  std::vector<std::string> messages;
  std::function<void()> after_reply;
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("requests wait for the gateway's welcome and then go out in their order") {
  Setup setup;
  setup.submit("/a", 0ms, 10s);
  setup.submit("/b", 0ms, 10s);
  CHECK(setup.link.sent == Texts{"hello"});

  setup.welcome(7, 2s);

  CHECK(setup.link.sent == Texts{"hello", "request /a", "request /b"});
  CHECK(setup.link.requests[0].timeout == 8s);  // what was left of it
}

TEST_CASE("a response ends its request only, and a second one is ignored and counted") {
  Setup setup;
  setup.welcome(7);
  setup.submit("/a", 0ms, 10s);
  setup.submit("/b", 0ms, 10s);

  setup.respond(1, 1ms);
  setup.respond(1, 2ms);

  CHECK(setup.ended == Texts{"/b OK"});
  CHECK(setup.core.ignored() == 1);
  CHECK(setup.core.outstanding() == 1);
}

TEST_CASE("a late response does not end the request that took the place of its own") {
  Setup setup(/*limit=*/1);
  setup.welcome(7);
  setup.submit("/old", 0ms, 1s);
  setup.core.tick(at(2s));
  setup.submit("/new", 2s, 1s);

  setup.respond(0, 2s);

  CHECK(setup.ended == Texts{"/old DEADLINE_EXCEEDED"});
  CHECK(setup.core.outstanding() == 1);
}

TEST_CASE("a request nobody answers ends within a second of its deadline and is cancelled") {
  Setup setup;
  setup.welcome(7);
  setup.submit("/a", 0ms, 500ms);

  setup.core.tick(at(500ms));
  CHECK(setup.ended.empty());  // the gateway may still answer
  setup.core.tick(at(1450ms));

  CHECK(setup.ended == Texts{"/a DEADLINE_EXCEEDED"});
  CHECK(setup.link.sent.back() == "cancel");
  CHECK(setup.core.outstanding() == 0);
}

TEST_CASE(
    "a request that was never sent ends at its deadline as UNAVAILABLE and names the address") {
  Setup setup;
  setup.submit("/a", 0ms, 500ms);

  setup.core.tick(at(500ms));

  CHECK(setup.ended == Texts{"/a UNAVAILABLE"});
  CHECK(setup.messages.at(0).find("ipc:///gateway") != std::string::npos);
  CHECK(setup.link.requests.empty());
}

TEST_CASE("an ended request is not sent when the welcome comes") {
  Setup setup;
  setup.submit("/a", 0ms, 500ms);
  setup.submit("/b", 0ms, 10s);
  setup.core.tick(at(600ms));

  setup.welcome(7, 700ms);

  CHECK(setup.link.sent == Texts{"hello", "request /b"});
}

TEST_CASE("a lost connection ends what was sent with UNKNOWN_OUTCOME and keeps what was not") {
  Setup setup;
  setup.welcome(7);
  setup.submit("/sent", 0ms, 10s);

  setup.core.lost("the connection ended", at(1ms));
  setup.submit("/waits", 2ms, 10s);
  setup.welcome(7, 50ms);

  CHECK(setup.ended == Texts{"/sent UNKNOWN_OUTCOME"});
  CHECK(setup.link.sent == Texts{"hello", "request /sent", "reopen", "hello", "request /waits"});
}

TEST_CASE("a welcome of another incarnation ends what the old one had") {
  Setup setup;
  setup.welcome(7);
  setup.submit("/old", 0ms, 10s);

  setup.welcome(8, 1s);
  setup.submit("/new", 1s, 10s);

  CHECK(setup.ended == Texts{"/old UNKNOWN_OUTCOME"});
  CHECK(setup.core.outstanding() == 1);
}

TEST_CASE("the same incarnation's second welcome ends nothing") {
  Setup setup;
  setup.welcome(7);
  setup.submit("/a", 0ms, 10s);
  setup.welcome(7, 1s);
  CHECK(setup.ended.empty());
}

TEST_CASE("a silent gateway is pinged after a second and given up three seconds later") {
  Setup setup;
  setup.welcome(7);
  setup.submit("/a", 10s, 60s);

  Instant next = setup.core.tick(at(10s));
  CHECK(next == at(11s));
  next = setup.core.tick(next);
  CHECK(setup.link.sent.back() == "ping");
  CHECK(next == at(14s));
  setup.core.tick(next);

  CHECK(setup.ended == Texts{"/a UNKNOWN_OUTCOME"});
  CHECK(setup.link.sent.back() == "hello");
}

TEST_CASE("a pong keeps a long request alive") {
  Setup setup;
  setup.welcome(7);
  setup.submit("/a", 0s, 60s);
  for (int second = 1; second <= 30; ++second) {
    setup.core.tick(at(std::chrono::seconds(second)));
    setup.core.heard(at(std::chrono::seconds(second) + 1ms));
  }
  CHECK(setup.ended.empty());
}

TEST_CASE("an idle connection is left alone") {
  Setup setup;
  setup.welcome(7);
  CHECK(setup.core.tick(at(1h)) == kNever);
  CHECK(setup.link.sent == Texts{"hello"});
}

TEST_CASE("a gateway that does not welcome is greeted again on a new connection") {
  Setup setup;
  CHECK(setup.core.tick(at(1s)) == at(0s) + kHelloWithin);
  setup.core.tick(at(0s) + kHelloWithin);
  CHECK(setup.link.sent == Texts{"hello", "reopen", "hello"});
}

TEST_CASE("a peer that ends every connection is not reconnected without a pause") {
  Setup setup;
  setup.core.lost("the connection ended", at(10ms));
  CHECK(setup.link.sent == Texts{"hello"});
  CHECK(setup.core.tick(at(20ms)) == at(10ms) + kRetryAfter);
  setup.core.tick(at(10ms) + kRetryAfter);
  CHECK(setup.link.sent == Texts{"hello", "reopen", "hello"});
}

TEST_CASE("more than the limit is refused as OVERLOADED") {
  Setup setup(/*limit=*/2);
  setup.welcome(7);
  for (const char* endpoint : {"/a", "/b", "/c"})
    setup.submit(endpoint, 0ms, 10s);
  CHECK(setup.ended == Texts{"/c OVERLOADED"});
}

TEST_CASE("a reply may submit again, also while many end at once") {
  Setup setup(/*limit=*/4);
  setup.welcome(7);
  for (const char* endpoint : {"/a", "/b", "/c", "/d"})
    setup.submit(endpoint, 0ms, 10s);
  int left = 4;
  setup.after_reply = [&] {
    if (left-- > 0) setup.submit("/again", 1s, 10s);
  };

  setup.core.lost("the connection ended", at(1s));
  setup.welcome(8, 2s);

  CHECK(setup.ended.size() == 4);
  CHECK(setup.core.outstanding() == 4);
  CHECK(setup.link.sent.back() == "request /again");
}

TEST_CASE("closing ends everything with CANCELLED, tells the gateway, and takes nothing more") {
  Setup setup;
  setup.welcome(7);
  setup.submit("/a", 0ms, 10s);
  setup.submit("/b", 0ms, 10s);

  CHECK(setup.core.cancel_all() == 2);
  setup.submit("/late", 1ms, 10s);

  CHECK(setup.ended == Texts{"/a CANCELLED", "/b CANCELLED", "/late CANCELLED"});
  CHECK(setup.link.sent == Texts{"hello", "request /a", "request /b", "cancel", "cancel"});
}

TEST_CASE("places are used again, however many requests there were") {
  Setup setup(/*limit=*/2);
  setup.welcome(7);
  std::uint64_t last = 0;
  for (int i = 0; i < 1'000; ++i) {
    setup.submit("/a", 0ms, 10s);
    const std::uint64_t id = setup.link.requests.back().id;
    CHECK(id > last);
    last = id;
    setup.respond(setup.link.requests.size() - 1, 1ms);
  }
  CHECK(setup.core.outstanding() == 0);
  CHECK(setup.ended.size() == 1'000);
}

TEST_CASE("an answer whose documents do not verify fails its request with INTERNAL") {
  Reply reply;
  reply.response.id = 5;
  reply.response.payload = Bytes::copy_of("these are no documents, whatever else they are");
  open_reply(reply);
  CHECK(reply.code() == Errc::kInternal);
  CHECK(reply.response.id == 5);
}

TEST_CASE("a cancelled request is never answered, and the gateway is told if it knows it") {
  Setup setup;
  const auto submit = [&setup](const std::string& endpoint) {
    Submission submission;
    submission.request.endpoint = endpoint;
    submission.on_reply = [&setup, endpoint](Reply) { setup.ended.push_back(endpoint); };
    return setup.core.submit(std::move(submission), at(0ms));
  };
  setup.core.cancel(submit("/waiting"));
  setup.welcome(1);
  const std::uint64_t sent = submit("/sent");
  setup.core.cancel(sent);
  setup.core.cancel(sent);
  setup.core.cancel(0);
  setup.respond(0, 1ms);
  CHECK(setup.ended.empty());
  CHECK(setup.core.outstanding() == 0);
  CHECK(setup.link.sent == Texts{"hello", "request /sent", "cancel"});
}

TEST_CASE("what waits for a gateway can be told to wait no longer, what was sent goes on") {
  Setup setup;
  setup.welcome(1);
  setup.submit("/sent", 0ms, 10s);
  setup.core.lost("cable", at(1ms));
  setup.submit("/a", 2ms, 10s);
  setup.submit("/b", 2ms, 10s);
  CHECK(setup.core.fail_waiting("nobody there") == 2);
  CHECK(setup.ended == Texts{"/sent UNKNOWN_OUTCOME", "/a UNAVAILABLE", "/b UNAVAILABLE"});
  CHECK(setup.messages.back() == "nobody there");
  setup.welcome(1, 3ms);
  CHECK(setup.link.requests.size() == 1);
}

}  // namespace flow::client
