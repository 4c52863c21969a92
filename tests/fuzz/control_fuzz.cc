// The conversations with the broker: what decodes must encode, and come out the same.
#include "base/check.h"
#include "fuzz_message.h"
#include "wire/membership.h"

namespace flow::wire {
namespace {

void check(const Received& received) {
  const Result<ControlMessage> message = decode_control(received);
  if (!message) return;
  const Bytes once = encode_control(*message);
  const Result<ControlMessage> again = decode_control(fuzz::deliver(once));
  FLOW_CHECK(again.ok(), "what was encoded does not decode");
  FLOW_CHECK(encode_control(*again) == once, "decoded something else");
}

}  // namespace
}  // namespace flow::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const flow::Received& received : flow::fuzz::as_received(data, size)) {
    flow::wire::check(received);
  }
  return 0;
}
