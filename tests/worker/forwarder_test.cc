#include "forwarder.h"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "wire/value_codec.h"
#include "worker_fixture.h"

using namespace flow;          // NOLINT: a test
using namespace flow::worker;  // NOLINT: a test
using namespace std::chrono_literals;

namespace {

constexpr const char* kFar = "tcp://far:7001";

struct FakeClock final : Clock {
  Instant now() const override { return time; }
  Instant time = at(0ms);
};

struct FakeLink final : client::Link {
  void send_hello() override { ++hellos; }
  void send_request(const wire::Request& request) override { requests.push_back(request); }
  void send_cancel(std::uint64_t id) override { cancelled.push_back(id); }
  void send_ping() override {}
  void reopen() override {}
  void deliver(const Client::OnReply& on_reply, bool, Reply&& reply) override {
    on_reply(std::move(reply));
  }
  std::vector<wire::Request> requests;
  std::vector<std::uint64_t> cancelled;
  int hellos = 0;
};

// A forwarder whose far end is the test.
struct Setup {
  explicit Setup(Duration timeout = {})
      : far(kFar, Forwarder::kLimit, link),
        forwarder({kFar, timeout, 100ms, 1U << 20, 1}, far, clock) {
    far.start(at(0ms));
    forwarder.set_finish([this](Ticket ticket, Executed executed) {
      ended.emplace_back(ticket.slot, std::move(executed));
    });
  }

  void welcome(Duration when = 0ms, std::uint32_t incarnation = 5) {
    wire::ClientWelcome welcome;
    welcome.gateway = InstanceId{incarnation};
    welcome.max_in_flight = 4;
    welcome.max_request_bytes = 1000;
    far.welcomed(welcome, at(when));
    forwarder.tick(at(when), "");
  }
  // Begins an execution with one document of this text.
  std::optional<Executed> run(std::uint32_t slot, const std::string& text, Duration when = 0ms,
                              Duration remaining = 10s) {
    contents.resize(std::max<std::size_t>(contents.size(), 8));
    wire::Document document;
    document.set_id("d");
    document.set_text(text);
    contents[slot].reset(Documents({std::move(document)}));
    wire::PartHeader header;
    header.endpoint = "/x";
    header.parameters = wire::encode_value(ValueMap{{"p", 1}});
    clock.time = at(when);
    Executed executed;
    if (!forwarder.run({slot, 1}, header, contents[slot], at(when), remaining, executed))
      return std::nullopt;
    return executed;
  }
  wire::Response response(std::size_t request) const {
    wire::Response response;
    response.id = link.requests.at(request).id;
    response.attempts = 1;
    return response;
  }
  wire::Response failure(std::size_t request, Errc code, std::uint16_t attempts) const {
    wire::Response failed = response(request);
    failed.attempts = attempts;
    failed.failure = std::make_unique<wire::Failure>(wire::Failure{code, "boom", "e", "e/rep-0"});
    return failed;
  }
  void respond(wire::Response response, Duration when) {
    Reply reply;
    reply.response = std::move(response);
    far.responded(std::move(reply), at(when));
  }
  std::string text(std::uint32_t slot) {
    return std::string((**contents[slot].documents())[0].text());
  }

  FakeClock clock;
  FakeLink link;
  client::Core far;
  Forwarder forwarder;
  std::vector<Contents> contents;
  std::vector<std::pair<std::uint32_t, Executed>> ended;
};

}  // namespace

TEST_CASE("an execution is a request with endpoint, parameters, documents and the time left") {
  Setup s;
  s.welcome();
  CHECK_FALSE(s.run(0, "hello", 1ms, 3s).has_value());
  REQUIRE(s.link.requests.size() == 1);
  const wire::Request& request = s.link.requests[0];
  CHECK(request.endpoint == "/x");
  CHECK(request.target_executor.empty());
  CHECK(request.timeout == 3s);
  CHECK(*wire::decode_value(request.parameters.span())->find("p")->if_int() == 1);
  CHECK((*Documents::open(request.payload))[0].text() == "hello");
}

TEST_CASE("replies end executions in any order, each with its own documents and results") {
  Setup s;
  s.welcome();
  s.run(0, "a");
  s.run(1, "b");
  wire::Response second = s.response(1);
  second.payload = s.link.requests[1].payload;
  second.missing = {{"index", 1}};
  second.results = wire::encode_value(ValueMap{{"e/rep-0", ValueMap{{"n", 1}}}});
  s.clock.time = at(7ms);
  s.respond(std::move(second), 7ms);
  wire::Response first = s.response(0);
  first.payload = s.link.requests[0].payload;
  s.respond(std::move(first), 8ms);

  REQUIRE(s.ended.size() == 2);
  CHECK(s.ended[0].first == 1);
  CHECK(s.ended[0].second.ended == at(7ms));
  CHECK_FALSE(s.ended[0].second.error.has_value());
  CHECK_FALSE(s.ended[0].second.named_results.empty());
  CHECK(s.ended[0].second.missing == std::vector<wire::MissingShard>{{"index", 1}});
  CHECK(s.ended[1].first == 0);
  CHECK(s.text(0) == "a");
  CHECK(s.text(1) == "b");
}

TEST_CASE("the far end's failure keeps its code and message and says where it was") {
  Setup s;
  s.welcome();
  s.run(0, "a");
  s.respond(s.failure(0, Errc::kExecutorError, 1), 1ms);
  REQUIRE(s.ended.size() == 1);
  CHECK(s.ended[0].second.error->code == Errc::kExecutorError);
  CHECK(s.ended[0].second.error->message == "boom (e/rep-0 at tcp://far:7001)");
  CHECK(s.ended[0].second.began);
}

