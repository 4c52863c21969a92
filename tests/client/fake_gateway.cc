#include "fake_gateway.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

using namespace std::chrono_literals;

namespace flow {

FakeGateway::FakeGateway(OnRequest on_request) : on_request_(std::move(on_request)) {
  folder_ = (std::filesystem::temp_directory_path() / "flow-client-XXXXXX").string();
  REQUIRE(::mkdtemp(folder_.data()) != nullptr);
  address_ = "ipc://" + folder_ + "/gateway.ipc";
  welcome.gateway.value = 1;
  welcome.flow = "fake";
  welcome.max_request_bytes = 1 << 20;
  welcome.max_in_flight = 100;
  welcome.deadline = 30s;
}

FakeGateway::~FakeGateway() {
  stop();
  std::filesystem::remove_all(folder_);
}

void FakeGateway::start() {
  bound_ = false;
  thread_ = std::thread([this] { run(); });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return bound_; });
}

void FakeGateway::stop() {
  if (!thread_.joinable()) return;
  waker_.signal();
  thread_.join();
}

void FakeGateway::run() {
  net::SocketOptions options;
  options.traffic = net::Traffic::kClient;
  Result<net::Socket> socket = net::Socket::open(context_, net::SocketType::kRouter, options);
  REQUIRE(socket.ok());
  socket_ = std::move(*socket);
  REQUIRE(socket_.bind(address_).ok());
  {
    const std::scoped_lock lock(mutex_);
    bound_ = true;
    changed_.notify_all();
  }
  net::Loop loop(clock_);
  loop.watch_fd(waker_.fd(), [&] {
    waker_.drain();
    loop.stop();
  });
  loop.watch(socket_, [&] {
    net::PeerId peer;
    Received received;
    while (socket_.receive_from(peer, received))
      take(peer, std::exchange(received, Received{}));
  });
  loop.run([](Instant) { return kNever; });
  socket_.close();
}

void FakeGateway::take(net::PeerId peer, Received received) {
  const std::optional<wire::Peek> peek = wire::peek(received);
  REQUIRE(peek.has_value());
  if (peek->kind == wire::Kind::kClientHello) {
    note("hello");
    (void)socket_.send_to(peer, encoder_.encode(welcome));
  } else if (peek->kind == wire::Kind::kPing) {
    note("ping");
    if (answer_pings) (void)socket_.send_to(peer, encoder_.encode_pong());
  } else if (peek->kind == wire::Kind::kCancel) {
    note("cancel");
  } else {
    wire::Request request;
    REQUIRE(wire::decode_request(std::move(received), request).ok());
    const std::string endpoint = request.endpoint;
    on_request_(peer, std::move(request));
    note("request " + endpoint);
  }
}

void FakeGateway::respond(net::PeerId peer, wire::Response response) {
  (void)socket_.send_to(peer, encoder_.encode(response));
}

void FakeGateway::send_raw(net::PeerId peer, const std::string& frame) {
  (void)socket_.send_to(peer, Bytes::copy_of(frame));
}

void FakeGateway::note(std::string what) {
  const std::scoped_lock lock(mutex_);
  notes_.push_back(std::move(what));
  changed_.notify_all();
}

void FakeGateway::wait_for(const std::string& what, std::size_t count) {
  std::unique_lock lock(mutex_);
  const bool came = changed_.wait_for(lock, 20s, [&] {
    return static_cast<std::size_t>(std::ranges::count(notes_, what)) >= count;
  });
  REQUIRE_MESSAGE(came, "the gateway never got: ", what);
}

wire::Response echo(wire::Request& request) {
  wire::Response response;
  response.id = request.id;
  response.payload = std::move(request.payload);
  return response;
}

}  // namespace flow
