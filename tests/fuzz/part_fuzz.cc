// Parts, reports and snapshots: what decodes must encode, and come out the same.
#include "base/check.h"
#include "fuzz_message.h"
#include "wire/part.h"
#include "wire/snapshot.h"

namespace flow::wire {
namespace {

void check_part(const Received& received) {
  Part part;
  if (!decode_part(Received(received), part)) return;
  PartEncoder encoder;
  const Received once = fuzz::deliver(encoder.encode(part.header, part.payload));
  Part again;
  FLOW_CHECK(decode_part(Received(once), again).ok(), "what was encoded does not decode");
  const Received twice = fuzz::deliver(encoder.encode(again.header, again.payload));
  FLOW_CHECK(once.first == twice.first && once.second == twice.second, "decoded something else");
}

void check_report(const Received& received) {
  Report report;
  if (!decode_report(received, report)) return;
  const Bytes once = encode_report(report);
  FLOW_CHECK(decode_report(fuzz::deliver(once), report).ok(), "what was encoded does not decode");
  FLOW_CHECK(encode_report(report) == once, "decoded something else");
}

void check_snapshot(const Received& received) {
  SnapshotEncoder encoder;
  if (const auto ask = decode_snapshot_ask(received))
    FLOW_CHECK(decode_snapshot_ask(fuzz::deliver(encoder.encode(*ask))).ok(), "decoded wrong");
  if (const auto piece = decode_snapshot_piece(received))
    FLOW_CHECK(decode_snapshot_piece(fuzz::deliver(encoder.encode(*piece))).ok(), "decoded wrong");
}

void check_all(const Received& received) {
  check_part(received);
  check_snapshot(received);
  check_report(received);
}

}  // namespace
}  // namespace flow::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const flow::Received& received : flow::fuzz::as_received(data, size)) {
    flow::wire::check_all(received);
  }
  return 0;
}
