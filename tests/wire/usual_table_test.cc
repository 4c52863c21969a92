// Messages as we write them are read without asking where each field is. Whatever is wrong with
// them, what is read is what FlatBuffers reads; and messages of other writers are read the same.
#include <doctest/doctest.h>
#include <schemas/client_generated.h>
#include <schemas/part_generated.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "samples.h"
#include "wire/client_messages.h"
#include "wire/part.h"
#include "wire/verifier.h"

namespace flow::wire {
namespace {

Response usual_response() {
  Response response;
  response.id = 11;
  response.request = {.gateway = {7}, .sequence = 13};
  response.attempts = 2;
  response.total_us = 1234;
  response.hops = {{"a", "a/rep-0", 1, 2, 3, 4}, {"another", "another/rep-11", 5, 6, 7, 8}};
  return response;
}

Request usual_request() {
  Request request;
  request.id = 5;
  request.endpoint = "/search";
  request.timeout = std::chrono::seconds(3);
  return request;
}

PartHeader usual_part(std::size_t hops) {
  PartHeader part;
  part.target = 3;
  part.request = {.gateway = {7}, .sequence = 13};
  part.topology_version = 17;
  part.remaining = std::chrono::milliseconds(250);
  part.sent_at = Instant(Duration(19));
  part.sent_on_host = 4;
  part.endpoint = "/search";
  part.plan = {{.target = 8, .parts = 2}, {.target = 9, .polling = Polling::kAll}};
  part.hops.assign(hops, {.instance = 8, .node = 1, .queue_us = 2, .execute_us = 3});
  part.written_ns = 23;
  return part;
}

std::string_view text_of(const flatbuffers::String* text) {
  return text == nullptr ? std::string_view() : std::string_view(text->c_str(), text->size());
}

template <typename T>
std::size_t count_of(const flatbuffers::Vector<T>* vector) {
  return vector == nullptr ? 0 : vector->size();
}

bool same(const fbs::Request& read, const Request& decoded) {
  return read.id() == decoded.id && text_of(read.endpoint()) == decoded.endpoint &&
         text_of(read.target_executor()) == decoded.target_executor &&
         read.timeout_us() == to_us(decoded.timeout) &&
         count_of(read.parameters()) == decoded.parameters.size();
}

bool same(const fbs::Response& read, const Response& decoded) {
  if (read.id() != decoded.id || read.request_gateway() != decoded.request.gateway.value ||
      read.request_sequence() != decoded.request.sequence || read.attempts() != decoded.attempts ||
      read.total_us() != decoded.total_us || read.retry_after_us() != to_us(decoded.retry_after) ||
      (read.failure() != nullptr) != (decoded.failure != nullptr) ||
      count_of(read.missing()) != decoded.missing.size() ||
      count_of(read.results()) != decoded.results.size() ||
      count_of(read.hops()) != decoded.hops.size()) {
    return false;
  }
  for (unsigned i = 0; i < decoded.hops.size(); ++i) {
    const fbs::ResponseHop& hop = *read.hops()->Get(i);
    const ResponseHop& other = decoded.hops[i];
    if (text_of(hop.executor()) != other.executor || text_of(hop.instance()) != other.instance ||
        hop.queue_us() != other.queue_us || hop.execute_us() != other.execute_us ||
        hop.reduce_us() != other.reduce_us || hop.wire_us() != other.wire_us) {
      return false;
    }
  }
  return true;
}

bool same(const fbs::Part& read, const Part& decoded) {
  const PartHeader& header = decoded.header;
  if (read.route() == nullptr || read.route()->sequence() != header.request.sequence ||
      read.route()->gateway() != header.request.gateway.value ||
      read.route()->remaining_us() != to_us(header.remaining) ||
      read.route()->source_node() != header.source.value ||
      text_of(read.endpoint()) != header.endpoint || read.written_ns() != header.written_ns ||
      (read.trace() == nullptr ? 0 : read.trace()->parent()) != header.trace.parent ||
      (read.failure() != nullptr) != (header.failure != nullptr) ||
      count_of(read.parameters()) != header.parameters.size() ||
      count_of(read.results()) != header.results.size() ||
      count_of(read.missing()) != header.missing.size() ||
      count_of(read.missing_elsewhere()) != header.missing_elsewhere.size() ||
      count_of(read.plan()) != header.plan.size() || count_of(read.hops()) != header.hops.size()) {
    return false;
  }
  return (header.plan.empty() ||
          std::memcmp(read.plan()->data(), header.plan.data(), 8 * header.plan.size()) == 0) &&
         (header.hops.empty() ||
          std::memcmp(read.hops()->data(), header.hops.data(), 24 * header.hops.size()) == 0);
}

// Gives every byte of the header every value. What is then decoded must verify and be what the
// generated accessors read. How many were decoded.
template <typename Table, typename Message, typename Decode>
std::size_t changed_anywhere(const Frames& frames, const flatbuffers::TypeTable& type,
                             const Decode& decode) {
  const std::vector<std::byte> whole(frames.head.begin(), frames.head.end());
  std::size_t decoded = 0;
  std::size_t differing = 0;
  Message message;
  for (std::size_t at = kEnvelopeSize; at < whole.size(); ++at) {
    for (unsigned value = 0; value < 256; ++value) {
      std::vector<std::byte> changed = whole;
      changed[at] = static_cast<std::byte>(value);
      Received received;
      received.first = Bytes::copy_of(changed);
      if (!decode(std::move(received), message)) continue;
      ++decoded;
      const std::vector<std::byte> header(changed.begin() + kEnvelopeSize, changed.end());
      if (!verify(header, type, {.tables = 600}).ok() ||
          !same(*flatbuffers::GetRoot<Table>(header.data()), message)) {
        ++differing;
      }
    }
  }
  CHECK(differing == 0);
  CHECK(decoded > whole.size());
  return decoded;
}

// A header that FlatBuffers' own builder made, as a message.
Received sealed(flatbuffers::FlatBufferBuilder& builder, Kind kind) {
  const std::size_t size = (builder.GetSize() + 15) / 16 * 16;
  std::vector<std::byte> message(kEnvelopeSize + size);
  const auto header_size = static_cast<std::uint32_t>(builder.GetSize());
  std::memcpy(message.data() + 4, &kWireVersion, sizeof kWireVersion);
  std::memcpy(message.data() + 6, &kind, sizeof kind);
  std::memcpy(message.data() + 8, &header_size, sizeof header_size);
  std::memcpy(message.data() + kEnvelopeSize, builder.GetBufferPointer(), builder.GetSize());
  Received received;
  received.first = Bytes::take(std::move(message));
  return received;
}

}  // namespace

TEST_CASE("what is decoded of a changed response is what FlatBuffers reads") {
  ClientEncoder encoder;
  changed_anywhere<fbs::Response, Response>(encoder.encode(usual_response()),
                                            *fbs::ResponseTypeTable(), decode_response);
}

TEST_CASE("what is decoded of a changed request is what FlatBuffers reads") {
  ClientEncoder encoder;
  changed_anywhere<fbs::Request, Request>(encoder.encode(usual_request()), *fbs::RequestTypeTable(),
                                          decode_request);
}

TEST_CASE("what is decoded of a changed part is what FlatBuffers reads") {
  for (const std::size_t hops : {0U, 2U}) {
    PartEncoder encoder;
    changed_anywhere<fbs::Part, Part>(encoder.encode(usual_part(hops), {}), *fbs::PartTypeTable(),
                                      decode_part);
  }
}

TEST_CASE("a response of another writer is read as one of ours") {
  const Response said = usual_response();
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<fbs::ResponseHop>> hops;
  for (const ResponseHop& hop : said.hops) {
    hops.push_back(fbs::CreateResponseHopDirect(builder, hop.executor.c_str(), hop.instance.c_str(),
                                                hop.queue_us, hop.execute_us, hop.reduce_us,
                                                hop.wire_us));
  }
  const auto vector = builder.CreateVector(hops);
  fbs::ResponseBuilder response(builder);
  response.add_id(said.id);
  response.add_request_gateway(said.request.gateway.value);
  response.add_request_sequence(said.request.sequence);
  response.add_attempts(said.attempts);
  response.add_total_us(said.total_us);
  response.add_hops(vector);
  builder.Finish(response.Finish());
  Response decoded;
  REQUIRE(decode_response(sealed(builder, Kind::kResponse), decoded).ok());
  CHECK(samples::equal(decoded, said));
}

TEST_CASE("usual and other messages may follow each other in any order") {
  ClientEncoder encoder;
  Response decoded;
  for (int round = 0; round < 2; ++round) {
    for (const Response& said : {samples::response(), usual_response(), Response{}}) {
      REQUIRE(decode_response(samples::deliver(encoder.encode(said)), decoded).ok());
      CHECK(samples::equal(decoded, said));
    }
  }
  PartEncoder parts;
  Part part;
  for (int round = 0; round < 2; ++round) {
    for (const PartHeader& said : {samples::part(), usual_part(1), usual_part(0), PartHeader{}}) {
      REQUIRE(decode_part(samples::deliver(parts.encode(said, {})), part).ok());
      CHECK(samples::equal(part.header, said));
    }
  }
}

TEST_CASE("texts of every size come back, also where another of that size was") {
  ClientEncoder encoder;
  Request decoded;
  for (std::size_t size = 0; size < 70; ++size) {
    for (std::size_t other = 0; other <= size; ++other) {
      Request said = usual_request();
      said.endpoint.assign(size, 'e');
      if (other < size) said.endpoint[other] = 'x';
      REQUIRE(decode_request(samples::deliver(encoder.encode(said)), decoded).ok());
      CHECK(decoded.endpoint == said.endpoint);
    }
  }
}

}  // namespace flow::wire
