#include "client/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/host.h"
#include "base/units.h"

namespace flow::client {
namespace {

constexpr std::size_t kMaxMessage = 520U << 20;  // the largest part a flow may allow, and room
constexpr int kMessagesPerTurn = 64;
constexpr Duration kGoodbye = std::chrono::milliseconds(200);

}  // namespace

Session::Session(std::string address, ClientOptions options)
    : address_(std::move(address)),
      options_(std::move(options)),
      gate_(std::clamp(options_.max_in_flight, 1U, kMostInFlight)),
      core_(address_, options_.max_in_flight, *this) {}

Session::~Session() {
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
  }
  waker_.signal();
  if (thread_.joinable()) thread_.join();
}

Status Session::open() {
  thread_ = std::thread([this] { run(); });
  std::unique_lock lock(mutex_);
  if (!started_.wait_for(lock, options_.connect_timeout, [this] { return start_finished_; })) {
    return Error{Errc::kUnavailable, fmt::format("no gateway answers at {} (waited {})", address_,
                                                 format_duration(options_.connect_timeout))};
  }
  return start_status_;
}

wire::ClientWelcome Session::welcome() const {
  const std::scoped_lock lock(mutex_);
  return welcome_;
}

void Session::submit(Submission submission) {
  if (on_own_thread()) {
    core_.submit(std::move(submission), clock_.now());
    return;
  }
  bool first = false;
  {
    const std::scoped_lock lock(mutex_);
    first = submitted_.empty();
    submitted_.push_back(std::move(submission));
  }
  if (first) waker_.signal();
}

void Session::run() {
  Status connected = connect_socket();
  if (!connected) {
    finish_start(std::move(connected));
    return;
  }
  loop_.watch_fd(waker_.fd(), [this] { take_submissions(); });
  core_.start(clock_.now());
  loop_.run([this](Instant now) {
    const Instant next = core_.tick(now);
    flush();
    return next;
  });
  shut_down();
}

Status Session::connect_socket() {
  net::SocketOptions options;
  options.traffic = net::Traffic::kControl;
  options.max_message = kMaxMessage;
  Result<net::Socket> socket = net::Socket::open(context_, net::SocketType::kDealer, options);
  if (!socket) return std::move(socket).error();
  Result<net::Monitor> monitor =
      net::Monitor::open(context_, *socket, fmt::format("client-{}", ++connections_));
  if (!monitor) return std::move(monitor).error();
  if (Status connected = socket->connect(address_); !connected) return connected;
  socket_ = std::move(*socket);
  monitor_ = std::move(*monitor);
  loop_.watch(socket_, [this] { take_messages(); });
  loop_.watch(monitor_, [this] { take_disconnects(); });
  return {};
}

void Session::reopen() {
  carriers_ = false;
  outbox_ = wire::Outbox();
  inbox_ = wire::Inbox();
  loop_.unwatch(socket_);
  loop_.unwatch(monitor_);
  socket_.close();
  monitor_ = net::Monitor();
  // It worked before with this address; if it fails now (no file descriptors) the core tries again.
  (void)connect_socket().ok();
}

void Session::take_submissions() {
  waker_.drain();
  {
    const std::scoped_lock lock(mutex_);
    taken_.swap(submitted_);
    if (closing_) loop_.stop();
  }
  const Instant now = clock_.now();
  for (Submission& submission : taken_)
    core_.submit(std::move(submission), now);
  taken_.clear();
}

void Session::take_messages() {
  const Instant now = clock_.now();
  const std::uint64_t connection = connections_;
  const auto receive = [this](Received& message) { return socket_.receive(message); };
  Received received;
  for (int i = 0; (i < kMessagesPerTurn || inbox_.pending()) && connection == connections_; ++i) {
    if (!inbox_.next(received, receive)) return;
    take_message(std::move(received), now);
    received = Received{};
  }
}

void Session::take_disconnects() {
  if (monitor_.disconnects() > 0) core_.lost("the connection ended", clock_.now());
}

void Session::take_message(Received received, Instant now) {
  const std::optional<wire::Peek> peek = wire::peek(received);
  Status understood = Error{Errc::kInvalidArgument, "a message of no kind a gateway sends"};
  if (peek && peek->kind == wire::Kind::kResponse) {
    wire::Response response;
    understood = wire::decode_response(std::move(received), response);
    if (understood) core_.responded(std::move(response), now);
  } else if (peek && peek->kind == wire::Kind::kClientWelcome) {
    wire::ClientWelcome welcome;
    understood = wire::decode_client_welcome(std::move(received), welcome);
    if (understood) announce(welcome);
    if (understood) core_.welcomed(welcome, now);
  } else if (peek && peek->kind == wire::Kind::kPong) {
    understood = {};
    core_.heard(now);
    pong_awaited_ = false;
  }
  if (understood) return;
  const std::string why =
      fmt::format("what it sent is not understood ({})", understood.error().message);
  finish_start(
      Error{Errc::kUnavailable, fmt::format("what answers at {} is no gateway of this version: {}",
                                            address_, understood.error().message)});
  core_.lost(why, now);
}

void Session::announce(const wire::ClientWelcome& welcome) {
  carriers_ = welcome.carriers;
  {
    const std::scoped_lock lock(mutex_);
    welcome_ = welcome;
  }
  const std::uint32_t own = std::clamp(options_.max_in_flight, 1U, kMostInFlight);
  gate_.set_limit(welcome.max_in_flight == 0 ? own : std::min(own, welcome.max_in_flight));
  finish_start({});
}

void Session::finish_start(Status status) {
  const std::scoped_lock lock(mutex_);
  if (start_finished_) return;
  start_finished_ = true;
  start_status_ = std::move(status);
  started_.notify_all();
}

// The goodbye: a pong proves that the gateway has taken the cancellations.
void Session::shut_down() {
  const bool ready = core_.ready();
  if (core_.cancel_all() == 0 || !ready || !socket_.handle()) return;
  pong_awaited_ = true;
  send_ping();
  const Instant until = clock_.now() + kGoodbye;
  net::Loop goodbye(clock_);
  goodbye.watch(socket_, [this] { take_messages(); });
  goodbye.run([this, until, &goodbye](Instant now) {
    if (!pong_awaited_ || now >= until || !core_.ready()) goodbye.stop();
    return until;
  });
}

void Session::send_hello() {
  if (socket_.handle() == nullptr) return;
  wire::ClientHello hello;
  hello.client = fmt::format("{} {}", options_.name, version());
  hello.carriers = true;
  (void)socket_.send(encoder_.encode(hello));
}

void Session::send_request(const wire::Request& request) {
  const Frames frames = encoder_.encode(request);
  const auto send = [this](const Frames& ready) { (void)socket_.send(ready); };
  if (carriers_) {
    outbox_.post(frames, send);
  } else {
    send(frames);
  }
}

void Session::flush() {
  outbox_.flush([this](const Frames& ready) { (void)socket_.send(ready); });
}

void Session::send_cancel(std::uint64_t id) {
  flush();
  (void)socket_.send(encoder_.encode_cancel(id));
}

void Session::send_ping() {
  flush();
  (void)socket_.send(encoder_.encode_ping());
}

void Session::deliver(Client::OnReply on_reply, bool open_documents, Reply reply) {
  if (open_documents) open_reply(reply);
  gate_.leave();
  on_reply(std::move(reply));
}

}  // namespace flow::client
