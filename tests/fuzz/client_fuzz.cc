// The client conversation: what decodes must encode, and come out the same.
#include "base/check.h"
#include "fuzz_message.h"
#include "wire/client_messages.h"

namespace flow::wire {
namespace {

template <typename Message, typename Decode>
void check(const Received& received, const Decode& decode) {
  Message message;
  if (!decode(Received(received), message)) return;
  ClientEncoder encoder;
  const Received once = fuzz::deliver(encoder.encode(message));
  Message again;
  FLOW_CHECK(decode(Received(once), again).ok(), "what was encoded does not decode");
  const Received twice = fuzz::deliver(encoder.encode(again));
  FLOW_CHECK(once.first == twice.first && once.second == twice.second, "decoded something else");
}

void check_cancel(const Received& received) {
  const Result<std::uint64_t> id = decode_cancel(received);
  if (!id) return;
  ClientEncoder encoder;
  const Result<std::uint64_t> again = decode_cancel(fuzz::deliver(encoder.encode_cancel(*id)));
  FLOW_CHECK(again.ok() && *again == *id, "decoded something else");
}

void check_all(const Received& received) {
  check<ClientHello>(received, decode_client_hello);
  check<ClientWelcome>(received, decode_client_welcome);
  check<Request>(received, decode_request);
  check<Response>(received, decode_response);
  check_cancel(received);
}

}  // namespace
}  // namespace flow::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const flow::Received& received : flow::fuzz::as_received(data, size)) {
    flow::wire::check_all(received);
  }
  return 0;
}
