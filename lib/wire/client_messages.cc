#include "wire/client_messages.h"

#include <fmt/format.h>
#include <schemas/client_generated.h>

#include "wire/message_internal.h"

namespace flow::wire {
namespace {

using internal::BufferReader;
using internal::TableReader;

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

void unpack(const TableReader& table, Request& request) {
  using fbs::Request;
  request.id = table.scalar<std::uint64_t>(Request::VT_ID);
  request.endpoint = table.text(Request::VT_ENDPOINT, internal::kMaxEndpoint);
  request.target_executor = table.text(Request::VT_TARGET_EXECUTOR, internal::kMaxName);
  request.timeout = internal::unpack_duration(table, Request::VT_TIMEOUT_US);
  request.parameters = internal::unpack_bytes(table, Request::VT_PARAMETERS, kMaxParameters);
}

void unpack(const TableReader& table, ResponseHop& hop) {
  using fbs::ResponseHop;
  hop.executor = table.text(ResponseHop::VT_EXECUTOR, internal::kMaxName);
  hop.instance = table.text(ResponseHop::VT_INSTANCE, internal::kMaxName);
  hop.queue_us = table.scalar<std::uint32_t>(ResponseHop::VT_QUEUE_US);
  hop.execute_us = table.scalar<std::uint32_t>(ResponseHop::VT_EXECUTE_US);
  hop.reduce_us = table.scalar<std::uint32_t>(ResponseHop::VT_REDUCE_US);
  hop.wire_us = table.scalar<std::uint32_t>(ResponseHop::VT_WIRE_US);
}

void unpack(const TableReader& table, Response& response) {
  using fbs::Response;
  response.id = table.scalar<std::uint64_t>(Response::VT_ID);
  response.request.gateway.value = table.scalar<std::uint32_t>(Response::VT_REQUEST_GATEWAY);
  response.request.sequence = table.scalar<std::uint64_t>(Response::VT_REQUEST_SEQUENCE);
  internal::unpack_failure(table.table(Response::VT_FAILURE, fbs::FailureTypeTable),
                           response.failure);
  response.attempts = table.scalar<std::uint16_t>(Response::VT_ATTEMPTS);
  response.total_us = table.scalar<std::uint64_t>(Response::VT_TOTAL_US);
  table.tables(Response::VT_HOPS, fbs::ResponseHopTypeTable, internal::kMaxHops, response.hops,
               [](const TableReader& entry, ResponseHop& hop) { unpack(entry, hop); });
  internal::unpack_shards(table, Response::VT_MISSING, response.missing);
  response.results = internal::unpack_bytes(table, Response::VT_RESULTS, kMaxHeader);
  response.retry_after = internal::unpack_duration(table, Response::VT_RETRY_AFTER_US);
}

template <typename Message>
Status decode_bare(const Received& received, Kind kind, flatbuffers::TypeFunction type,
                   Message& message) {
  const Result<internal::Layout> layout = internal::read_bare_layout(received, kind);
  if (!layout) return layout.error();
  BufferReader reader(layout->header, internal::name_of(kind));
  unpack(TableReader::root(reader, type), message);
  return std::move(reader).status();
}

template <typename Message>
Status decode_with_payload(Received& received, Kind kind, flatbuffers::TypeFunction type,
                           Message& message) {
  const Result<internal::Layout> layout = internal::read_layout(received, kind);
  if (!layout) return layout.error();
  BufferReader reader(layout->header, internal::name_of(kind));
  unpack(TableReader::root(reader, type), message);
  if (!reader.ok()) return std::move(reader).status();
  message.payload = internal::take_payload(received, *layout);
  return {};
}

}  // namespace

struct ClientEncoder::State {
  internal::MessageBuilder message;
  std::vector<flatbuffers::Offset<fbs::ResponseHop>> hops;

