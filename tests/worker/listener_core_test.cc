#include "listener_core.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace {

using namespace flow;          // NOLINT: a test
using namespace flow::worker;  // NOLINT: a test
using namespace std::chrono_literals;

Instant at(Duration since_start) {
  return Instant(1h + since_start);
}

struct Recorder final : ListenerPort {
  void execute(Work work) override { begun.push_back(std::move(work)); }
  void answer(CallerId caller, const wire::Response& response) override {
    const std::string code(to_string(response.failure ? response.failure->code : Errc::kOk));
    answers.push_back(std::to_string(caller.value) + ":" + std::to_string(response.id) + " " +
                      code);
    message = response.failure ? response.failure->message : "";
    hops = response.hops;
  }
  std::vector<Work> begun;
  std::vector<std::string> answers;
  std::string message;
  std::vector<wire::ResponseHop> hops;
};

struct Setup {
  explicit Setup(ListenerLimits limits = {}) : core("far", InstanceId{7}, limits, port) {}

  void ask(std::uint32_t caller, std::uint64_t id, Instant now, Duration timeout = {},
           std::string target = {}, std::size_t bytes = 0) {
    wire::Request request;
    request.id = id;
    request.endpoint = "/x";
    request.timeout = timeout;
    request.target_executor = std::move(target);
    if (bytes > 0) request.payload = Bytes::copy_of(std::string(bytes, 'x'));
    core.on_request(CallerId{caller}, std::move(request), now);
  }
  void done(std::size_t index, Instant now) {
    WorkDone result;
    result.number = port.begun.at(index).number;
    result.executed = true;
    result.begun = now - 2ms;
    result.ended = now;
    core.on_done(std::move(result), now);
  }

  Recorder port;
  ListenerCore core;
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("requests are executed in their order, whoever asks, and answered to whom asked") {
  Setup s;
  s.ask(1, 10, at(0ms));
  s.ask(2, 10, at(0ms));
  s.ask(1, 11, at(0ms));
  CHECK(s.port.begun.size() == ListenerCore::kAhead);
  s.done(0, at(5ms));
  s.done(1, at(6ms));
  s.done(2, at(7ms));
  CHECK(s.port.answers == Texts{"1:10 OK", "2:10 OK", "1:11 OK"});
  CHECK(s.core.executed() == 3);
  CHECK(s.core.open() == 0);
}

TEST_CASE("an answer says how long it stood in line and was executed") {
  Setup s;
  s.ask(1, 10, at(0ms));
  s.done(0, at(5ms));
  REQUIRE(s.port.hops.size() == 1);
  CHECK(s.port.hops[0].instance == "far");
  CHECK(s.port.hops[0].queue_us == 3000);
  CHECK(s.port.hops[0].execute_us == 2000);
}

TEST_CASE("what is above the limits is refused at once and counted") {
  ListenerLimits limits;
  limits.requests = 2;
  limits.bytes = 100;
  limits.request = 60;
  Setup s(limits);
  s.ask(1, 1, at(0ms), 1s, "", 61);
  s.ask(1, 2, at(0ms), 1s, "", 60);
  s.ask(1, 3, at(0ms), 1s, "", 41);
  s.ask(1, 4, at(0ms), 1s, "", 40);
  s.ask(1, 5, at(0ms));
  CHECK(s.port.answers == Texts{"1:1 TOO_LARGE", "1:3 OVERLOADED", "1:5 OVERLOADED"});
  CHECK(s.core.refused() == 3);
  s.done(0, at(1ms));
  s.ask(1, 6, at(1ms), 1s, "", 60);
  CHECK(s.core.open() == 2);
}

TEST_CASE("a request ends at its deadline, executing or not, and only once") {
  Setup s;
  s.ask(1, 1, at(0ms), 10ms);
  s.ask(1, 2, at(0ms), 20ms);
  s.ask(1, 3, at(0ms), 10ms);
  CHECK(s.core.tick(at(9ms)) == at(10ms));
  CHECK(s.port.answers.empty());
  CHECK(s.core.tick(at(10ms)) == at(20ms));
  CHECK(s.port.answers == Texts{"1:1 DEADLINE_EXCEEDED", "1:3 DEADLINE_EXCEEDED"});
  CHECK(s.port.message.find("'far' within 10 ms") != std::string::npos);
  s.done(0, at(15ms));
  s.done(1, at(16ms));
  CHECK(s.port.answers.size() == 3);
  CHECK(s.port.begun.size() == 2);  // the third was never begun
  CHECK(s.core.tick(at(1h)) == kNever);
}

TEST_CASE("what is cancelled, or whose caller left, is not begun and not answered") {
  Setup s;
  for (std::uint64_t id = 1; id <= 4; ++id)
    s.ask(1, id, at(0ms));
  s.ask(2, 3, at(0ms));
  s.core.on_cancel(CallerId{1}, 3);
  s.core.on_gone(CallerId{9});
  s.core.on_cancel(CallerId{1}, 99);
  s.done(0, at(1ms));
  REQUIRE(s.port.begun.size() == 3);
  s.core.on_gone(CallerId{1});
  for (std::size_t i = 1; i < s.port.begun.size(); ++i)
    s.done(i, at(2ms));
  CHECK(s.port.answers == Texts{"1:1 OK", "2:3 OK"});
  CHECK(s.core.open() == 0);
}

TEST_CASE("a target that names somebody else passes the executor by") {
  Setup s;
  s.ask(1, 1, at(0ms), {}, "fa");
  s.ask(1, 2, at(0ms), {}, "near");
  s.ask(1, 3, at(0ms), {}, "(");
  REQUIRE(s.port.begun.size() == 2);
  CHECK_FALSE(s.port.begun[0].passes);
  CHECK(s.port.begun[1].passes);
  CHECK(s.port.answers == Texts{"1:3 INVALID_ARGUMENT"});
}

TEST_CASE("a drain refuses what is new, finishes what was taken, and is over then") {
  Setup s;
  s.ask(1, 1, at(0ms));
  s.core.drain();
  CHECK_FALSE(s.core.drained());
  s.ask(1, 2, at(1ms));
  CHECK(s.port.answers == Texts{"1:2 UNAVAILABLE"});
  s.done(0, at(2ms));
  CHECK(s.port.answers.back() == "1:1 OK");
  CHECK(s.core.drained());
}

TEST_CASE("another process of the same name is another incarnation") {
  Setup s;
  CHECK(s.core.welcome().gateway == InstanceId{7});
  CHECK(s.core.welcome().flow == "far");
}
