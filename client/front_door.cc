#include "client/front_door.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "wire/document_list.h"
#include "wire/value_codec.h"

namespace flow::client {
namespace {

constexpr int kBatch = 256;                       // messages taken before others get their turn
constexpr std::size_t kSlack = 1U << 20;          // headers and parameters beside the documents
constexpr std::size_t kMaxCarriedClients = 4096;  // others get their answers one by one

}  // namespace

Status FrontDoor::open(net::Context& context, std::uint64_t max_request) {
  Result<net::Socket> socket = net::Socket::open(context, net::SocketType::kRouter,
                                                 {.traffic = net::Traffic::kClient,
                                                  .max_message = max_request + kSlack,
                                                  .client_queue = 2 * static_cast<int>(kInFlight)});
  if (!socket) return std::move(socket).error();
  socket_ = std::move(*socket);
  return {};
}

void FrontDoor::receive() {
  net::PeerId client;
  Received message;
  for (int taken = 0; taken < kBatch && socket_.receive_from(client, message);) {
    const Instant arrived = clock_.now();
    together_ = std::max(together_, static_cast<std::size_t>(message.frames) - 1);
    const Status opened =
        wire::for_each_message(std::move(message), [this, client, arrived, &taken](Received&& one) {
          ++taken;
          on_message(client, std::move(one), arrived);
        });
    if (!opened) {
      ++taken;
      ++malformed_;
    }
  }
}

void FrontDoor::on_message(net::PeerId client, Received&& message, Instant arrived) {
  const std::optional<wire::Peek> peek = wire::peek(message);
  const wire::Kind kind = peek ? peek->kind : wire::Kind::kPart;
  if (kind == wire::Kind::kRequest) {
    on_request(client, std::move(message), arrived);
  } else if (kind == wire::Kind::kClientHello) {
    on_hello(client, message);
  } else if (kind == wire::Kind::kPing) {
    (void)socket_.send_to(client, encoder_.encode_pong());
  } else if (kind == wire::Kind::kCancel) {
    if (const Result<std::uint64_t> id = wire::decode_cancel(message))
      owner_.on_cancel(client, *id, arrived);
  } else {
    ++malformed_;
  }
}

void FrontDoor::on_hello(net::PeerId client, const Received& message) {
  wire::ClientHello hello;
  const bool understood = wire::decode_client_hello(message, hello).ok();
  if (understood && hello.carriers) carry_for(client);
  wire::ClientWelcome welcome = owner_.welcome();
  welcome.carriers = true;
  (void)socket_.send_to(client, encoder_.encode(welcome));
}

// Clients that left in silence are not told from quiet ones: the table is started anew when it is
// full, and who is forgotten gets its answers one by one.
void FrontDoor::carry_for(net::PeerId client) {
  if (carried_.size() >= kMaxCarriedClients) {
    flush(together_);
    carried_.clear();
    last_outbox_ = nullptr;
  }
  carried_[client.value];
}

inline void FrontDoor::on_request(net::PeerId client, Received&& message, Instant arrived) {
  if (!wire::decode_request(std::move(message), request_)) {
    ++malformed_;
    return;
  }
  // Cheap refusals first: what is not wanted is not looked at.
  if (!owner_.acceptable(client, request_)) return;
  if (const Status right = verify(request_); !right) {
    wire::Response response;
    response.id = request_.id;
    response.failure = std::make_unique<wire::Failure>(
        wire::Failure{right.error().code, right.error().message, {}, {}});
    answer(client, response);
    return;
  }
  owner_.on_request(client, std::move(request_), arrived);
}

inline Status FrontDoor::verify(wire::Request& request) {
  const Result<bool> has_ids = wire::DocumentList::verify(request.payload);
  if (!has_ids) return has_ids.error();
  if (!*has_ids) {
    if (Status given = give_ids(request.payload); !given) return given;
  }
  if (request.parameters.empty()) return {};
  const auto parameters = wire::decode_value(request.parameters.span());
  if (parameters) return {};
  return Error{Errc::kInvalidArgument, "parameters: " + parameters.error().message};
}

// From now on a document's id says which documents are the same.
Status FrontDoor::give_ids(Bytes& payload) {
  Result<wire::DocumentList> documents = wire::DocumentList::open(payload);
  if (!documents) return std::move(documents).error();
  ids_.fill(*documents);
  payload = documents->encode();
  return {};
}

// nullptr for who does not understand carriers. Answers come by the dozen for one client.
inline wire::Outbox* FrontDoor::outbox(net::PeerId client) {
  if (last_outbox_ != nullptr && last_ == client) return last_outbox_;
  const auto known = carried_.find(client.value);
  if (known == carried_.end()) return nullptr;
  last_ = client;
  last_outbox_ = &known->second;
  return last_outbox_;
}

void FrontDoor::answer(net::PeerId client, const wire::Response& response) {
  const Frames frames = encoder_.encode(response);
  wire::Outbox* const known = outbox(client);
  if (known == nullptr) return send(client, frames);
  if (known->empty()) dirty_.push_back(client);
  known->post(frames, [this, client](const Frames& ready) { send(client, ready); });
}

void FrontDoor::send(net::PeerId client, const Frames& frames) {
  if (socket_.send_to(client, frames) == net::Sent::kSent) return;
  ++dropped_;
  gone_.push_back(client);
}

void FrontDoor::flush(std::size_t together) {
  for (const net::PeerId client : dirty_) {
    wire::Outbox* const known = outbox(client);
    if (known == nullptr) continue;
    known->flush([this, client](const Frames& ready) { send(client, ready); }, together);
  }
  dirty_.clear();
  together_ = 1;
}

std::vector<net::PeerId> FrontDoor::take_gone() {
  for (const net::PeerId client : gone_)
    carried_.erase(client.value);
  last_outbox_ = nullptr;
  return std::exchange(gone_, {});
}

}  // namespace flow::client
