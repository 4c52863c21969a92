// What a chain of two stages costs with ZeroMQ alone: the floor that Flow is measured against.
//
//   client DEALER <-> gateway ROUTER;  gateway PUSH -> PULL a PUSH -> PULL b PUSH -> PULL gateway
//
// Four processes over ipc, one frame a message. The client keeps IN_FLIGHT messages going and
// counts answers; the gateway remembers by the message's number whose it is. Stages look whether
// the message is whole and pass it on. No acknowledgement, no retry, no deadline.
#include "zmq_socket.h"

namespace {

using peer::Front;
using peer::Processes;
using peer::Socket;

constexpr int kBurst = 64;

struct Addresses {
  explicit Addresses(const std::string& folder)
      : front("ipc://" + folder + "/front"),
        a("ipc://" + folder + "/a"),
        b("ipc://" + folder + "/b"),
        back("ipc://" + folder + "/back") {}
  std::string front;
  std::string a;
  std::string b;
  std::string back;
};

void run_stage(const std::string& from, const std::string& to, const Processes::Ready& ready) {
  void* context = zmq_ctx_new();
  Socket in(context, ZMQ_PULL);
  Socket out(context, ZMQ_PUSH);
  in.bind(from);
  out.connect(to);
  ready();
  peer::pass_on(in, out);
}

class Gateway {
 public:
  explicit Gateway(const Addresses& addresses)
      : front_(context_, addresses.front), back_(context_, ZMQ_PULL), first_(context_, ZMQ_PUSH) {
    back_.bind(addresses.back);
    first_.connect(addresses.a);
    zmq_msg_init(&message_);
  }

  void run() {
    for (;;) {
      const bool asked = take_requests();
      const bool answered = take_answers();
      if (!asked && !answered) peer::wait_for(front_.handle(), back_.handle());
    }
  }

 private:
  bool take_requests() {
    int taken = 0;
    for (; taken < kBurst && front_.receive(message_); ++taken)
      first_.send(message_);
    return taken > 0;
  }

  bool take_answers() {
    int taken = 0;
    for (; taken < kBurst && back_.receive(message_, ZMQ_DONTWAIT); ++taken)
      front_.answer(peer::number_of(message_), message_);
    return taken > 0;
  }

  void* context_ = zmq_ctx_new();
  Front front_;
  Socket back_;
  Socket first_;
  zmq_msg_t message_{};
};

std::unique_ptr<peer::Client> start(Processes& processes, const std::string& folder) {
  const Addresses addresses(folder);
  processes.start("a", [&addresses](const Processes::Ready& ready) {
    run_stage(addresses.a, addresses.b, ready);
  });
  processes.start("b", [&addresses](const Processes::Ready& ready) {
    run_stage(addresses.b, addresses.back, ready);
  });
  processes.start("gateway", [&addresses](const Processes::Ready& ready) {
    Gateway gateway(addresses);
    ready();
    gateway.run();
  });
  return std::make_unique<peer::ZmqClient>(addresses.front);
}

}  // namespace

int main(int argc, char** argv) {
  return peer::run(argc, argv, {"zmq", peer::kMaxBytes, start});
}
