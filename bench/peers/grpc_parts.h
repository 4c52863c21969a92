// What the two gRPC peers share: asynchronous API, one completion queue and one thread of ours in
// each process, unix sockets.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "peer.h"
#include "relay.grpc.pb.h"

namespace peer {

using relay::Message;
using relay::Relay;

// What a completion queue hands back. Whoever starts an operation keeps its tag alive until then.
class Tag {
 public:
  virtual ~Tag() = default;
  virtual void proceed(bool ok) = 0;
};

class FunctionTag : public Tag {
 public:
  explicit FunctionTag(std::function<void(bool)> function) : function_(std::move(function)) {}
  void proceed(bool ok) override { function_(ok); }

 private:
  std::function<void(bool)> function_;
};

inline std::string grpc_address(const std::string& folder, const char* name) {
  return "unix:" + folder + "/" + name;
}

inline std::unique_ptr<Relay::Stub> connect_to(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return Relay::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

class Server {
 public:
  explicit Server(const std::string& address) {
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(-1);
    builder.SetMaxSendMessageSize(-1);
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(&service);
    queue = builder.AddCompletionQueue();
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) throw Error("cannot listen on " + address);
  }

  void run() const {
    void* tag = nullptr;
    bool ok = false;
    while (queue->Next(&tag, &ok))
      static_cast<Tag*>(tag)->proceed(ok);
  }

  Relay::AsyncService service;
  std::unique_ptr<grpc::ServerCompletionQueue> queue;

 private:
  std::unique_ptr<grpc::Server> server_;
};

// Lets one event of the queue happen; false when there was none until `deadline`.
inline bool proceed_once(grpc::CompletionQueue& queue, gpr_timespec deadline) {
  void* tag = nullptr;
  bool ok = false;
  const auto outcome = queue.AsyncNext(&tag, &ok, deadline);
  if (outcome == grpc::CompletionQueue::SHUTDOWN) throw Error("the completion queue was shut down");
  if (outcome == grpc::CompletionQueue::TIMEOUT) return false;
  static_cast<Tag*>(tag)->proceed(ok);
  return true;
}

inline gpr_timespec in_a_slice() {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(kSliceMs, GPR_TIMESPAN));
}

inline std::uint64_t number_of(const Message& message) {
  return number_of(message.payload().data(), message.payload().size());
}

}  // namespace peer