TEST_CASE("what the far end refused at its door was certainly not executed there") {
  Setup s;
  s.welcome();
  s.run(0, "a");
  s.run(1, "b");
  s.respond(s.failure(0, Errc::kUnavailable, 0), 1ms);
  s.respond(s.failure(1, Errc::kUnavailable, 1), 1ms);
  CHECK_FALSE(s.ended.at(0).second.began);
  CHECK(s.ended.at(1).second.began);
}

TEST_CASE("what the far end does not know itself is no execution of ours") {
  Setup s;
  s.welcome();
  s.run(0, "a");
  s.respond(s.failure(0, Errc::kUnknownOutcome, 1), 1ms);
  CHECK_FALSE(s.ended.at(0).second.began);
}

TEST_CASE("documents that do not verify are no answer, and the far end is named") {
  Setup s;
  s.welcome();
  s.run(0, "a");
  wire::Response broken = s.response(0);
  broken.payload = Bytes::copy_of("these are no documents");
  s.respond(std::move(broken), 1ms);
  REQUIRE(s.ended.size() == 1);
  CHECK(s.ended[0].second.error->code == Errc::kInternal);
  CHECK(s.ended[0].second.error->message.find(kFar) != std::string::npos);
}

TEST_CASE("a request waits for a far end that is just coming, and goes when it is there") {
  Setup s;
  CHECK_FALSE(s.run(0, "a", 10ms).has_value());
  CHECK(s.forwarder.tick(at(10ms), "") == at(0ms) + Forwarder::kPatience);
  CHECK(s.link.requests.empty());
  s.welcome(20ms);
  CHECK(s.link.requests.size() == 1);
  CHECK(s.ended.empty());
}

TEST_CASE("a far end that stays away fails what waits, and then all else at once") {
  Setup s;
  s.run(0, "a", 10ms);
  CHECK(s.forwarder.tick(at(1s), "cannot look up host 'far': no") == kNever);
  REQUIRE(s.ended.size() == 1);
  CHECK(s.ended[0].second.error->code == Errc::kUnavailable);
  CHECK(s.ended[0].second.error->message.find("tcp://far:7001: cannot look up") !=
        std::string::npos);
  CHECK_FALSE(s.ended[0].second.began);
  const std::optional<Executed> refused = s.run(1, "b", 1100ms);
  REQUIRE(refused.has_value());
  CHECK(refused->error->code == Errc::kUnavailable);
  CHECK_FALSE(refused->began);
  s.welcome(2s);
  CHECK_FALSE(s.run(2, "c", 2s).has_value());
}

TEST_CASE("a connection that is lost leaves open what was on its way") {
  Setup s;
  s.welcome();
  s.run(0, "a");
  s.far.lost("the connection ended", at(1ms));
  REQUIRE(s.ended.size() == 1);
  CHECK(s.ended[0].second.error->code == Errc::kUnknownOutcome);
  CHECK(s.ended[0].second.error->message.find(kFar) != std::string::npos);
  CHECK(s.ended[0].second.began);
  s.forwarder.tick(at(2ms), "");
  CHECK_FALSE(s.run(1, "b", 101ms).has_value());
  s.forwarder.tick(at(102ms), "");
  CHECK(s.ended.at(1).second.error->code == Errc::kUnavailable);
}

TEST_CASE("a far end is away since it was lost, but not before patience ended") {
  Setup s;
  s.forwarder.tick(at(999ms), "");
  CHECK(s.forwarder.away_since() == kNever);
  s.forwarder.tick(at(1s), "cannot look up host 'far'");
  CHECK(s.forwarder.away_since() == at(0ms));
  CHECK(s.forwarder.nobody_there() ==
        "nobody answers at tcp://far:7001: cannot look up host 'far'");

  s.welcome(2s);
  CHECK(s.forwarder.away_since() == kNever);
  s.far.lost("the connection ended", at(3s));
  s.forwarder.tick(at(3s), "");
  CHECK(s.forwarder.away_since() == kNever);
  s.forwarder.tick(at(3100ms), "");
  CHECK(s.forwarder.away_since() == at(3s));
}

TEST_CASE("what is above what the far end takes is refused here") {
  Setup s;
  s.welcome();
  const std::optional<Executed> refused = s.run(0, std::string(2000, 'x'));
  REQUIRE(refused.has_value());
  CHECK(refused->error->code == Errc::kTooLarge);
  CHECK_FALSE(refused->began);
  for (std::uint32_t slot = 0; slot < 4; ++slot) {
    CHECK(s.forwarder.has_room());
    s.run(slot, "x");
  }
  CHECK_FALSE(s.forwarder.has_room());
}

TEST_CASE("the executor's timeout is the far end's where less than that is left") {
  Setup s(2s);
  s.welcome();
  s.run(0, "a", 0ms, 10s);
  s.run(1, "b", 0ms, 1s);
  CHECK(s.link.requests.at(0).timeout == 2s);
  CHECK(s.link.requests.at(1).timeout == 1s);
}

TEST_CASE("what is abandoned is cancelled there and never ends here") {
  Setup s;
  s.welcome();
  s.run(3, "a");
  s.forwarder.abandon({3, 1});
  CHECK(s.link.cancelled == std::vector{s.link.requests[0].id});
  s.respond(s.response(0), 1ms);
  CHECK(s.ended.empty());
  CHECK(s.far.outstanding() == 0);
}
