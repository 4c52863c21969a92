#include "wire/envelope.h"

#include <doctest/doctest.h>

#include <cstring>

#include "samples.h"

namespace flow::wire {
namespace {

using samples::changed;

// A message as its bytes are drawn: envelope, header, padding, payload.
struct Drawn {
  std::uint32_t target = 7;
  std::uint16_t version = kWireVersion;
  std::uint16_t kind = static_cast<std::uint16_t>(Kind::kPart);
  std::uint32_t header_size = 20;
  std::uint32_t payload_size = 3;
  std::string behind = std::string(20, 'h') + std::string(12, '\0') + "pay";

  Received received() const {
    std::string bytes(16, '\0');
    std::memcpy(bytes.data(), &target, 4);
    std::memcpy(bytes.data() + 4, &version, 2);
    std::memcpy(bytes.data() + 6, &kind, 2);
    std::memcpy(bytes.data() + 8, &header_size, 4);
    std::memcpy(bytes.data() + 12, &payload_size, 4);
    return samples::deliver(Bytes::copy_of(bytes + behind));
  }
};

std::string error_of(Received received) {
  const Result<Envelope> envelope = open_envelope(received);
  if (envelope) return "accepted";
  CHECK(envelope.error().code == Errc::kInvalidArgument);
  return envelope.error().message;
}

TEST_CASE("an envelope opens into target, kind, header and payload") {
  Received received = Drawn{}.received();

  const Result<Envelope> envelope = open_envelope(received);

  REQUIRE(envelope.ok());
  CHECK(envelope->target == 7);
  CHECK(envelope->kind == Kind::kPart);
  CHECK(envelope->header.data() == received.first.data() + 16);
  CHECK(envelope->header.size() == 20);
  CHECK(envelope->payload.text() == "pay");
}

TEST_CASE("a payload in the second frame is taken from there") {
  Drawn drawn;
  drawn.behind.resize(32);
  Received received = drawn.received();
  received.second = Bytes::copy_of("pay");
  received.frames = 2;

  const Result<Envelope> envelope = open_envelope(received);

  REQUIRE(envelope.ok());
  CHECK(envelope->payload.text() == "pay");
  CHECK(received.second.empty());
}

TEST_CASE("a message without a payload and one without a header open") {
  Received no_payload =
      Drawn{.payload_size = 0, .behind = std::string(20, 'h') + std::string(12, '\0')}.received();
  Received nothing = Drawn{.header_size = 0, .payload_size = 0, .behind = ""}.received();

  CHECK(open_envelope(no_payload).ok());
  CHECK(open_envelope(nothing).ok());
}

TEST_CASE("another version or an unknown kind is refused with its number") {
  CHECK(error_of(Drawn{.version = 2}.received()) == "message of wire version 2, expected 1");
  CHECK(error_of(Drawn{.kind = 99}.received()) == "message of unknown kind 99");
}

TEST_CASE("sizes that do not add up to the frame are refused with the numbers") {
  CHECK(error_of(Drawn{.payload_size = 4}.received()) ==
        "Part: a header of 20 and a payload of 4 bytes do not make one frame of 51 and 0 bytes");
  CHECK(error_of(Drawn{.payload_size = 2}.received()) != "accepted");
  CHECK(error_of(Drawn{.header_size = 40}.received()) != "accepted");
  CHECK(error_of(Drawn{.header_size = 4}.received()) != "accepted");
  CHECK(error_of(Drawn{.header_size = 0xFFFFFFFF}.received()) ==
        "Part: a header of 4294967295 bytes, at most 262144 are allowed");
  CHECK(error_of(Drawn{.payload_size = 0xFFFFFFFF}.received()) != "accepted");
}

TEST_CASE("padding that is not zero is refused") {
  Drawn drawn;
  drawn.behind[25] = 'x';
  CHECK(error_of(drawn.received()) == "Part: the padding behind the header is not zero");
}

TEST_CASE("a second frame must be due, there, and of the size that is said") {
  Drawn drawn;
  drawn.behind.resize(32);
  Received missing = drawn.received();
  Received short_one = drawn.received();
  short_one.second = Bytes::copy_of("pa");
  short_one.frames = 2;
  Received too_many = Drawn{}.received();
  too_many.second = Bytes::copy_of("pay");
  too_many.frames = 2;
  Received empty = Drawn{.payload_size = 0, .behind = drawn.behind}.received();
  empty.frames = 2;
  Received three = Drawn{}.received();
  three.frames = 3;

  CHECK(error_of(missing) != "accepted");
  CHECK(error_of(short_one) != "accepted");
  CHECK(error_of(too_many) != "accepted");
  CHECK(error_of(empty) != "accepted");
  CHECK(error_of(three) == "message of 3 frames, expected one or two");
}

TEST_CASE("a frame shorter than an envelope is refused") {
  CHECK(error_of(Received{}) == "message of 0 bytes, an envelope has 16");
  CHECK(error_of(samples::deliver(Bytes::copy_of("fifteen bytes.."))) ==
        "message of 15 bytes, an envelope has 16");
}

TEST_CASE("peek reads target and kind of anything long enough and of our version") {
  const Received received = Drawn{.target = 0xABCD, .kind = 20}.received();
  const Received cut = changed(received, [](std::vector<std::byte>& bytes) { bytes.resize(8); });
  const Received shorter =
      changed(received, [](std::vector<std::byte>& bytes) { bytes.resize(7); });

  REQUIRE(peek(cut).has_value());
  CHECK(peek(cut)->target == 0xABCD);
  CHECK(peek(cut)->kind == Kind::kCancel);
  CHECK_FALSE(peek(shorter).has_value());
  CHECK_FALSE(peek(Drawn{.version = 2}.received()).has_value());
  CHECK_FALSE(peek(Received{}).has_value());
}

}  // namespace
}  // namespace flow::wire
