#include <doctest/doctest.h>
#include <flow/client.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fake_gateway.h"

using namespace std::chrono_literals;

namespace flow {
namespace {

wire::DocumentList documents(const std::vector<std::string>& texts) {
  wire::DocumentList list;
  for (const std::string& text : texts) {
    wire::Document document;
    document.set_text(text);
    list.push_back(std::move(document));
  }
  return list;
}

// Hands out documents "0", "1", … up to `count`.
std::function<std::optional<wire::Document>()> numbered(int count) {
  return [count, next = 0]() mutable -> std::optional<wire::Document> {
    if (next == count) return std::nullopt;
    wire::Document document;
    document.set_text(std::to_string(next++));
    return document;
  };
}

struct EchoGateway : FakeGateway {
  EchoGateway()
      : FakeGateway(
            [this](net::PeerId peer, wire::Request request) { respond(peer, echo(request)); }) {}
};

struct SilentGateway : FakeGateway {
  SilentGateway() : FakeGateway([](net::PeerId, const wire::Request&) {}) {}
};

}  // namespace

TEST_CASE("post sends documents and returns what came back") {
  EchoGateway gateway;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  CHECK(client->welcome().flow == "fake");

  const Reply reply = client->post("/a", documents({"one", "two"}));

  REQUIRE(reply.ok());
  REQUIRE(reply.documents.size() == 2);
  CHECK(reply.documents[1].text() == "two");
}

TEST_CASE("a request without documents is answered too") {
  EchoGateway gateway;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  const Reply reply = client->post("/a", {});
  CHECK(reply.ok());
  CHECK(reply.documents.empty());
}

TEST_CASE("connecting where nobody is fails with the address, in time") {
  ClientOptions options;
  options.connect_timeout = 50ms;
  const Result<Client> client = Client::connect("ipc:///tmp/flow-nobody-is-here.ipc", options);
  REQUIRE_FALSE(client.ok());
  CHECK(client.error().code == Errc::kUnavailable);
  CHECK(client.error().message.find("flow-nobody-is-here") != std::string::npos);
}

TEST_CASE("connecting to a malformed address fails at once") {
  const Result<Client> client = Client::connect("nonsense");
  REQUIRE_FALSE(client.ok());
  CHECK(client.error().message.find("nonsense") != std::string::npos);
}

TEST_CASE("many threads may post at once, more than the limit in flight") {
  EchoGateway gateway;
  gateway.welcome.max_in_flight = 3;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&client, &good, thread] {
      for (int i = 0; i < 20; ++i) {
        const std::string text = std::to_string(thread * 100 + i);
        const Reply reply = client->post("/a", documents({text}));
        if (reply.ok() && reply.documents[0].text() == text) ++good;
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  CHECK(good == 160);
}

TEST_CASE("post_all keeps the order of the input when answers come in another") {
  std::vector<std::pair<net::PeerId, wire::Request>> held;
  FakeGateway* self = nullptr;
  FakeGateway gateway([&](net::PeerId peer, wire::Request request) {
    held.emplace_back(peer, std::move(request));
    if (held.size() < 4) return;
    for (; !held.empty(); held.pop_back())
      self->respond(held.back().first, echo(held.back().second));
  });
  self = &gateway;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  PostOptions options;
  options.request_size = 2;
  options.concurrency = 4;
  std::vector<std::string> texts;

  client->post_all("/a", numbered(16), options, [&](Reply reply) {
    CHECK(reply.ok());
    for (const wire::Document& document : reply.documents)
      texts.emplace_back(document.text());
  });

  REQUIRE(texts.size() == 16);
  for (int i = 0; i < 16; ++i)
    CHECK(texts[static_cast<std::size_t>(i)] == std::to_string(i));
}

TEST_CASE("post_all of nothing sends nothing; a last request may be smaller") {
  EchoGateway gateway;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  PostOptions options;
  options.request_size = 4;
  std::vector<std::size_t> sizes;
  const auto note = [&](const Reply& reply) { sizes.push_back(reply.documents.size()); };

  client->post_all("/a", numbered(0), options, note);
  CHECK(sizes.empty());
  client->post_all("/a", numbered(9), options, note);
  CHECK(sizes == std::vector<std::size_t>{4, 4, 1});
}

TEST_CASE("a gateway that does not answer costs the request's time and no more than a second") {
  SilentGateway gateway;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  PostOptions options;
  options.timeout = 20ms;
  CHECK(client->post("/a", {}, options).code() == Errc::kDeadlineExceeded);
  gateway.wait_for("cancel");
}

TEST_CASE("a restarted gateway ends what its predecessor had and serves what comes next") {
  bool silent = true;
  FakeGateway* self = nullptr;
  FakeGateway gateway([&](net::PeerId peer, wire::Request request) {
    if (!silent) self->respond(peer, echo(request));
  });
  self = &gateway;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  std::future<Reply> lost = std::async(std::launch::async, [&] { return client->post("/a", {}); });
  gateway.wait_for("request /a");

  gateway.stop();
  silent = false;
  gateway.welcome.gateway.value = 2;
  gateway.start();

  const Reply reply = lost.get();
  CHECK(reply.code() == Errc::kUnknownOutcome);
  CHECK(client->post("/b", documents({"x"})).ok());
  CHECK(client->welcome().gateway.value == 2);
}

TEST_CASE("destroying a client cancels what is outstanding and tells the gateway") {
  SilentGateway gateway;
  gateway.start();
  std::vector<Errc> codes;
  {
    Result<Client> client = Client::connect(gateway.address());
    REQUIRE(client.ok());
    for (int i = 0; i < 3; ++i) {
      client->submit("/a", {}, {}, [&](const Reply& reply) { codes.push_back(reply.code()); });
    }
    gateway.wait_for("request /a", 3);
  }
  CHECK(codes == std::vector<Errc>(3, Errc::kCancelled));
  gateway.wait_for("cancel", 3);
}

TEST_CASE("what is larger than the gateway allows is refused without being sent") {
  SilentGateway gateway;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());

  const Reply large = client->post("/a", documents({std::string(2 << 20, 'x')}));
  CHECK(large.code() == Errc::kTooLarge);
  CHECK(large.response.failure->message.find("max_request") != std::string::npos);

  PostOptions options;
  options.parameters.set("a", std::string(100'000, 'x'));
  CHECK(client->post("/a", {}, options).code() == Errc::kTooLarge);
}

TEST_CASE("a message that is not understood ends the connection, not the client") {
  bool malformed = true;
  FakeGateway* self = nullptr;
  FakeGateway gateway([&](net::PeerId peer, wire::Request request) {
    if (std::exchange(malformed, false)) {
      self->send_raw(peer, "this is no message of ours, and long enough to look like one");
    } else {
      self->respond(peer, echo(request));
    }
  });
  self = &gateway;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  CHECK(client->post("/a", {}).code() == Errc::kUnknownOutcome);
  CHECK(client->post("/b", {}).ok());
}

TEST_CASE("an answer with broken documents fails with INTERNAL, the next one is fine") {
  bool broken = true;
  FakeGateway* self = nullptr;
  FakeGateway gateway([&](net::PeerId peer, wire::Request request) {
    wire::Response response = echo(request);
    if (std::exchange(broken, false)) response.payload = Bytes::copy_of("no document list at all");
    self->respond(peer, std::move(response));
  });
  self = &gateway;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  CHECK(client->post("/a", {}).code() == Errc::kInternal);
  CHECK(client->post("/b", {}).ok());
}

TEST_CASE("a failure arrives with code, message, executor and instance") {
  FakeGateway* self = nullptr;
  FakeGateway gateway([&](net::PeerId peer, const wire::Request& request) {
    wire::Response response;
    response.id = request.id;
    response.failure = std::make_unique<wire::Failure>();
    *response.failure = {Errc::kExecutorError, "no such thing", "encode", "encode/rep-1"};
    self->respond(peer, std::move(response));
  });
  self = &gateway;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  const Reply reply = client->post("/a", {});
  REQUIRE(reply.code() == Errc::kExecutorError);
  CHECK(reply.response.failure->instance == "encode/rep-1");
}

TEST_CASE("a reply that was only looked at leaves nothing in the next") {
  FakeGateway* self = nullptr;
  FakeGateway gateway([&self](net::PeerId peer, wire::Request request) {
    wire::Response response = echo(request);
    if (request.endpoint == "/failing") {
      response.failure = std::make_unique<wire::Failure>();
      *response.failure = {Errc::kExecutorError, "boom", "encode", "encode/rep-0"};
      response.hops = {{"encode", "encode/rep-0", 0, 10, 0, 0}};
    }
    self->respond(peer, std::move(response));
  });
  self = &gateway;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  std::promise<Errc> failed;
  client->submit("/failing", documents({"one"}), {}, [&failed](const Reply& reply) {
    failed.set_value(reply.documents.size() == 1 ? reply.code() : Errc::kOk);
  });
  CHECK(failed.get_future().get() == Errc::kExecutorError);

  std::promise<Reply> next;
  client->submit_raw("/fine", {}, {}, {},
                     [&next](Reply&& reply) { next.set_value(std::move(reply)); });

  const Reply reply = next.get_future().get();
  CHECK(reply.ok());
  CHECK(reply.documents.empty());
  CHECK(reply.response.payload.empty());
  CHECK(reply.response.hops.empty());
}

TEST_CASE("on_reply may submit the next request; more than the limit is refused") {
  EchoGateway gateway;
  gateway.start();
  ClientOptions options;
  options.max_in_flight = 1;
  Result<Client> client = Client::connect(gateway.address(), options);
  REQUIRE(client.ok());
  std::promise<int> done;
  int count = 0;
  std::function<void(Reply)> again = [&](const Reply& reply) {
    if (!reply.ok() || ++count == 1'000) {
      done.set_value(count);
    } else {
      client->submit_raw("/a", Bytes(), Bytes(), Duration{}, again);
    }
  };
  client->submit_raw("/a", Bytes(), Bytes(), Duration{}, again);
  CHECK(done.get_future().get() == 1'000);
}

TEST_CASE("the time of a request that on_reply submits begins then, also after a long callback") {
  EchoGateway gateway;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  std::promise<Errc> done;
  client->submit_raw("/a", Bytes(), Bytes(), Duration{}, [&](const Reply&) {
    std::this_thread::sleep_for(400ms);
    client->submit_raw("/a", Bytes(), Bytes(), 300ms,
                       [&](const Reply& reply) { done.set_value(reply.code()); });
  });
  CHECK(done.get_future().get() == Errc::kOk);
}

TEST_CASE("submitting more than the limit is refused at once") {
  SilentGateway gateway;
  gateway.start();
  ClientOptions options;
  options.max_in_flight = 1;
  Result<Client> client = Client::connect(gateway.address(), options);
  REQUIRE(client.ok());
  Errc second = Errc::kOk;
  client->submit("/a", {}, {}, [](const Reply&) {});
  client->submit("/b", {}, {}, [&](const Reply& reply) { second = reply.code(); });
  CHECK(second == Errc::kOverloaded);
}

TEST_CASE("post inside on_reply says so instead of waiting for ever") {
  EchoGateway gateway;
  gateway.start();
  Result<Client> client = Client::connect(gateway.address());
  REQUIRE(client.ok());
  std::promise<Errc> inside;
  client->submit("/a", {}, {},
                 [&](const Reply&) { inside.set_value(client->post("/b", {}).code()); });
  CHECK(inside.get_future().get() == Errc::kInvalidArgument);
}

}  // namespace flow
