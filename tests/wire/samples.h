// One message of each kind with every field set, and ways to deliver and to damage messages. Shared
// by the tests of lib/wire, the golden bytes and the fuzzers' corpus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/frames.h"
#include "wire/client_messages.h"
#include "wire/membership.h"
#include "wire/part.h"
#include "wire/snapshot.h"

namespace flow::wire::samples {

// The frames as a socket would hand them to the receiver.
Received deliver(const Frames& frames);
Received deliver(const Bytes& frame);

// The same message with its first frame at an address that is `shift` off a multiple of 16.
Received shifted(const Received& received, std::size_t shift);

// The first frame, changed by `change`; the second as it was.
Received changed(const Received& received,
                 const std::function<void(std::vector<std::byte>&)>& change);

using Decode = std::function<bool(Received)>;

// How many of all proper prefixes of the first frame are accepted.
std::size_t accepted_prefixes(const Received& received, const Decode& decode);

// Decodes copies with one to three random bits flipped; how many were refused.
std::size_t refused_flips(const Received& received, const Decode& decode, std::uint64_t seed,
                          std::size_t rounds);

std::unique_ptr<Failure> failure(Errc code, std::string message = {});
PartHeader part();      // an error part
Bytes small_payload();  // travels in the first frame
Bytes large_payload();  // travels in the second frame
Report report();
ClientHello client_hello();
ClientWelcome client_welcome();
Request request();
Response response();
Topology topology();
Topology topology_with_lanes();
Ready ready();
SnapshotAsk snapshot_ask();
SnapshotPiece snapshot_piece();
Hello hello();
Welcome welcome();

// Of every control message.
struct Control {
  std::string name;
  ControlMessage message;
};
std::vector<Control> control_messages();

bool equal(const PartHeader& a, const PartHeader& b);
bool equal(const Failure* a, const Failure* b);
bool equal(const Report& a, const Report& b);
bool equal(const ClientWelcome& a, const ClientWelcome& b);
bool equal(const Request& a, const Request& b);
bool equal(const Response& a, const Response& b);
bool equal(const ControlMessage& a, const ControlMessage& b);

}  // namespace flow::wire::samples
