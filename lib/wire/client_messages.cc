#include "wire/client_messages.h"

#include <fmt/format.h>
#include <schemas/client_generated.h>

#include "wire/message_internal.h"
#include "wire/usual_table_internal.h"

namespace flow::wire {
namespace {

using internal::BufferReader;
using internal::TableReader;

inline auto pack(const Request& request) {
  using fbs::Request;
  return std::tuple(
      internal::number<Request::VT_ID>(request.id),
      internal::number<Request::VT_TIMEOUT_US>(internal::pack_duration(request.timeout)),
      internal::text<Request::VT_ENDPOINT>(request.endpoint),
      rare(internal::elements<Request::VT_PARAMETERS>(request.parameters)),
      rare(internal::text<Request::VT_TARGET_EXECUTOR>(request.target_executor)));
}

inline auto pack(const ResponseHop& hop) {
  using fbs::ResponseHop;
  return std::tuple(internal::text<ResponseHop::VT_EXECUTOR>(hop.executor),
                    internal::text<ResponseHop::VT_INSTANCE>(hop.instance),
                    internal::number<ResponseHop::VT_QUEUE_US>(hop.queue_us),
                    internal::number<ResponseHop::VT_EXECUTE_US>(hop.execute_us),
                    internal::number<ResponseHop::VT_REDUCE_US>(hop.reduce_us),
                    internal::number<ResponseHop::VT_WIRE_US>(hop.wire_us));
}

inline auto pack(const Response& response) {
  using fbs::Response;
  const auto hop_fields = [](const ResponseHop& hop) { return pack(hop); };
  return std::tuple(
      internal::number<Response::VT_ID>(response.id),
      internal::number<Response::VT_REQUEST_SEQUENCE>(response.request.sequence),
      internal::number<Response::VT_TOTAL_US>(response.total_us),
      internal::number<Response::VT_RETRY_AFTER_US>(internal::pack_duration(response.retry_after)),
      internal::number<Response::VT_REQUEST_GATEWAY>(response.request.gateway.value),
      rare(internal::table<Response::VT_FAILURE>(response.failure.get(), internal::failure_fields)),
      internal::tables<Response::VT_HOPS>(response.hops, hop_fields),
      rare(internal::tables<Response::VT_MISSING>(response.missing, internal::shard_fields)),
      rare(internal::elements<Response::VT_RESULTS>(response.results)),
      internal::number<Response::VT_ATTEMPTS>(response.attempts));
}

// Where the usual fields of a message are.
template <typename Message>
using ShapeOf = internal::TableShape<decltype(pack(std::declval<const Message&>()))>;

void unpack(const TableReader& table, ClientHello& hello) {
  hello.client = table.text(fbs::ClientHello::VT_CLIENT, internal::kMaxText);
  hello.carriers = table.scalar<std::uint8_t>(fbs::ClientHello::VT_CARRIERS) != 0;
}

void unpack(const TableReader& table, ClientWelcome& welcome) {
  using fbs::ClientWelcome;
  welcome.gateway.value = table.scalar<std::uint32_t>(ClientWelcome::VT_GATEWAY);
  welcome.flow = table.text(ClientWelcome::VT_FLOW, internal::kMaxName);
  welcome.max_request_bytes = table.scalar<std::uint64_t>(ClientWelcome::VT_MAX_REQUEST_BYTES);
  welcome.max_in_flight = table.scalar<std::uint32_t>(ClientWelcome::VT_MAX_IN_FLIGHT);
  welcome.deadline = internal::unpack_duration(table, ClientWelcome::VT_DEADLINE_US);
  welcome.carriers = table.scalar<std::uint8_t>(ClientWelcome::VT_CARRIERS) != 0;
}

template <typename Table>
void unpack(const Table& table, Request& request) {
  using fbs::Request;
  table.copy_to(Request::VT_ID, request.id);
  table.copy_to(Request::VT_ENDPOINT, request.endpoint, internal::kMaxEndpoint);
  table.copy_to(Request::VT_TARGET_EXECUTOR, request.target_executor, internal::kMaxName);
  request.timeout = internal::unpack_duration(table, Request::VT_TIMEOUT_US);
  table.copy_to(Request::VT_PARAMETERS, request.parameters, kMaxParameters);
}

template <typename Table>
void unpack(const Table& table, ResponseHop& hop) {
  using fbs::ResponseHop;
  table.copy_to(ResponseHop::VT_EXECUTOR, hop.executor, internal::kMaxName);
  table.copy_to(ResponseHop::VT_INSTANCE, hop.instance, internal::kMaxName);
  table.copy_to(ResponseHop::VT_QUEUE_US, hop.queue_us);
  table.copy_to(ResponseHop::VT_EXECUTE_US, hop.execute_us);
  table.copy_to(ResponseHop::VT_REDUCE_US, hop.reduce_us);
  table.copy_to(ResponseHop::VT_WIRE_US, hop.wire_us);
}

template <typename Table>
void unpack(const Table& table, Response& response) {
  using fbs::Response;
  table.copy_to(Response::VT_ID, response.id);
  table.copy_to(Response::VT_REQUEST_GATEWAY, response.request.gateway.value);
  table.copy_to(Response::VT_REQUEST_SEQUENCE, response.request.sequence);
  internal::unpack_failure(table, Response::VT_FAILURE, response.failure);
  table.copy_to(Response::VT_ATTEMPTS, response.attempts);
  table.copy_to(Response::VT_TOTAL_US, response.total_us);
  const auto unpack_hop = [&table](std::size_t at, ResponseHop& hop) {
    if (at == 0) return;
    internal::read_usual<ShapeOf<ResponseHop>>(table.buffer(), at, fbs::ResponseHopTypeTable,
                                               [&hop](const auto& entry) { unpack(entry, hop); });
  };
  table.places(Response::VT_HOPS, internal::kMaxHops, response.hops, unpack_hop);
  internal::unpack_shards(table, Response::VT_MISSING, response.missing);
  table.copy_to(Response::VT_RESULTS, response.results, kMaxHeader);
  response.retry_after = internal::unpack_duration(table, Response::VT_RETRY_AFTER_US);
}

template <typename Message>
Status decode_bare(const Received& received, Kind kind, std::string_view name,
                   flatbuffers::TypeFunction type, Message& message) {
  internal::Layout layout;
  if (Status read = internal::read_bare_layout(received, kind, layout); !read) return read;
  BufferReader reader(layout.header, name);
  unpack(TableReader::root(reader, type), message);
  return std::move(reader).status();
}

template <typename Message>
Status decode_with_payload(Received& received, Kind kind, std::string_view name,
                           flatbuffers::TypeFunction type, Message& message) {
  internal::Layout layout;
  if (Status read = internal::read_layout(received, kind, layout); !read) return read;
  BufferReader reader(layout.header, name);
  internal::read_usual_root<ShapeOf<Message>>(
      reader, type, [&message](const auto& table) { unpack(table, message); });
  if (!reader.ok()) return std::move(reader).status();
  internal::take_payload(received, layout, message.payload);
  return {};
}

}  // namespace

struct ClientEncoder::State {
  internal::MessageWriter message;
};

ClientEncoder::ClientEncoder() : state_(std::make_unique<State>()) {}
ClientEncoder::~ClientEncoder() = default;

Frames ClientEncoder::encode(const ClientHello& hello) {
  using fbs::ClientHello;
  return state_->message.write(Kind::kClientHello, 0, nullptr, [&hello] {
    return std::tuple(internal::text<ClientHello::VT_CLIENT>(hello.client),
                      internal::number<ClientHello::VT_CARRIERS>(hello.carriers));
  });
}

Frames ClientEncoder::encode(const ClientWelcome& welcome) {
  using fbs::ClientWelcome;
  return state_->message.write(Kind::kClientWelcome, 0, nullptr, [&welcome] {
    return std::tuple(
        internal::number<ClientWelcome::VT_MAX_REQUEST_BYTES>(welcome.max_request_bytes),
        internal::number<ClientWelcome::VT_DEADLINE_US>(internal::pack_duration(welcome.deadline)),
        internal::number<ClientWelcome::VT_GATEWAY>(welcome.gateway.value),
        internal::text<ClientWelcome::VT_FLOW>(welcome.flow),
        internal::number<ClientWelcome::VT_MAX_IN_FLIGHT>(welcome.max_in_flight),
        internal::number<ClientWelcome::VT_CARRIERS>(welcome.carriers));
  });
}

Frames ClientEncoder::encode(const Request& request) {
  return state_->message.write(Kind::kRequest, 0, &request.payload,
                               [&request] { return pack(request); });
}

Frames ClientEncoder::encode(const Response& response) {
  return state_->message.write(Kind::kResponse, 0, &response.payload,
                               [&response] { return pack(response); });
}

Frames ClientEncoder::encode_cancel(std::uint64_t id) {
  return state_->message.write(Kind::kCancel, 0, nullptr, [id] {
    return std::tuple(internal::number<fbs::Cancel::VT_ID>(id));
  });
}

Frames ClientEncoder::encode_ping() {
  return state_->message.write(Kind::kPing, 0, nullptr, [] { return std::tuple(); });
}

Frames ClientEncoder::encode_pong() {
  return state_->message.write(Kind::kPong, 0, nullptr, [] { return std::tuple(); });
}

Status decode_client_hello(const Received& received, ClientHello& hello) {
  return decode_bare(received, Kind::kClientHello, "ClientHello", fbs::ClientHelloTypeTable, hello);
}

Status decode_client_welcome(const Received& received, ClientWelcome& welcome) {
  return decode_bare(received, Kind::kClientWelcome, "ClientWelcome", fbs::ClientWelcomeTypeTable,
                     welcome);
}

Status decode_request(Received&& received, Request& request) {
  return decode_with_payload(received, Kind::kRequest, "Request", fbs::RequestTypeTable, request);
}

Status decode_response(Received&& received, Response& response) {
  return decode_with_payload(received, Kind::kResponse, "Response", fbs::ResponseTypeTable,
                             response);
}

Result<std::uint64_t> decode_cancel(const Received& received) {
  internal::Layout layout;
  if (Status read = internal::read_bare_layout(received, Kind::kCancel, layout); !read)
    return std::move(read).error();
  BufferReader reader(layout.header, "Cancel");
  const TableReader cancel = TableReader::root(reader, fbs::CancelTypeTable);
  const auto id = cancel.scalar<std::uint64_t>(fbs::Cancel::VT_ID);
  if (!reader.ok()) return std::move(reader).status().error();
  return id;
}

}  // namespace flow::wire
