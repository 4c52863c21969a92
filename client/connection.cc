#include "client/connection.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/host.h"

namespace flow::client {
namespace {

constexpr std::size_t kMaxMessage = 520U << 20;  // the largest part a flow may allow, and room
constexpr int kMessagesPerTurn = 64;

}  // namespace

Connection::Connection(net::Context& context, const Clock& clock, std::string address,
                       std::string name, std::uint32_t limit, ConnectionOwner& owner)
    : context_(context),
      clock_(clock),
      address_(std::move(address)),
      name_(std::move(name)),
      owner_(owner),
      core_(address_, limit, *this) {}

Status Connection::open(net::Loop& loop) {
  loop_ = &loop;
  if (net::has_host_name(address_)) loop_->watch_fd(resolver_.fd(), [this] { take_address(); });
  if (Status connected = connect_socket(); !connected) return connected;
  now_ = clock_.now();
  core_.start(now_);
  return {};
}

Status Connection::connect_socket() {
  if (!net::has_host_name(address_)) return connect_to(address_);
  resolver_.start(address_);
  return {};
}

void Connection::take_address() {
  const std::optional<Result<std::string>> found = resolver_.take();
  if (!found) return;
  if (!*found) {
    trouble_ = found->error().message;
    return;
  }
  trouble_.clear();
  close_socket();
  if (Status connected = connect_to(**found); !connected) {
    trouble_ = connected.error().message;
    return;
  }
  send_hello();
}

Status Connection::connect_to(const std::string& numeric) {
  net::SocketOptions options;
  options.traffic = net::Traffic::kControl;
  options.max_message = kMaxMessage;
  Result<net::Socket> socket = net::Socket::open(context_, net::SocketType::kDealer, options);
  if (!socket) return std::move(socket).error();
  Result<net::Monitor> monitor =
      net::Monitor::open(context_, *socket, fmt::format("{}-{}", name_, ++connections_));
  if (!monitor) return std::move(monitor).error();
  if (Status connected = socket->connect(numeric); !connected) return connected;
  socket_ = std::move(*socket);
  monitor_ = std::move(*monitor);
  loop_->watch(socket_, [this] { take_messages(); });
  loop_->watch(monitor_, [this] { take_disconnects(); });
  return {};
}

void Connection::close_socket() {
  ++connections_;
  carriers_ = false;
  outbox_ = wire::Outbox();
  inbox_ = wire::Inbox();
  if (socket_.handle() == nullptr) return;
  loop_->unwatch(socket_);
  loop_->unwatch(monitor_);
  socket_.close();
  monitor_ = net::Monitor();
}

void Connection::reopen() {
  close_socket();
  // It worked before with this address; if it fails now (no file descriptors) the core tries again.
  (void)connect_socket().ok();
}

void Connection::take_messages() {
  now_ = clock_.now();
  const std::uint64_t connection = connections_;
  const auto receive = [this](Received& message) { return socket_.receive(message); };
  Received received;
  for (int i = 0; (i < kMessagesPerTurn || inbox_.pending()) && connection == connections_; ++i) {
    if (!inbox_.next(received, receive)) return;
    if (const Status understood = take_message(received); !understood)
      meet_stranger(understood.error());
  }
}

void Connection::take_disconnects() {
  now_ = clock_.now();
  if (monitor_.disconnects() > 0) core_.lost("the connection ended", now_);
}

Status Connection::take_message(Received& received) {
  const std::optional<wire::Peek> peek = wire::peek(received);
  if (peek && peek->kind == wire::Kind::kResponse) return take_response(received);
  if (peek && peek->kind == wire::Kind::kClientWelcome) return take_welcome(received);
  if (!peek || peek->kind != wire::Kind::kPong)
    return Error{Errc::kInvalidArgument, "a message of no kind a gateway sends"};
  core_.heard(now_);
  pong_awaited_ = false;
  return {};
}

Status Connection::take_welcome(Received& received) {
  wire::ClientWelcome welcome;
  Status decoded = wire::decode_client_welcome(received, welcome);
  if (!decoded) return decoded;
  carriers_ = welcome.carriers;
  trouble_.clear();
  owner_.on_welcome(welcome);
  core_.welcomed(welcome, now_);
  return {};
}

void Connection::meet_stranger(const Error& error) {
  trouble_ =
      fmt::format("what answers at {} is no gateway of this version: {}", address_, error.message);
  owner_.on_stranger(Error{Errc::kUnavailable, trouble_});
  core_.lost(fmt::format("what it sent is not understood ({})", error.message), now_);
}

// Only memory is kept of the reply, nothing that others may wait to see gone.
Status Connection::take_response(Received& received) {
  wire::Response& response = reply_.response;
  Status decoded = wire::decode_response(std::move(received), response);
  if (decoded) core_.responded(std::move(reply_), now_);
  response.payload.clear();
  response.results.clear();
  response.failure.reset();
  return decoded;
}

Instant Connection::turn(Instant now) {
  now_ = now;
  const Instant next = core_.tick(now);
  flush();
  return next;
}

// The goodbye: a pong proves that the gateway has taken the cancellations.
void Connection::shut_down(Duration patience) {
  const bool ready = core_.ready();
  if (core_.cancel_all() == 0 || !ready || !socket_.handle()) return;
  pong_awaited_ = true;
  send_ping();
  const Instant until = clock_.now() + patience;
  net::Loop goodbye(clock_);
  goodbye.watch(socket_, [this] { take_messages(); });
  goodbye.run([this, until, &goodbye](Instant now) {
    if (!pong_awaited_ || now >= until || !core_.ready()) goodbye.stop();
    return until;
  });
}

void Connection::send_hello() {
  if (socket_.handle() == nullptr) return;
  wire::ClientHello hello;
  hello.client = fmt::format("{} {}", name_, version());
  hello.carriers = true;
  (void)socket_.send(encoder_.encode(hello));
}

void Connection::send_request(const wire::Request& request) {
  const Frames frames = encoder_.encode(request);
  const auto send = [this](const Frames& ready) { (void)socket_.send(ready); };
  if (carriers_) {
    outbox_.post(frames, send);
  } else {
    send(frames);
  }
}

void Connection::flush() {
  outbox_.flush([this](const Frames& ready) { (void)socket_.send(ready); },
                wire::payloads_together(core_.outstanding()));
}

void Connection::send_cancel(std::uint64_t id) {
  flush();
  (void)socket_.send(encoder_.encode_cancel(id));
}

void Connection::send_ping() {
  flush();
  (void)socket_.send(encoder_.encode_ping());
}

void Connection::deliver(const Client::OnReply& on_reply, bool open_documents, Reply&& reply) {
  if (open_documents) open_reply(reply);
  owner_.before_reply();
  on_reply(std::move(reply));
  if (open_documents || !reply.documents.empty()) reply.documents = {};  // what is left of them
}

}  // namespace flow::client
