// What is written without FlatBuffers' own builder is FlatBuffers all the same: its verifier takes
// it for a buffer of the schema, and its generated accessors read what was said.
#include <doctest/doctest.h>
#include <schemas/client_generated.h>
#include <schemas/part_generated.h>

#include <cstdint>
#include <string>
#include <vector>

#include "samples.h"
#include "wire/client_messages.h"
#include "wire/part.h"

namespace flow::wire {
namespace {

// The header of a message, at an address that is a multiple of 16.
template <typename Table>
class Header {
 public:
  explicit Header(const Frames& frames) : Header(frames.head) {}
  explicit Header(std::span<const std::byte> message) : words_(message.size() / 16 - 1) {
    REQUIRE(message.size() % 16 == 0);
    std::memcpy(words_.data(), message.data() + kEnvelopeSize, message.size() - kEnvelopeSize);
    flatbuffers::Verifier verifier(data(), message.size() - kEnvelopeSize);
    CHECK(verifier.VerifyBuffer<Table>(nullptr));
  }

  const Table* operator->() const { return flatbuffers::GetRoot<Table>(data()); }

 private:
  struct alignas(16) Word {
    std::byte bytes[16];
  };
  const std::uint8_t* data() const { return reinterpret_cast<const std::uint8_t*>(words_.data()); }

