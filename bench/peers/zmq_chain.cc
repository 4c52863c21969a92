// What a chain of stages (usually two) costs with ZeroMQ alone: the floor that Flow is measured
// against.
//
//   client DEALER <-> gateway ROUTER;  gateway PUSH -> PULL a PUSH -> PULL b PUSH -> PULL gateway
//
// Processes over ipc, one frame a message. The client keeps IN_FLIGHT messages going and
// counts answers; the gateway remembers by the message's number whose it is. Stages look whether
// the message is whole and pass it on. No acknowledgement, no retry, no deadline.
#include "zmq_socket.h"

namespace {

using peer::Front;
using peer::Processes;
using peer::Socket;

constexpr int kBurst = 64;

struct Addresses {
  Addresses(const std::string& folder, int places) : front("ipc://" + folder + "/front") {
    for (int stage = 0; stage < places; ++stage)
      way.push_back("ipc://" + folder + "/stage-" + std::to_string(stage));
    way.push_back("ipc://" + folder + "/back");
  }
  std::string front;
  std::vector<std::string> way;  // of each stage, then back to the gateway
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
    back_.bind(addresses.way.back());
    first_.connect(addresses.way.front());
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

std::unique_ptr<peer::Client> start(Processes& processes, const std::string& folder, int places) {
  const Addresses addresses(folder, places);
  for (std::size_t stage = 0; stage + 1 < addresses.way.size(); ++stage) {
    processes.start("stage " + std::to_string(stage), [&](const Processes::Ready& ready) {
      run_stage(addresses.way[stage], addresses.way[stage + 1], ready);
    });
  }
  processes.start("gateway", [&addresses](const Processes::Ready& ready) {
    Gateway gateway(addresses);
    ready();
    gateway.run();
  });
  return std::make_unique<peer::ZmqClient>(addresses.front);
}

}  // namespace

int main(int argc, char** argv) {
  return peer::run(argc, argv, {"zmq", peer::kMaxBytes, start, 2});
}
