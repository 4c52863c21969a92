// What a fan-out to shards (usually four) costs with ZeroMQ alone, when the answer waits for all of
// them.
//
//   client DEALER <-> gateway ROUTER;  gateway XPUB -> SUB shards PUSH -> PULL gateway
//
// Processes over ipc. Each shard looks whether the message is whole and sends all of it back;
// the gateway counts, and passes the last on to the client. Nothing is merged.
#include "zmq_socket.h"

namespace {

using peer::Front;
using peer::Processes;
using peer::Socket;

constexpr int kBurst = 64;

struct Addresses {
  explicit Addresses(const std::string& folder)
      : front("ipc://" + folder + "/front"),
        shards("ipc://" + folder + "/shards"),
        back("ipc://" + folder + "/back") {}
  std::string front;
  std::string shards;
  std::string back;
};

void run_shard(const Addresses& addresses, const Processes::Ready& ready) {
  void* context = zmq_ctx_new();
  Socket in(context, ZMQ_SUB);
  Socket out(context, ZMQ_PUSH);
  if (zmq_setsockopt(in.handle(), ZMQ_SUBSCRIBE, "", 0) != 0) throw peer::Error("ZMQ_SUBSCRIBE");
  in.connect(addresses.shards);
  out.connect(addresses.back);
  ready();
  peer::pass_on(in, out);
}

class Gateway {
 public:
  Gateway(const Addresses& addresses, int places)
      : places_(places),
        front_(context_, addresses.front),
        shards_(context_, ZMQ_XPUB),
        back_(context_, ZMQ_PULL) {
    shards_.set(ZMQ_XPUB_NODROP, 1);
    shards_.set(ZMQ_XPUB_VERBOSE, 1);  // every subscription is told, not only the first of a topic
    shards_.bind(addresses.shards);
    back_.bind(addresses.back);
    zmq_msg_init(&message_);
  }

  void wait_for_shards() {
    for (int shard = 0; shard < places_; ++shard)
      shards_.receive(message_, 0);
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
    for (; taken < kBurst; ++taken) {
      const auto number = front_.receive(message_);
      if (!number) break;
      missing_[*number % peer::kSlots] = places_;
      shards_.send(message_);
    }
    return taken > 0;
  }

  bool take_answers() {
    int taken = 0;
    for (; taken < kBurst && back_.receive(message_, ZMQ_DONTWAIT); ++taken) {
      const std::uint64_t number = peer::number_of(message_);
      if (--missing_[number % peer::kSlots] == 0) front_.answer(number, message_);
    }
    return taken > 0;
  }

  int places_;
  void* context_ = zmq_ctx_new();
  Front front_;
  Socket shards_;
  Socket back_;
  zmq_msg_t message_{};
  std::vector<int> missing_ = std::vector<int>(peer::kSlots);
};

std::unique_ptr<peer::Client> start(Processes& processes, const std::string& folder, int places) {
  const Addresses addresses(folder);
  for (int shard = 0; shard < places; ++shard) {
    processes.start("shard " + std::to_string(shard),
                    [&addresses](const Processes::Ready& ready) { run_shard(addresses, ready); });
  }
  processes.start("gateway", [&](const Processes::Ready& ready) {
    Gateway gateway(addresses, places);
    gateway.wait_for_shards();
    ready();
    gateway.run();
  });
  return std::make_unique<peer::ZmqClient>(addresses.front);
}

}  // namespace

int main(int argc, char** argv) {
  return peer::run(argc, argv, {"zmq_fanout", peer::kMaxBytes, start, 4});
}
