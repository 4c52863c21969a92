// Carriers: whatever arrives, what is handed out was there, and its payloads with it.
#include "base/check.h"
#include "fuzz_message.h"
#include "wire/carrier.h"

namespace flow::wire {
namespace {

void check_carrier(Received received) {
  const std::size_t size = received.first.size();
  const int frames = received.frames;
  Result<CarrierReader> carrier = CarrierReader::open(std::move(received));
  if (!carrier) return;
  std::size_t handed_out = 0;
  int payloads = 0;
  Received message;
  while (carrier->next(message)) {
    FLOW_CHECK(message.first.size() >= kEnvelopeSize, "shorter than an envelope");
    FLOW_CHECK(message.frames == 2 || message.second.empty(), "a payload that was not sent");
    handed_out += message.first.size();
    payloads += message.frames - 1;
  }
  FLOW_CHECK(handed_out <= size, "more than there was");
  FLOW_CHECK(payloads == frames - 1, "payloads were lost");
}

}  // namespace
}  // namespace flow::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using flow::fuzz::deliver;
  const flow::Bytes bytes = flow::Bytes::copy_of(std::as_bytes(std::span(data, size)));
  for (const int frames : {1, 2, 3}) {
    flow::Received received = deliver(bytes);
    received.frames = frames;
    if (frames > 1) received.second = bytes;
    if (frames > 2) received.others = {bytes};
    flow::wire::check_carrier(std::move(received));
  }
  return 0;
}
