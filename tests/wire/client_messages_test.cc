#include "wire/client_messages.h"

#include <doctest/doctest.h>

#include "samples.h"

namespace flow::wire {
namespace {

using samples::changed;
using samples::deliver;
using samples::equal;

template <typename Message>
Received encoded(const Message& message) {
  ClientEncoder encoder;
  return deliver(encoder.encode(message));
}

bool accepts_hello(const Received& received) {
  ClientHello hello;
  return decode_client_hello(received, hello).ok();
}
bool accepts_welcome(const Received& received) {
  ClientWelcome welcome;
  return decode_client_welcome(received, welcome).ok();
}
bool accepts_request(Received received) {
  Request request;
  return decode_request(std::move(received), request).ok();
}
bool accepts_response(Received received) {
  Response response;
  return decode_response(std::move(received), response).ok();
}
bool accepts_cancel(const Received& received) {
  return decode_cancel(received).ok();
}

struct Case {
  Received message;
  samples::Decode decode;
};

// Every client message that is decoded, with its decoder.
std::vector<Case> cases() {
  ClientEncoder encoder;
  return {{encoded(samples::client_hello()), accepts_hello},
          {encoded(samples::client_welcome()), accepts_welcome},
          {encoded(samples::request()), accepts_request},
          {encoded(samples::response()), accepts_response},
          {deliver(encoder.encode_cancel(77)), accepts_cancel}};
}

TEST_CASE("client messages come back with every field as it was") {
  ClientHello hello;
  ClientWelcome welcome;
  Request request;
  Response response;

  REQUIRE(decode_client_hello(encoded(samples::client_hello()), hello).ok());
  REQUIRE(decode_client_welcome(encoded(samples::client_welcome()), welcome).ok());
  REQUIRE(decode_request(encoded(samples::request()), request).ok());
  REQUIRE(decode_response(encoded(samples::response()), response).ok());

  CHECK(hello.client == samples::client_hello().client);
  CHECK(equal(welcome, samples::client_welcome()));
  CHECK(equal(request, samples::request()));
  CHECK(equal(response, samples::response()));
}

TEST_CASE("a client message decoded into a used one leaves nothing behind") {
  Request request = samples::request();
  Response response = samples::response();

  REQUIRE(decode_request(encoded(Request{}), request).ok());
  REQUIRE(decode_response(encoded(Response{}), response).ok());

  CHECK(equal(request, Request{}));
  CHECK(equal(response, Response{}));
}

TEST_CASE("a client encoder makes the same bytes whatever it encoded before") {
  ClientEncoder used;
  used.encode(samples::response());

  CHECK(deliver(used.encode(Response{})).first == encoded(Response{}).first);
  CHECK(deliver(used.encode(samples::request())).first == encoded(samples::request()).first);
}

TEST_CASE("large payloads of requests and responses travel as a second frame, uncopied") {
  Request request = samples::request();
  request.payload = samples::large_payload();
  Response response = samples::response();
  response.payload = samples::large_payload();
  ClientEncoder encoder;

  const Frames frames = encoder.encode(request);
  REQUIRE(frames.payloads.data() == &request.payload);
  Request decoded_request;
  REQUIRE(decode_request(deliver(frames), decoded_request).ok());
  CHECK(decoded_request.payload.data() == request.payload.data());

  Response decoded_response;
  REQUIRE(decode_response(encoded(response), decoded_response).ok());
  CHECK(equal(decoded_response, response));
}

TEST_CASE("cancel carries the id of the request") {
  ClientEncoder encoder;
  const Result<std::uint64_t> id = decode_cancel(deliver(encoder.encode_cancel(0xFFFFFFFFFF)));
  REQUIRE(id.ok());
  CHECK(*id == 0xFFFFFFFFFF);
}

TEST_CASE("ping and pong are whole messages that say their kind") {
  ClientEncoder encoder;
  Received ping = deliver(encoder.encode_ping());
  Received pong = deliver(encoder.encode_pong());

  REQUIRE(peek(ping).has_value());
  CHECK(peek(ping)->kind == Kind::kPing);
  CHECK(open_envelope(ping).ok());
  REQUIRE(peek(pong).has_value());
  CHECK(peek(pong)->kind == Kind::kPong);
  CHECK(open_envelope(pong).ok());
}

TEST_CASE("client messages decode from any address") {
  for (const Case& one : cases()) {
    for (std::size_t shift = 1; shift < 16; ++shift) {
      CHECK(one.decode(samples::shifted(one.message, shift)));
    }
  }
}

TEST_CASE("every truncation of a client message is refused") {
  for (const Case& one : cases()) {
    CHECK(samples::accepted_prefixes(one.message, one.decode) == 0);
  }
}

TEST_CASE("damaged client messages are refused or decode, whatever bits are flipped") {
  for (const Case& one : cases()) {
    CHECK(samples::refused_flips(one.message, one.decode, /*seed=*/3, 5'000) > 100);
  }
}

TEST_CASE("each decoder of client messages refuses the other kinds") {
  const std::vector<Case> all = cases();
  for (std::size_t message = 0; message < all.size(); ++message) {
    for (std::size_t decoder = 0; decoder < all.size(); ++decoder) {
      CHECK(all[decoder].decode(all[message].message) == (message == decoder));
    }
  }
}

TEST_CASE("client messages beyond their limits are refused with the numbers") {
  Request endpoint;
  endpoint.endpoint.assign(1025, 'e');
  Request parameters;
  parameters.parameters = Bytes::copy_of(std::string(kMaxParameters + 1, 'p'));
  Response hops;
  hops.hops.resize(257);
  Response code;
  code.failure = samples::failure(static_cast<Errc>(200));
  Request request;
  Response response;

  CHECK(decode_request(encoded(endpoint), request).error().message ==
        "Request: endpoint has 1025 bytes, at most 1024 are allowed");
  CHECK(decode_request(encoded(parameters), request).error().message ==
        "Request: parameters has 65537 bytes, at most 65536 are allowed");
  CHECK(decode_response(encoded(hops), response).error().message ==
        "Response: hops has 257 entries, at most 256 are allowed");
  CHECK(decode_response(encoded(code), response).error().message ==
        "Response: code is 200, at most 11 is known");
}

TEST_CASE("a payload behind a message that has none is refused") {
  const Received received =
      changed(encoded(samples::client_hello()), [](std::vector<std::byte>& bytes) {
        bytes[12] = std::byte{1};
        bytes.push_back(std::byte{'x'});
      });
  ClientHello hello;
  CHECK(decode_client_hello(received, hello).error().message ==
        "ClientHello: a payload of 1 bytes where none is expected");
}

}  // namespace
}  // namespace flow::wire
