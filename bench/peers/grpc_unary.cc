// A chain of two stages with gRPC, as a gateway that calls: client -> gateway; gateway -> a and
// back, gateway -> b and back; gateway -> client. One unary call for each hop, over unix sockets.
// Stages hand the bytes back without copying them.
#include <optional>

#include "grpc_parts.h"

namespace {

using peer::Message;
using peer::Processes;
using peer::Relay;
using peer::Server;

constexpr int kWaiting = 64;  // calls a server is ready to take at once

// A call this process makes. Ends itself.
class Call : public peer::Tag {
 public:
  using Done = std::function<void(Message& answer)>;

  static void start(Relay::Stub& stub, const Message& request, grpc::CompletionQueue& queue,
                    Done done) {
    auto call = std::make_unique<Call>(std::move(done));
    call->context_.set_wait_for_ready(true);
    call->reader_ = stub.AsyncCall(&call->context_, request, &queue);
    Call& started = *call.release();  // the queue holds it now
    started.reader_->Finish(&started.answer_, &started.status_, &started);
  }

  explicit Call(Done done) : done_(std::move(done)) {}

  void proceed(bool /*ok*/) override {
    const std::unique_ptr<Call> self(this);
    if (!status_.ok()) throw peer::Error("a call failed: " + status_.error_message());
    (void)peer::number_of(answer_);
    done_(answer_);
  }

 private:
  Done done_;
  grpc::ClientContext context_;
  Message answer_;
  grpc::Status status_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Message>> reader_;
};

// A call this process gets, from waiting for it to the end of answering. Ends itself.
class Served : public peer::Tag {
 public:
  using Handler = std::function<void(Served& served)>;

  static void wait(Server& server, const Handler& handler) {
    Served& served =
        *std::make_unique<Served>(server, handler).release();  // the queue holds it now
    server.service.RequestCall(&served.context_, &served.request_, &served.writer_,
                               server.queue.get(), server.queue.get(), &served);
  }

  Served(Server& server, Handler handler) : server_(server), handler_(std::move(handler)) {}

  void proceed(bool ok) override {
    if (answered_ || !ok) {
      const std::unique_ptr<Served> self(this);
      return;
    }
    wait(server_, handler_);
    (void)peer::number_of(request_);
    handler_(*this);
  }

  Message& request() { return request_; }
  void answer(Message& message) {
    answer_.Swap(&message);
    answered_ = true;
    writer_.Finish(answer_, grpc::Status::OK, this);
  }

 private:
  Server& server_;
  Handler handler_;
  grpc::ServerContext context_;
  Message request_;
  Message answer_;
  bool answered_ = false;
  grpc::ServerAsyncResponseWriter<Message> writer_{&context_};
};

void serve(Server& server, const Processes::Ready& ready, const Served::Handler& handler) {
  for (int i = 0; i < kWaiting; ++i)
    Served::wait(server, handler);
  ready();
  server.run();
}

void run_stage(const std::string& address, const Processes::Ready& ready) {
  Server server(address);
  serve(server, ready, [](Served& served) { served.answer(served.request()); });
}

void run_gateway(const std::string& folder, const Processes::Ready& ready) {
  Server server(peer::grpc_address(folder, "front"));
  const auto a = peer::connect_to(peer::grpc_address(folder, "a"));
  const auto b = peer::connect_to(peer::grpc_address(folder, "b"));
  grpc::CompletionQueue& queue = *server.queue;
  const auto call_b = [&b, &queue](Served& served, const Message& request) {
    Call::start(*b, request, queue, [&served](Message& answer) { served.answer(answer); });
  };
  serve(server, ready, [&a, &queue, &call_b](Served& served) {
    Call::start(*a, served.request(), queue,
                [&served, &call_b](Message& answer) { call_b(served, answer); });
  });
}

class UnaryClient : public peer::Client {
 public:
  explicit UnaryClient(const std::string& address) : stub_(peer::connect_to(address)) {}

  void send(std::string_view message) override {
    Message request;
    request.set_payload(message.data(), message.size());
    Call::start(*stub_, request, queue_,
                [this](const Message& answer) { number_ = peer::number_of(answer); });
  }

  std::optional<std::uint64_t> receive() override {
    if (!peer::proceed_once(queue_, peer::in_a_slice())) return std::nullopt;
    return number_;
  }

 private:
  grpc::CompletionQueue queue_;
  std::unique_ptr<Relay::Stub> stub_;
  std::uint64_t number_ = 0;
};

std::unique_ptr<peer::Client> start(Processes& processes, const std::string& folder,
                                    int /*places*/) {
  for (const char* stage : {"a", "b"}) {
    processes.start(stage, [&folder, stage](const Processes::Ready& ready) {
      run_stage(peer::grpc_address(folder, stage), ready);
    });
  }
  processes.start("gateway",
                  [&folder](const Processes::Ready& ready) { run_gateway(folder, ready); });
  return std::make_unique<UnaryClient>(peer::grpc_address(folder, "front"));
}

}  // namespace

int main(int argc, char** argv) {
  return peer::run(argc, argv, {"grpc_unary", peer::kMaxBytes, start});
}
