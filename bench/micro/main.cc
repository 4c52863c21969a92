// Times the operations every request passes through, each alone: encoding and decoding of parts,
// requests, responses, documents and values, the merging of branches, and filters.
//
// "nothing gained" is seen by comparing bytes up to 4 KiB a document, beyond by opening them.
// "reduce" merges lists that are open already. "join" and "filter" are what happens to payloads
// that meet, or before one is sent: from the bytes that came to those that go on. Their time is
// also given for each document that came, and as a multiple of what memcpy of all bytes that came
// takes.
//
// usage: micro_bench [MILLISECONDS]    how long a batch runs (20); five batches an operation
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/micro/samples.h"
#include "bench/micro/timer.h"
#include "route/filter.h"
#include "route/merge.h"
#include "route/reduce.h"
#include "wire/client_messages.h"
#include "wire/value_codec.h"

namespace flow::bench {
namespace {

using wire::DocumentList;

constexpr std::size_t kManyDocuments = 32;
constexpr std::size_t kSmallText = 128;
constexpr std::size_t kLargeText = 4096;
constexpr std::size_t kMostBytes = 16 << 20;

void time_parts(Timer& timer, std::string_view what, std::size_t text_size) {
  const wire::PartHeader header = chain_header();
  const Bytes payload = encoded_documents(1, text_size).encode();
  wire::PartEncoder encoder;
  timer.time(fmt::format("part encode, {}", what),
             [&] { keep(encoder.encode(header, payload).head.size()); });
  const Received received = deliver(encoder.encode(header, payload));
  wire::Part part;
  timer.time(fmt::format("part decode, {}", what),
             [&] { keep(wire::decode_part(Received(received), part).ok()); });
}

// What a client and the front door do besides: a request, and its answer with two hops.
void time_client_messages(Timer& timer) {
  wire::Request request;
  request.id = 77;
  request.endpoint = "/search";
  request.payload = encoded_documents(1, kSmallText).encode();
  wire::Response response;
  response.id = 77;
  response.request = {InstanceId{2}, 65536};
  response.attempts = 1;
  response.total_us = 500;
  response.hops = {{"encode", "encode/rep-0", 10, 20, 0, 30},
                   {"index", "index/rep-1", 10, 20, 0, 30}};
  response.payload = request.payload;
  wire::ClientEncoder encoder;
  timer.time("request encode, 1 x 128 B", [&] { keep(encoder.encode(request).head.size()); });
  const Received asked = deliver(encoder.encode(request));
  timer.time("response encode, 1 x 128 B", [&] { keep(encoder.encode(response).head.size()); });
  const Received answered = deliver(encoder.encode(response));
  timer.time("request decode, 1 x 128 B",
             [&] { keep(wire::decode_request(Received(asked), request).ok()); });
  timer.time("response decode, 1 x 128 B", [&] {
    wire::Response fresh;  // as clients hand it on
    keep(wire::decode_response(Received(answered), fresh).ok());
  });
}

void time_documents(Timer& timer, std::string_view what, std::size_t count, std::size_t text_size) {
  const DocumentList list = encoded_documents(count, text_size);
  const Bytes payload = list.encode();
  timer.time(fmt::format("documents open, {}", what),
             [&] { keep(DocumentList::open(payload).ok()); });
  timer.time(fmt::format("documents encode unchanged, {}", what),
             [&] { keep(list.encode().size()); });
  DocumentList changed = list;
  changed[0].set_text("changed");
  timer.time(fmt::format("documents encode one changed, {}", what),
             [&] { keep(changed.encode().size()); });
}

void time_reduce(Timer& timer, std::string_view what, const DocumentList& left,
                 const DocumentList& right) {
  std::vector<std::pair<DocumentList, DocumentList>> inputs;
  timer.time_consuming(
      fmt::format("reduce, {}", what),
      [&](std::size_t count) {
        inputs.assign(count, {left, right});
      },
      [&](std::size_t i) {
        route::reduce(inputs[i].first, std::move(inputs[i].second));
        keep(inputs[i].first.size());
      });
}

// Two payloads that meet, as bytes to bytes: what a worker or gateway does that only passes them
// on.
void time_join(Timer& timer, std::string_view what, const DocumentList& left,
               const DocumentList& right, double copy_ns_a_byte) {
  const wire::Topology topology = two_shards();
  std::vector<route::PartPointer> parts;
  parts.push_back(part_of_shard(0, left.encode()));
  parts.push_back(part_of_shard(1, right.encode()));
  const auto bytes = static_cast<double>(parts[0]->payload.size() + parts[1]->payload.size());
  timer.time(fmt::format("join, {}", what), [&] {
    keep(route::merge_payload(parts, topology, route::Form::kReduced, kMostBytes).ok());
  });
  timer.relate(left.size() + right.size(), bytes * copy_ns_a_byte);
}

void time_joins(Timer& timer, std::string_view size, std::size_t text_size) {
  const DocumentList left = encoded_documents(kManyDocuments, text_size);
  const std::string what = fmt::format("{0} + {0} x {1}", kManyDocuments, size);
  const std::size_t bytes = 2 * left.encode().size();
  const double copy_ns_a_byte =
      timer.time_copy(fmt::format("memcpy, {}", what), bytes) / static_cast<double>(bytes);
  time_join(timer, what + ", none the same", left,
            encoded_documents(kManyDocuments, text_size, kManyDocuments), copy_ns_a_byte);
  time_join(timer, what + ", all the same, nothing gained", left, left, copy_ns_a_byte);
  time_join(timer, what + ", all the same, a score gained", left,
            scored_documents(kManyDocuments, text_size, "score"), copy_ns_a_byte);
}

void time_filter(Timer& timer, std::string_view what, const ValueMap& when, const Bytes& payload,
                 double copy_ns) {
  const route::Filter filter = std::move(*route::Filter::compile(when));
  timer.time(fmt::format("filter, {}", what), [&] { keep(filter.keep_passing(payload).ok()); });
  timer.relate(kManyDocuments, copy_ns);
}

void time_filters(Timer& timer, std::string_view size, std::size_t text_size) {
  const Bytes payload = tagged_documents(kManyDocuments, text_size).encode();
  const std::string what = fmt::format("{} x {}", kManyDocuments, size);
  const double copy_ns = timer.time_copy(fmt::format("memcpy, {}", what), payload.size());
  const auto lang = [](std::string_view op, std::string_view value) {
    return ValueMap{{"tags__lang", ValueMap{{std::string(op), value}}}};
  };
  time_filter(timer, what + ", all pass", lang("$neq", "fr"), payload, copy_ns);
  time_filter(timer, what + ", every other passes", lang("$eq", "en"), payload, copy_ns);
  time_filter(timer, what + ", none passes", lang("$eq", "fr"), payload, copy_ns);
}

void time_values(Timer& timer) {
  const ValueMap map = parameters();
  const Bytes encoded = wire::encode_value(map);
  timer.time("value encode, 8 entries", [&] { keep(wire::encode_value(map).size()); });
  timer.time("value decode, 8 entries", [&] { keep(wire::decode_value(encoded.span()).ok()); });
}

void run(Timer& timer) {
  time_parts(timer, "1 x 128 B", kSmallText);
  time_parts(timer, "1 x 4 KiB", kLargeText);
  time_client_messages(timer);
  time_documents(timer, "1 x 128 B", 1, kSmallText);
  time_documents(timer, "32 x 4 KiB", kManyDocuments, kLargeText);
  const DocumentList left = encoded_documents(kManyDocuments, kLargeText);
  time_reduce(timer, "32 + 32 x 4 KiB, none the same", left,
              encoded_documents(kManyDocuments, kLargeText, kManyDocuments));
  time_reduce(timer, "32 + 32 x 4 KiB, all the same, nothing gained", left, left);
  time_reduce(timer, "32 + 32 x 4 KiB, all the same, a score gained", left,
              scored_documents(kManyDocuments, kLargeText, "score"));
  for (const auto& [size, bytes] :
       {std::pair{"128 B", kSmallText}, std::pair{"4 KiB", kLargeText}}) {
    time_joins(timer, size, bytes);
    time_filters(timer, size, bytes);
  }
  time_values(timer);
}

void print(const Timer& timer) {
  fmt::print(
      "| {:<54} | {:>9} | {:>9} | {:>11} | {:>12} "
      "|\n|{:-<56}|{:->10}:|{:->10}:|{:->12}:|{:->13}:|\n",
      "operation", "ns", "least", "ns/document", "times memcpy", "", "", "", "", "");
  for (const Timing& timing : timer.timings()) {
    std::string each;
    std::string times;
    if (timing.documents > 0) {
      each = fmt::format("{:.1f}", timing.median_ns / static_cast<double>(timing.documents));
      times = fmt::format("{:.2f}", timing.median_ns / timing.copy_ns);
    }
    fmt::print("| {:<54} | {:>9.1f} | {:>9.1f} | {:>11} | {:>12} |\n", timing.name,
               timing.median_ns, timing.least_ns, each, times);
  }
}

}  // namespace
}  // namespace flow::bench

int main(int argc, char** argv) {
  int batch_ms = 20;
  if (argc > 1) {
    const std::string_view text(argv[1]);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), batch_ms);
    if (argc > 2 || error != std::errc() || end != text.data() + text.size() || batch_ms < 1 ||
        batch_ms > 10'000) {
      std::fputs("usage: micro_bench [MILLISECONDS]   1 to 10000, default 20\n", stderr);
      return 2;
    }
  }
  flow::bench::Timer timer{std::chrono::milliseconds(batch_ms)};
  flow::bench::run(timer);
  flow::bench::print(timer);
  return 0;
}
