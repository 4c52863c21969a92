// Times the operations every request passes through, each alone: encoding and decoding of parts,
// documents and values, and the merging of branches.
//
// usage: micro_bench [MILLISECONDS]    how long a batch runs (20); five batches an operation
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/micro/samples.h"
#include "bench/micro/timer.h"
#include "route/reduce.h"
#include "wire/value_codec.h"

namespace flow::bench {
namespace {

using wire::DocumentList;

constexpr std::size_t kManyDocuments = 32;
constexpr std::size_t kSmallText = 128;
constexpr std::size_t kLargeText = 4096;

void time_parts(Timer& timer, std::string_view what, std::size_t text_size) {
  const wire::PartHeader header = chain_header();
  const Bytes payload = encoded_documents(1, text_size).encode();
  wire::PartEncoder encoder;
  timer.time(fmt::format("part encode, {}", what),
             [&] { keep(encoder.encode(header, payload).size()); });
  const Received received = deliver(encoder.encode(header, payload));
  wire::Part part;
  timer.time(fmt::format("part decode, {}", what),
             [&] { keep(wire::decode_part(received, part).ok()); });
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

void time_values(Timer& timer) {
  const ValueMap map = parameters();
  const Bytes encoded = wire::encode_value(map);
  timer.time("value encode, 8 entries", [&] { keep(wire::encode_value(map).size()); });
  timer.time("value decode, 8 entries", [&] { keep(wire::decode_value(encoded.span()).ok()); });
}

void run(Timer& timer) {
  time_parts(timer, "1 x 128 B", kSmallText);
  time_parts(timer, "1 x 4 KiB", kLargeText);
  time_documents(timer, "1 x 128 B", 1, kSmallText);
  time_documents(timer, "32 x 4 KiB", kManyDocuments, kLargeText);
  const DocumentList left = encoded_documents(kManyDocuments, kLargeText);
  time_reduce(timer, "32 + 32 x 4 KiB, none the same", left,
              encoded_documents(kManyDocuments, kLargeText, kManyDocuments));
  time_reduce(timer, "32 + 32 x 4 KiB, all the same, nothing gained", left, left);
  time_reduce(timer, "32 + 32 x 4 KiB, all the same, a score gained", left,
              scored_documents(kManyDocuments, kLargeText, "score"));
  time_values(timer);
}

void print(const Timer& timer) {
  fmt::print("| {:<52} | {:>8} | {:>8} |\n|{:-<54}|{:->9}:|{:->9}:|\n", "operation", "ns", "least",
             "", "", "");
  for (const Timing& timing : timer.timings()) {
    fmt::print("| {:<52} | {:>8.1f} | {:>8.1f} |\n", timing.name, timing.median_ns,
               timing.least_ns);
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