  void pack_hops(flatbuffers::FlatBufferBuilder& builder, const Response& response) {
    hops.clear();
    for (const ResponseHop& hop : response.hops) {
      const auto executor = internal::pack_text(builder, hop.executor);
      const auto instance = internal::pack_text(builder, hop.instance);
      hops.push_back(fbs::CreateResponseHop(builder, executor, instance, hop.queue_us,
                                            hop.execute_us, hop.reduce_us, hop.wire_us));
    }
  }
};

ClientEncoder::ClientEncoder() : state_(std::make_unique<State>()) {}
ClientEncoder::~ClientEncoder() = default;

Frames ClientEncoder::encode(const ClientHello& hello) {
  flatbuffers::FlatBufferBuilder& builder = state_->message.start();
  const auto client = internal::pack_text(builder, hello.client);
  return state_->message.finish(fbs::CreateClientHello(builder, client, hello.carriers),
                                Kind::kClientHello, 0, nullptr);
}

Frames ClientEncoder::encode(const ClientWelcome& welcome) {
  flatbuffers::FlatBufferBuilder& builder = state_->message.start();
  const auto flow = internal::pack_text(builder, welcome.flow);
  const auto root = fbs::CreateClientWelcome(
      builder, welcome.gateway.value, flow, welcome.max_request_bytes, welcome.max_in_flight,
      internal::pack_duration(welcome.deadline), welcome.carriers);
  return state_->message.finish(root, Kind::kClientWelcome, 0, nullptr);
}

Frames ClientEncoder::encode(const Request& request) {
  flatbuffers::FlatBufferBuilder& builder = state_->message.start();
  const auto endpoint = internal::pack_text(builder, request.endpoint);
  const auto parameters = internal::pack_bytes(builder, request.parameters);
  const auto target = internal::pack_text(builder, request.target_executor);
  const auto root = fbs::CreateRequest(builder, request.id, endpoint, parameters, target,
                                       internal::pack_duration(request.timeout));
  return state_->message.finish(root, Kind::kRequest, 0, &request.payload);
}

Frames ClientEncoder::encode(const Response& response) {
  flatbuffers::FlatBufferBuilder& builder = state_->message.start();
  const auto failure = internal::pack_failure(builder, response.failure.get());
  state_->pack_hops(builder, response);
  const auto shards = internal::pack_shards(builder, response.missing);
  const auto hops = internal::pack_offsets(builder, state_->hops);
  const auto missing = internal::pack_offsets(builder, shards);
  const auto results = internal::pack_bytes(builder, response.results);
  const auto root =
      fbs::CreateResponse(builder, response.id, response.request.gateway.value,
                          response.request.sequence, failure, response.attempts, response.total_us,
                          hops, missing, results, internal::pack_duration(response.retry_after));
  return state_->message.finish(root, Kind::kResponse, 0, &response.payload);
}

Frames ClientEncoder::encode_cancel(std::uint64_t id) {
  flatbuffers::FlatBufferBuilder& builder = state_->message.start();
  return state_->message.finish(fbs::CreateCancel(builder, id), Kind::kCancel, 0, nullptr);
}

Frames ClientEncoder::encode_ping() {
  flatbuffers::FlatBufferBuilder& builder = state_->message.start();
  return state_->message.finish(fbs::CreatePing(builder), Kind::kPing, 0, nullptr);
}

Frames ClientEncoder::encode_pong() {
  flatbuffers::FlatBufferBuilder& builder = state_->message.start();
  return state_->message.finish(fbs::CreatePing(builder), Kind::kPong, 0, nullptr);
}

Status decode_client_hello(Received received, ClientHello& hello) {
  return decode_bare(received, Kind::kClientHello, fbs::ClientHelloTypeTable, hello);
}

Status decode_client_welcome(Received received, ClientWelcome& welcome) {
  return decode_bare(received, Kind::kClientWelcome, fbs::ClientWelcomeTypeTable, welcome);
}

Status decode_request(Received received, Request& request) {
  return decode_with_payload(received, Kind::kRequest, fbs::RequestTypeTable, request);
}

Status decode_response(Received received, Response& response) {
  return decode_with_payload(received, Kind::kResponse, fbs::ResponseTypeTable, response);
}

Result<std::uint64_t> decode_cancel(Received received) {
  const Result<internal::Layout> layout = internal::read_bare_layout(received, Kind::kCancel);
  if (!layout) return layout.error();
  BufferReader reader(layout->header, "Cancel");
  const TableReader cancel = TableReader::root(reader, fbs::CancelTypeTable);
  const auto id = cancel.scalar<std::uint64_t>(fbs::Cancel::VT_ID);
  if (!reader.ok()) return std::move(reader).status().error();
  return id;
}

}  // namespace flow::wire
