// Real sockets over ipc in a folder of the test's own.
#include <doctest/doctest.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "net/context.h"
#include "net/loop.h"
#include "net/socket.h"

namespace {

using namespace flow;       // NOLINT: a test
using namespace flow::net;  // NOLINT
using namespace std::chrono_literals;

struct Folder {
  Folder() {
    char name[] = "/tmp/flow-net-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { rmdir(path.c_str()); }
  std::string ipc(const char* name) const { return "ipc://" + path + "/" + name; }
  std::string path;
};

Socket open(Context& context, SocketType type, Traffic traffic = Traffic::kData) {
  auto socket = Socket::open(context, type, {.traffic = traffic});
  REQUIRE(socket.ok());
  return std::move(*socket);
}

// A pair that is connected.
struct Pipe {
  Pipe() {
    REQUIRE(pull.bind(folder.ipc("a")).ok());
    REQUIRE(push.connect(folder.ipc("a")).ok());
  }
  Folder folder;
  Context context;
  Socket pull = open(context, SocketType::kPull);
  Socket push = open(context, SocketType::kPush);
};

// Waits for one message through a loop, at most five seconds.
Received await(Socket& socket) {
  SystemClock clock;
  Loop loop(clock);
  Received received;
  bool got = false;
  const Instant until = clock.now() + 5s;
  loop.watch(socket, [&] {
    got = socket.receive(received);
    if (got) loop.stop();
  });
  loop.run([&](Instant now) {
    if (now >= until) loop.stop();
    return until;
  });
  REQUIRE(got);
  return received;
}

int option_of(const Socket& socket, int name) {
  int value = 0;
  std::size_t size = sizeof value;
  REQUIRE(zmq_getsockopt(socket.handle(), name, &value, &size) == 0);
  return value;
}

int option_type(const Socket& socket) {
  return option_of(socket, ZMQ_TYPE);
}

// Until the socket's descriptor tells of something, without taking that away.
void wait_for_sign(const Socket& socket) {
  pollfd item{option_of(socket, ZMQ_FD), POLLIN, 0};
  REQUIRE(::poll(&item, 1, 5000) == 1);
}

Frames frames(const std::string& head, const std::string& tail = {},
              std::span<const Bytes> payloads = {}) {
  return {std::as_bytes(std::span(head)), std::as_bytes(std::span(tail)), payloads};
}

}  // namespace

TEST_CASE(
    "one frame and two frames arrive as they were sent, large ones without a copy in between") {
  Pipe pipe;
  Socket& pull = pipe.pull;
  Socket& push = pipe.push;

  CHECK(push.send(frames("head", "tail")) == Sent::kSent);
  CHECK(await(pull).first.text() == "headtail");

  const Bytes big = Bytes::copy_of(std::string(100'000, 'x'));
  CHECK(push.send(frames("head", "", {&big, 1})) == Sent::kSent);
  const Received two = await(pull);
  CHECK(two.frames == 2);
  CHECK(two.second == big);

  // What was received can be sent on, sliced, copied and outlive its first holder.
  Bytes kept = two.second.slice(1, 5000);
  CHECK(push.send(frames("again", "", {&two.second, 1})) == Sent::kSent);
  CHECK(await(pull).second == big);
  CHECK(kept.text() == std::string(5000, 'x'));
}

TEST_CASE("a message of many frames arrives whole; frames beyond the limit are counted, not kept") {
  Pipe pipe;
  Socket& pull = pipe.pull;
  Socket& push = pipe.push;
  std::vector<Bytes> payloads;
  for (int i = 1; i < kMaxFrames; ++i)
    payloads.push_back(Bytes::copy_of(std::string(i % 2 == 0 ? 10 : 3000, static_cast<char>(i))));

  CHECK(push.send(frames("head", "", payloads)) == Sent::kSent);
  const Received received = await(pull);
  REQUIRE(received.frames == kMaxFrames);
  REQUIRE(received.others.size() == payloads.size() - 1);
  CHECK(received.second == payloads[0]);
  CHECK(received.others.front() == payloads[1]);
  CHECK(received.others.back() == payloads.back());

  payloads.push_back(Bytes::copy_of("one too many"));
  CHECK(push.send(frames("head", "", payloads)) == Sent::kSent);
  CHECK(push.send(frames("next")) == Sent::kSent);
  const Received cut = await(pull);
  CHECK(cut.frames == kMaxFrames + 1);
  CHECK(cut.others.size() == payloads.size() - 2);
  const Received next = await(pull);
  CHECK(next.first.text() == "next");
  CHECK(next.others.empty());
}

TEST_CASE("a received message keeps its bytes however it is moved, whatever its size") {
  Pipe pipe;
  Socket& pull = pipe.pull;
  Socket& push = pipe.push;
  std::vector<Bytes> kept;  // moves them as it grows
  std::vector<std::string> sent;
  for (const std::size_t size : {1U, 32U, 33U, 34U, 63U, 64U, 65U, 1024U, 1025U, 100'000U}) {
    sent.emplace_back(size, static_cast<char>('a' + sent.size()));
    REQUIRE(push.send(Bytes::copy_of(sent.back())) == Sent::kSent);
    Bytes first = await(pull).first;
    Bytes moved = std::move(first);
    const Bytes copy = moved;
    kept.push_back(std::move(moved));
    CHECK(copy.text() == sent.back());
    REQUIRE(push.send(copy) == Sent::kSent);  // the message itself goes on
    CHECK(await(pull).first.text() == sent.back());
  }
  for (std::size_t i = 0; i < sent.size(); ++i)
    CHECK(kept[i].text() == sent[i]);
}

TEST_CASE("a router answers the peer that asked and says so when a peer is unknown") {
  Folder folder;
  Context context;
  Socket router = open(context, SocketType::kRouter, Traffic::kClient);
  REQUIRE(router.bind(folder.ipc("r")).ok());
  Socket dealer = open(context, SocketType::kDealer, Traffic::kControl);
  REQUIRE(dealer.connect(folder.ipc("r")).ok());
  CHECK(dealer.send(frames("ask")) == Sent::kSent);

  SystemClock clock;
  Loop loop(clock);
  PeerId peer;
  Received request;
  loop.watch(router, [&] {
    if (router.receive_from(peer, request)) loop.stop();
  });
  loop.run([](Instant now) { return now + 1s; });
  CHECK(request.first.text() == "ask");
  CHECK(router.send_to(peer, frames("answer")) == Sent::kSent);
  CHECK(await(dealer).first.text() == "answer");
  CHECK(router.send_to(PeerId{peer.value + 1000}, frames("?")) == Sent::kNoPeer);
}

TEST_CASE("an address that is taken is refused with its name, and a stale file is no obstacle") {
  Folder folder;
  Context context;
  Socket first = open(context, SocketType::kPull);
  REQUIRE(first.bind(folder.ipc("a")).ok());
  Socket second = open(context, SocketType::kPull);
  const auto refused = second.bind(folder.ipc("a"));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.find(folder.ipc("a")) != std::string::npos);
  CHECK(refused.error().message.find("another process listens") != std::string::npos);
}

TEST_CASE("a path too long for ipc is refused with the limit") {
  Context context;
  Socket pull = open(context, SocketType::kPull);
  const auto refused = pull.bind("ipc:///tmp/" + std::string(120, 'p'));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.find("107") != std::string::npos);
}

TEST_CASE("probe tells whether anybody listens") {
  Folder folder;
  Context context;
  CHECK(probe(folder.ipc("a")) == Listening::kRefused);
  {
    Socket pull = open(context, SocketType::kPull);
    REQUIRE(pull.bind(folder.ipc("a")).ok());
    CHECK(probe(folder.ipc("a")) == Listening::kYes);
    const auto tcp = pull.bind("tcp://127.0.0.1:0");
    REQUIRE(tcp.ok());
    CHECK(probe(*tcp) == Listening::kYes);
  }
  CHECK(probe("nonsense") == Listening::kUnknown);
}

TEST_CASE("a monitor sees a connection end") {
  Folder folder;
  Context context;
  Socket router = open(context, SocketType::kRouter, Traffic::kControl);
  auto monitor = Monitor::open(context, router, "test");
  REQUIRE(monitor.ok());
  REQUIRE(router.bind(folder.ipc("r")).ok());
  {
    Context other;
    Socket dealer = open(other, SocketType::kDealer, Traffic::kControl);
    REQUIRE(dealer.connect(folder.ipc("r")).ok());
    CHECK(dealer.send(frames("hello")) == Sent::kSent);
    SystemClock clock;
    Loop loop(clock);
    PeerId peer;
    Received received;
    loop.watch(router, [&] {
      if (router.receive_from(peer, received)) loop.stop();
    });
    loop.run([](Instant now) { return now + 1s; });
  }
  SystemClock clock;
  Loop loop(clock);
  int ended = 0;
  loop.watch(*monitor, [&] {
    ended += monitor->disconnects();
    if (ended > 0) loop.stop();
  });
  loop.run([](Instant now) { return now + 1s; });
  CHECK(ended == 1);
}

TEST_CASE("a waker wakes a loop from another thread") {
  SystemClock clock;
  Loop loop(clock);
  Waker waker;
  int woken = 0;
  loop.watch_fd(waker.fd(), [&] {
    waker.drain();
    ++woken;
    loop.stop();
  });
  std::thread other([&] { waker.signal(); });
  loop.run([](Instant) { return kNever; });
  other.join();
  CHECK(woken == 1);
}

TEST_CASE("messages received outside of the handler do not hide the ones behind them") {
  Pipe pipe;
  Socket& pull = pipe.pull;
  Socket& push = pipe.push;
  for (int i = 0; i < 10; ++i)
    CHECK(push.send(frames("m")) == Sent::kSent);

  SystemClock clock;
  Loop loop(clock);
  int received = 0;
  bool outside = false;
  Received message;
  const Instant until = clock.now() + 5s;
  loop.watch(pull, [&] {
    if (pull.receive(message)) ++received;  // one at a time: the others must not be forgotten
  });
  loop.run([&](Instant now) {
    if (received > 0 && !outside) {
      outside = true;
      if (pull.receive(message)) ++received;
    }
    if (received == 10 || now >= until) loop.stop();
    return until;
  });
  CHECK(received == 10);
}

namespace {

// Whether `socket`, found empty by a loop, is looked at after a message came and `send` took away
// the sign of it.
bool heard_though_it_sent(Socket& socket, const std::function<void()>& message_comes,
                          const std::function<void()>& send) {
  SystemClock clock;
  Loop loop(clock);
  int turn = 0;
  bool heard = false;
  const Instant until = clock.now() + 5s;
  loop.watch(socket, [&] {
    Received message;
    PeerId peer;
    const bool routes = option_type(socket) == ZMQ_ROUTER;
    while (routes ? socket.receive_from(peer, message) : socket.receive(message))
      heard = true;
  });
  loop.run([&](Instant now) {
    if (heard || now >= until) loop.stop();
    if (++turn == 1) return now + 1ms;  // then it has been found empty
    if (turn == 2) {
      message_comes();
      wait_for_sign(socket);
      ::poll(nullptr, 0, 10);  // a send that comes soon after another one looks at nothing
      send();
    }
    return until;
  });
  return heard;
}

}  // namespace

TEST_CASE("a send that takes away the sign of a message does not hide the message") {
  Folder folder;
  Context context;
  Socket router = open(context, SocketType::kRouter);
  REQUIRE(router.bind(folder.ipc("r")).ok());
  Socket dealer = open(context, SocketType::kDealer);
  REQUIRE(dealer.connect(folder.ipc("r")).ok());
  REQUIRE(dealer.send(frames("hello")) == Sent::kSent);
  PeerId peer;
  Received hello;
  const Instant until = SystemClock().now() + 5s;
  while (!router.receive_from(peer, hello) && SystemClock().now() < until)
    ::poll(nullptr, 0, 1);
  CHECK(heard_though_it_sent(
      dealer, [&] { CHECK(router.send_to(peer, frames("m")) == Sent::kSent); },
      [&] { CHECK(dealer.send(frames("x")) == Sent::kSent); }));
  CHECK(heard_though_it_sent(
      router, [&] { CHECK(dealer.send(frames("m")) == Sent::kSent); },
      [&] { CHECK(router.send_to(peer, frames("x")) == Sent::kSent); }));
}

TEST_CASE("a subscriber gets what begins with its topic, whole messages only") {
  Folder folder;
  Context context;
  Socket xpub = open(context, SocketType::kXpub);
  REQUIRE(xpub.bind(folder.ipc("p")).ok());
  Socket sub = open(context, SocketType::kSub);
  REQUIRE(sub.connect(folder.ipc("p")).ok());
  sub.subscribe("lane");
  CHECK(await(xpub).first.text() == "\1lane");
  const Bytes big = Bytes::copy_of(std::string(100'000, 'x'));

  CHECK(xpub.send(frames("else", "where", {&big, 1})) == Sent::kSent);
  CHECK(xpub.send(frames("lane", "head", {&big, 1})) == Sent::kSent);

  const Received received = await(sub);
  CHECK(received.first.text() == "lanehead");
  CHECK(received.second == big);
  sub.unsubscribe("lane");
  const std::string_view gone("\0lane", 5);
  CHECK(await(xpub).first.text() == gone);
}

TEST_CASE("a loop with sockets that have nothing to tell waits") {
  Folder folder;
  Context context;
  SystemClock clock;
  Socket xpub = open(context, SocketType::kXpub);
  REQUIRE(xpub.bind(folder.ipc("p")).ok());
  Socket sub = open(context, SocketType::kSub);
  REQUIRE(sub.connect(folder.ipc("p")).ok());
  sub.subscribe("lane");
  CHECK(await(xpub).first.text() == "\1lane");
  Loop loop(clock);
  int turns = 0;
  int handled = 0;
  const Instant until = clock.now() + 50ms;
  Received received;
  loop.watch(xpub, [&] {
    ++handled;
    CHECK_FALSE(xpub.receive(received));
  });
  loop.watch(sub, [&] {
    ++handled;
    CHECK_FALSE(sub.receive(received));
  });

  loop.run([&](Instant now) {
    ++turns;
    if (now >= until) loop.stop();
    return until;
  });

  // Each is looked at once at the start, and when its transport has something of its own to do.
  CHECK(turns < 20);
  CHECK(handled < 20);
}
