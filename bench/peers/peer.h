// What the programs that Flow is compared with have in common: the message, the closed loop, the
// line that is printed. They differ in how a message gets from the client to the stages and back.
//
// usage of each: PROGRAM BYTES IN_FLIGHT SECONDS [PLACES]
// PLACES: how many stages or shards, where a program says that it can have others than usual.
// Prints one line of JSON: answers per second, CPU time of all processes per answer, latency. Exit
// status 0; 1 with a line on stderr when anything failed, 2 when the arguments are wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "processes.h"

namespace peer {

inline constexpr std::uint64_t kSlots =
    65536;  // messages in flight are told apart by number % kSlots
inline constexpr std::uint64_t kMaxBytes = 64 << 20;

// The number of a whole message; throws Error when it is too short or was changed on its way.
std::uint64_t number_of(const void* bytes, std::size_t size);

// The way to the gateway and back.
class Client {
 public:
  Client() = default;
  virtual ~Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Copies the message once, as any sender has to that keeps nothing.
  virtual void send(std::string_view message) = 0;
  // The number of the next answer; nothing when there was none for kSliceMs.
  virtual std::optional<std::uint64_t> receive() = 0;
};

struct Peer {
  const char* name = "";
  std::uint64_t max_bytes = kMaxBytes;
  // Starts the processes, sockets in `folder`, and connects a client.
  std::function<std::unique_ptr<Client>(Processes& processes, const std::string& folder,
                                        int places)>
      start;
  int usual_places = 0;  // 0: not to be chosen
};

// The whole main(). The same closed loop as `flowctl bench`: a request follows an answer; what is
// in flight at the end is waited for and counts. Before that 0.1 s that do not count.
int run(int argc, char** argv, const Peer& peer);

}  // namespace peer
