#include "wire/part.h"

#include <doctest/doctest.h>
#include <flatbuffers/flatbuffers.h>

#include <cstring>
#include <limits>

#include "samples.h"

namespace flow::wire {
namespace {

using samples::changed;
using samples::deliver;
using samples::equal;

Received encoded(const PartHeader& header, const Bytes& payload) {
  PartEncoder encoder;
  return deliver(encoder.encode(header, payload));
}

std::string error_of(Received received) {
  Part part;
  const Status status = decode_part(std::move(received), part);
  if (status) return "accepted";
  CHECK(status.error().code == Errc::kInvalidArgument);
  return status.error().message;
}

std::string error_of(const PartHeader& header) {
  return error_of(encoded(header, {}));
}

bool accepts(Received received) {
  Part part;
  return decode_part(std::move(received), part).ok();
}

TEST_CASE("a part comes back with every field as it was") {
  const PartHeader header = samples::part();
  Part part;

  REQUIRE(decode_part(encoded(header, samples::small_payload()), part).ok());

  CHECK(equal(part.header, header));
  CHECK(part.payload == samples::small_payload());
}

TEST_CASE("the least a part can say comes back") {
  Part part;

  REQUIRE(decode_part(encoded(PartHeader{}, {}), part).ok());

  CHECK(equal(part.header, PartHeader{}));
  CHECK(part.payload.empty());
}

TEST_CASE("the stamp of a request costs a header eight bytes and no more") {
  PartHeader header;
  header.endpoint = "/index";
  header.plan.resize(3);
  const auto size = [](const PartHeader& of) {
    PartEncoder encoder;
    return encoder.encode(of, {}).head.size();
  };
  const std::size_t bare = size(header);
  header.written_ns = 1'800'000'000'000'000'000;
  CHECK(size(header) <= bare + 16);  // frames end at multiples of 16
}

TEST_CASE("a decoded message leaves nothing behind for the next one") {
  Part part;
  REQUIRE(decode_part(encoded(samples::part(), samples::small_payload()), part).ok());

  REQUIRE(decode_part(encoded(PartHeader{}, {}), part).ok());

  CHECK(equal(part.header, PartHeader{}));
  CHECK(part.payload.empty());
}

TEST_CASE("decoding into the same part keeps its memory") {
  Part part;
  REQUIRE(decode_part(encoded(samples::part(), {}), part).ok());
  const PlanEntry* plan = part.header.plan.data();
  const Hop* hops = part.header.hops.data();
  const Failure* failure = part.header.failure.get();

  REQUIRE(decode_part(encoded(samples::part(), {}), part).ok());

  CHECK(part.header.plan.data() == plan);
  CHECK(part.header.hops.data() == hops);
  CHECK(part.header.failure.get() == failure);
}

TEST_CASE("an encoder makes the same bytes whatever it encoded before") {
  PartEncoder used;
  used.encode(samples::part(), samples::large_payload());

  const Received second = deliver(used.encode(PartHeader{}, {}));

  CHECK(second.first == encoded(PartHeader{}, {}).first);
}

TEST_CASE("a small payload follows the header at a multiple of 16, a large one is a second frame") {
  PartEncoder encoder;
  const Bytes most = Bytes::copy_of(std::string(kOneFramePayload, 'm'));
  const Bytes large = samples::large_payload();

  const Frames one = encoder.encode(samples::part(), most);
  CHECK(one.head.size() % 16 == 0);
  CHECK(one.tail.size() == kOneFramePayload);
  CHECK(one.payloads.empty());

  const Frames two = encoder.encode(samples::part(), large);
  CHECK(two.tail.empty());
  CHECK(two.payloads.data() == &large);
}

TEST_CASE("a payload is handed over without a copy") {
  const Received one = encoded(PartHeader{}, samples::small_payload());
  const Received two = encoded(PartHeader{}, samples::large_payload());
  Part part;

  REQUIRE(decode_part(Received(one), part).ok());
  CHECK(part.payload.data() + part.payload.size() == one.first.data() + one.first.size());

  REQUIRE(decode_part(Received(two), part).ok());
  CHECK(part.payload.data() == two.second.data());
}

TEST_CASE("a part decodes from any address") {
  const Received received = encoded(samples::part(), samples::small_payload());
  for (std::size_t shift = 0; shift < 16; ++shift) {
    Part part;
    REQUIRE(decode_part(samples::shifted(received, shift), part).ok());
    CHECK(equal(part.header, samples::part()));
    CHECK(part.payload == samples::small_payload());
  }
}

TEST_CASE("every truncation of a part is refused") {
  const Received one = encoded(samples::part(), samples::small_payload());
  const Received two = encoded(samples::part(), samples::large_payload());

  CHECK(samples::accepted_prefixes(one, accepts) == 0);
  CHECK(samples::accepted_prefixes(two, accepts) == 0);
}

TEST_CASE("a damaged part is refused or decodes, whatever bits are flipped") {
  const Received received = encoded(samples::part(), {});

  const std::size_t refused = samples::refused_flips(received, accepts, /*seed=*/1, 20'000);

  CHECK(refused > 1000);
}

TEST_CASE("a part of another kind is refused") {
  CHECK(error_of(deliver(encode_report(samples::report()))) ==
        "message is a Report, expected a Part");
}

TEST_CASE("limits of a part are named with the numbers") {
  PartHeader plan;
  plan.plan.resize(257);
  PartHeader hops;
  hops.hops.resize(257);
  PartHeader endpoint;
  endpoint.endpoint.assign(1025, 'e');
  PartHeader parameters;
  parameters.parameters = Bytes::copy_of(std::string(kMaxParameters + 1, 'p'));
  PartHeader results;
  results.results = Bytes::copy_of(std::string(kMaxHeader, 'r'));

  CHECK(error_of(plan) == "Part: plan has 257 entries, at most 256 are allowed");
  CHECK(error_of(hops) == "Part: hops has 257 entries, at most 256 are allowed");
  CHECK(error_of(endpoint) == "Part: endpoint has 1025 bytes, at most 1024 are allowed");
  CHECK(error_of(parameters) == "Part: parameters has 65537 bytes, at most 65536 are allowed");
  CHECK(error_of(results).find("at most 262144 are allowed") != std::string::npos);
}

TEST_CASE("a part at its limits is accepted") {
  PartHeader header = samples::part();
  header.plan.resize(256);
  header.hops.resize(256);
  header.endpoint.assign(1024, 'e');
  header.parameters = Bytes::copy_of(std::string(kMaxParameters, 'p'));
  Part part;

  REQUIRE(decode_part(encoded(header, {}), part).ok());

  CHECK(equal(part.header, header));
}

TEST_CASE("values that mean nothing are refused") {
  PartHeader mode;
  mode.plan = {{.mode = static_cast<PlanMode>(3)}};
  PartHeader polling;
  polling.plan = {{}, {.polling = static_cast<Polling>(4)}};
  PartHeader node;
  node.hops = {{.node = 256}};
  PartHeader source;
  source.source = {256};
  PartHeader code;
  code.failure = samples::failure(static_cast<Errc>(kErrcCount));
  PartHeader no_code;
  no_code.failure = samples::failure(Errc::kOk);

  CHECK(error_of(mode) ==
        "Part: plan has mode 3 and polling 0 for node 0, at most 2 and 3 are known");
  CHECK(error_of(polling) ==
        "Part: plan has mode 0 and polling 4 for node 1, at most 2 and 3 are known");
  CHECK(error_of(node) == "Part: hops name node 256, at most 256 are allowed");
  CHECK(error_of(source) == "Part: route comes from node 256, at most 256 are allowed");
  CHECK(error_of(code) == "Part: code is 12, at most 11 is known");
  CHECK(error_of(no_code) == "Part: code is 0, which is no failure");
}

TEST_CASE("a remaining time that no duration can hold is refused, a negative one is not") {
  PartHeader late;
  late.remaining = std::chrono::microseconds(-5);
  PartHeader longest;
  longest.remaining = Duration::max();
  Part part;

  REQUIRE(decode_part(encoded(late, {}), part).ok());
  CHECK(part.header.remaining == late.remaining);
  REQUIRE(decode_part(encoded(longest, {}), part).ok());

  const std::int64_t most = to_us(Duration::max());
  const std::int64_t beyond = most + 1;
  const Received wrong = changed(encoded(longest, {}), [&](std::vector<std::byte>& bytes) {
    for (std::size_t at = 0; at + 8 <= bytes.size(); ++at) {
      if (std::memcmp(bytes.data() + at, &most, 8) != 0) continue;
      std::memcpy(bytes.data() + at, &beyond, 8);
      return;
    }
  });
  CHECK(error_of(wrong).find("Part: route has 9223372036854776 us") == 0);
}

TEST_CASE("a part without a route is refused") {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(flatbuffers::Offset<void>(builder.EndTable(builder.StartTable())));
  const std::uint32_t size = builder.GetSize();
  const Received received = changed(encoded(PartHeader{}, {}), [&](std::vector<std::byte>& bytes) {
    bytes.resize(16);
    std::memcpy(bytes.data() + 8, &size, 4);
    const auto* header = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
    bytes.insert(bytes.end(), header, header + size);
    bytes.resize((bytes.size() + 15) / 16 * 16);
  });
  CHECK(error_of(received) == "Part: route is missing");
}

TEST_CASE("long error messages are cut between characters, not refused") {
  PartHeader header;
  header.failure = samples::failure(Errc::kInternal);
  header.failure->message = std::string(4095, 'm') + "\u00e9 and more";
  Part part;

  REQUIRE(decode_part(encoded(header, {}), part).ok());

  CHECK(part.header.failure->message == std::string(4095, 'm'));
}

TEST_CASE("a report comes back with every field as it was, also into a used one") {
  Report report;
  REQUIRE(decode_report(deliver(encode_report(samples::report())), report).ok());
  CHECK(equal(report, samples::report()));

  REQUIRE(decode_report(deliver(encode_report(Report{})), report).ok());
  CHECK(equal(report, Report{}));
}

TEST_CASE("broken reports are refused") {
  const auto accepts_report = [](const Received& received) {
    Report report;
    return decode_report(received, report).ok();
  };
  const Received received = deliver(encode_report(samples::report()));
  Report finished;
  finished.progress = {{.sequence = 9, .finished = 2}};
  Report into;

  CHECK(samples::accepted_prefixes(received, accepts_report) == 0);
  CHECK(samples::refused_flips(received, accepts_report, /*seed=*/2, 5'000) > 500);
  CHECK(decode_report(deliver(encode_report(finished)), into).error().message ==
        "Report: progress of request 9 is 2, at most 1 is known");
  CHECK(decode_report(encoded(PartHeader{}, {}), into).error().message ==
        "message is a Part, expected a Report");
  CHECK_FALSE(accepts_report(changed(received, [](std::vector<std::byte>& bytes) {
    bytes[12] = std::byte{1};
    bytes.push_back(std::byte{'x'});
  })));
}

}  // namespace
}  // namespace flow::wire
