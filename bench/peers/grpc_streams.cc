// A chain of two stages with gRPC over bidirectional streams that stay open: client <-> gateway,
// gateway <-> a, gateway <-> b, over unix sockets. A message is one write on each; stages hand the
// bytes back without copying them.
#include <deque>
#include <optional>

#include "grpc_parts.h"

namespace {

using peer::Message;
using peer::Processes;
using peer::Relay;
using peer::Server;

// One side of a stream: one read and one write at a time, what else is to be written waits.
template <typename Stream>
class Link {
 public:
  using Handler = std::function<void(Message& message)>;

  explicit Link(Handler handler) : handler_(std::move(handler)) {}

  void open(Stream& stream) {
    stream_ = &stream;
    stream_->Read(&incoming_, &read_);
    write_next();
  }

  void send(Message& message) {
    outgoing_.emplace_back();
    outgoing_.back().Swap(&message);
    write_next();
  }

 private:
  void write_next() {
    if (writing_ || outgoing_.empty() || stream_ == nullptr) return;
    writing_ = true;
    grpc::WriteOptions options;
    if (outgoing_.size() > 1) options.set_buffer_hint();
    stream_->Write(outgoing_.front(), options, &written_);
  }

  void on_read(bool ok) {
    if (!ok) throw peer::Error("a stream ended");
    (void)peer::number_of(incoming_);
    handler_(incoming_);
    stream_->Read(&incoming_, &read_);
  }

  void on_written(bool ok) {
    if (!ok) throw peer::Error("a stream ended");
    writing_ = false;
    outgoing_.pop_front();
    write_next();
  }

  Handler handler_;
  Stream* stream_ = nullptr;
  Message incoming_;
  std::deque<Message> outgoing_;
  bool writing_ = false;
  peer::FunctionTag read_{[this](bool ok) { on_read(ok); }};
  peer::FunctionTag written_{[this](bool ok) { on_written(ok); }};
};

class Outgoing {
 public:
  using Stream = grpc::ClientAsyncReaderWriter<Message, Message>;

  explicit Outgoing(Link<Stream>::Handler handler) : link_(std::move(handler)) {}
  void open(Relay::Stub& stub, grpc::CompletionQueue& queue) {
    context_.set_wait_for_ready(true);
    stream_ = stub.AsyncStream(&context_, &queue, &opened_);
  }
  void send(Message& message) { link_.send(message); }

 private:
  void on_opened(bool ok) {
    if (!ok) throw peer::Error("cannot open a stream");
    link_.open(*stream_);
  }

  grpc::ClientContext context_;
  std::unique_ptr<Stream> stream_;
  Link<Stream> link_;
  peer::FunctionTag opened_{[this](bool ok) { on_opened(ok); }};
};

class Incoming {
 public:
  using Stream = grpc::ServerAsyncReaderWriter<Message, Message>;

  explicit Incoming(Link<Stream>::Handler handler) : link_(std::move(handler)) {}
  void wait(Server& server) {
    server.service.RequestStream(&context_, &stream_, server.queue.get(), server.queue.get(),
                                 &opened_);
  }
  void send(Message& message) { link_.send(message); }

 private:
  void on_opened(bool ok) {
    if (!ok) throw peer::Error("nobody opened a stream");
    link_.open(stream_);
  }

  grpc::ServerContext context_;
  Stream stream_{&context_};
  Link<Stream> link_;
  peer::FunctionTag opened_{[this](bool ok) { on_opened(ok); }};
};

void run_stage(const std::string& address, const Processes::Ready& ready) {
  Server server(address);
  Incoming link([&link](Message& message) { link.send(message); });
  link.wait(server);
  ready();
  server.run();
}

class Gateway {
 public:
  explicit Gateway(const std::string& folder)
      : server_(peer::grpc_address(folder, "front")),
        stub_a_(peer::connect_to(peer::grpc_address(folder, "a"))),
        stub_b_(peer::connect_to(peer::grpc_address(folder, "b"))) {
    a_.open(*stub_a_, *server_.queue);
    b_.open(*stub_b_, *server_.queue);
    client_.wait(server_);
  }
  void run() const { server_.run(); }

 private:
  Server server_;
  std::unique_ptr<Relay::Stub> stub_a_;
  std::unique_ptr<Relay::Stub> stub_b_;
  Incoming client_{[this](Message& message) { a_.send(message); }};
  Outgoing a_{[this](Message& message) { b_.send(message); }};
  Outgoing b_{[this](Message& message) { client_.send(message); }};
};

class StreamClient : public peer::Client {
 public:
  explicit StreamClient(const std::string& address) : stub_(peer::connect_to(address)) {
    link_.open(*stub_, queue_);
  }

  void send(std::string_view message) override {
    Message request;
    request.set_payload(message.data(), message.size());
    link_.send(request);
  }

  std::optional<std::uint64_t> receive() override {
    const gpr_timespec deadline = peer::in_a_slice();
    while (answers_.empty()) {
      if (!peer::proceed_once(queue_, deadline)) return std::nullopt;
    }
    const std::uint64_t number = answers_.front();
    answers_.pop_front();
    return number;
  }

 private:
  grpc::CompletionQueue queue_;
  std::unique_ptr<Relay::Stub> stub_;
  std::deque<std::uint64_t> answers_;
  Outgoing link_{[this](const Message& answer) { answers_.push_back(peer::number_of(answer)); }};
};

std::unique_ptr<peer::Client> start(Processes& processes, const std::string& folder,
                                    int /*places*/) {
  for (const char* stage : {"a", "b"}) {
    processes.start(stage, [&folder, stage](const Processes::Ready& ready) {
      run_stage(peer::grpc_address(folder, stage), ready);
    });
  }
  processes.start("gateway", [&folder](const Processes::Ready& ready) {
    Gateway gateway(folder);
    ready();
    gateway.run();
  });
  return std::make_unique<StreamClient>(peer::grpc_address(folder, "front"));
}

}  // namespace

int main(int argc, char** argv) {
  return peer::run(argc, argv, {"grpc_streams", peer::kMaxBytes, start});
}