  std::vector<Word> words_;
};

std::string text(const flatbuffers::Vector<std::uint8_t>* bytes) {
  return {bytes->begin(), bytes->end()};
}

void check_failure(const fbs::Failure* read, const Failure& said) {
  REQUIRE(read != nullptr);
  CHECK(read->code() == static_cast<std::uint8_t>(said.code));
  CHECK(read->message()->str() == said.message);
  CHECK(read->executor()->str() == said.executor);
  CHECK(read->instance()->str() == said.instance);
}

void check_missing(const flatbuffers::Vector<flatbuffers::Offset<fbs::Missing>>* read,
                   const std::vector<MissingShard>& said) {
  REQUIRE(read->size() == said.size());
  for (unsigned i = 0; i < read->size(); ++i) {
    CHECK(read->Get(i)->executor()->str() == said[i].executor);
    CHECK(read->Get(i)->shard() == said[i].shard);
  }
}

TEST_CASE("FlatBuffers reads a part as it was said") {
  const PartHeader said = samples::part();
  PartEncoder encoder;
  const Header<fbs::Part> read(encoder.encode(said, samples::small_payload()));

  CHECK(read->route()->sequence() == said.request.sequence);
  CHECK(read->route()->gateway() == said.request.gateway.value);
  CHECK(read->route()->topology_version() == said.topology_version);
  CHECK(read->route()->remaining_us() == 1'500'000);
  CHECK(read->route()->sent_at_ns() == said.sent_at.time_since_epoch().count());
  CHECK(read->route()->sent_on_host() == said.sent_on_host);
  CHECK(read->route()->attempt() == said.attempt);
  CHECK(read->route()->source_node() == said.source.value);
  CHECK(read->route()->source_shard() == said.source_shard);
  CHECK(read->endpoint()->str() == said.endpoint);
  REQUIRE(read->plan()->size() == said.plan.size());
  CHECK(read->plan()->Get(3)->target() == 10);
  CHECK(read->plan()->Get(3)->polling() == fbs::Polling::Hash);
  CHECK(read->plan()->Get(3)->parts() == 300);
  REQUIRE(read->hops()->size() == said.hops.size());
  CHECK(read->hops()->Get(1)->wire_us() == 8);
  CHECK(text(read->parameters()) == "opaque parameters");
  CHECK(text(read->results()) == "opaque results");
  check_failure(read->failure(), *said.failure);
  CHECK(read->trace()->parent() == said.trace.parent);
  REQUIRE(read->missing()->size() == 1);
  CHECK(read->missing()->Get(0)->shard() == 1);
  check_missing(read->missing_elsewhere(), said.missing_elsewhere);
  CHECK(read->written_ns() == said.written_ns);
}

TEST_CASE("what a part does not say is absent for FlatBuffers") {
  PartEncoder encoder;
  const Header<fbs::Part> read(encoder.encode(PartHeader{}, {}));

  CHECK(read->route()->source_node() == kGatewayNode.value);
  CHECK(read->endpoint() == nullptr);
  CHECK(read->plan() == nullptr);
  CHECK(read->hops() == nullptr);
  CHECK(read->parameters() == nullptr);
  CHECK(read->failure() == nullptr);
  CHECK(read->trace() == nullptr);
  CHECK(read->results() == nullptr);
  CHECK(read->missing() == nullptr);
  CHECK(read->missing_elsewhere() == nullptr);
  CHECK(read->written_ns() == 0);
}

TEST_CASE("FlatBuffers reads a report as it was said") {
  const Report said = samples::report();
  const Header<fbs::Report> read(encode_report(said).span());

  CHECK(read->instance() == said.instance.value);
  REQUIRE(read->progress()->size() == said.progress.size());
  CHECK(read->progress()->Get(1)->finished() == 1);
  CHECK(read->progress()->Get(2)->sequence() == 6);
  CHECK(read->queue() == said.queue);
  CHECK(read->window() == said.window);
  CHECK(read->executing_us() == 20'000);
  CHECK(read->dropped() == said.dropped);
}

TEST_CASE("FlatBuffers reads the messages of clients as they were said") {
  ClientEncoder encoder;
  const Header<fbs::ClientHello> hello(encoder.encode(samples::client_hello()));
  CHECK(hello->client()->str() == samples::client_hello().client);
  CHECK(hello->carriers());

  const ClientWelcome said = samples::client_welcome();
  const Header<fbs::ClientWelcome> welcome(encoder.encode(said));
  CHECK(welcome->gateway() == said.gateway.value);
  CHECK(welcome->flow()->str() == said.flow);
  CHECK(welcome->max_request_bytes() == said.max_request_bytes);
  CHECK(welcome->max_in_flight() == said.max_in_flight);
  CHECK(welcome->deadline_us() == to_us(said.deadline));
  CHECK(welcome->carriers() == said.carriers);

  const Header<fbs::Request> request(encoder.encode(samples::request()));
  CHECK(request->id() == 77);
  CHECK(request->endpoint()->str() == "/index");
  CHECK(text(request->parameters()) == "opaque parameters");
  CHECK(request->target_executor()->str() == "enc.*");
  CHECK(request->timeout_us() == 2'500'000);

  const Header<fbs::Cancel> cancel(encoder.encode_cancel(0xFFFFFFFFFF));
  CHECK(cancel->id() == 0xFFFFFFFFFF);
  const Header<fbs::Ping> ping(encoder.encode_ping());
}

TEST_CASE("FlatBuffers reads a response as it was said") {
  const Response said = samples::response();
  ClientEncoder encoder;
  const Header<fbs::Response> read(encoder.encode(said));

  CHECK(read->id() == said.id);
  CHECK(read->request_gateway() == said.request.gateway.value);
  CHECK(read->request_sequence() == said.request.sequence);
  check_failure(read->failure(), *said.failure);
  CHECK(read->attempts() == said.attempts);
  CHECK(read->total_us() == said.total_us);
  REQUIRE(read->hops()->size() == said.hops.size());
  for (unsigned i = 0; i < read->hops()->size(); ++i) {
    const fbs::ResponseHop* hop = read->hops()->Get(i);
    CHECK(hop->executor()->str() == said.hops[i].executor);
    CHECK(hop->instance()->str() == said.hops[i].instance);
    CHECK(hop->queue_us() == said.hops[i].queue_us);
    CHECK(hop->execute_us() == said.hops[i].execute_us);
    CHECK(hop->reduce_us() == said.hops[i].reduce_us);
    CHECK(hop->wire_us() == said.hops[i].wire_us);
  }
  check_missing(read->missing(), said.missing);
  CHECK(text(read->results()) == "opaque results");
  CHECK(read->retry_after_us() == 100'000);
}

TEST_CASE("entries of a vector that have other fields than the one before are read as they are") {
  Response said;
  said.hops = {{"a", "a/rep-0", 1, 2, 3, 4},
               {"b", "", 5, 6, 7, 8},
               {"c", "", 9, 9, 9, 9},
               {"d", "d/rep-0", 1, 1, 1, 1}};
  ClientEncoder encoder;
  const Header<fbs::Response> read(encoder.encode(said));
  CHECK(read->hops()->Get(0)->instance()->str() == "a/rep-0");
  CHECK(read->hops()->Get(1)->executor()->str() == "b");
  CHECK(read->hops()->Get(1)->instance() == nullptr);
  CHECK(read->hops()->Get(2)->wire_us() == 9);
  CHECK(read->hops()->Get(3)->instance()->str() == "d/rep-0");

  Response decoded;
  REQUIRE(decode_response(samples::deliver(encoder.encode(said)), decoded).ok());
  CHECK(samples::equal(decoded, said));
}

TEST_CASE("entries that are alike share a vtable") {
  Response said;
  ClientEncoder encoder;
  const auto size = [&](std::size_t hops) {
    said.hops.assign(hops, {"a", "a/rep-0", 1, 2, 3, 4});
    return encoder.encode(said).head.size();
  };
  // 4 bytes of offset, 28 of table, 8 and 12 of text.
  CHECK(size(200) - size(100) <= 100 * 52 + 16);
}

TEST_CASE("texts and vectors of any size leave what follows aligned, and zeros between") {
  PartEncoder encoder;
  PartHeader said = samples::part();
  for (std::size_t size = 0; size < 20; ++size) {
    said.endpoint.assign(size, 'e');
    for (std::size_t bytes = 0; bytes < 20; ++bytes) {
      said.parameters = Bytes::copy_of(std::string(bytes, 'p'));
      const Frames frames = encoder.encode(said, {});
      const Header<fbs::Part> read(frames);
      Part part;
      REQUIRE(decode_part(samples::deliver(frames), part).ok());
      CHECK(samples::equal(part.header, said));
      PartEncoder fresh;
      CHECK(samples::deliver(fresh.encode(said, {})).first == samples::deliver(frames).first);
    }
  }
  Report report = samples::report();
  for (std::size_t entries = 0; entries < 4; ++entries) {
    report.progress.resize(entries, {.sequence = 3});
    const Header<fbs::Report> read(encode_report(report).span());
  }
}

}  // namespace
}  // namespace flow::wire
