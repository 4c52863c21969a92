// The seam between the worker's logic and what runs handlers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/value.h"
#include "contents.h"
#include "wire/part.h"

namespace flow::worker {

// How an execution ended. Whoever has many after one another uses the same again: clear() makes it
// as new.
struct Executed {
  Instant ended{};  // when the handler was back; the instant it began where none ran
  std::optional<Error> error{};
  std::optional<ValueMap> results{};  // the dictionary the handler answered with
  Bytes named_results{};  // dictionaries of others, under their names (a Value buffer, a Map)
  std::vector<wire::MissingShard> missing{};  // shards that others had to leave out, by their names
  bool began = true;  // false: a failure that is no execution here, it gets no hop

  void clear() {
    error.reset();
    results.reset();
    named_results.clear();
    missing.clear();
    began = true;
  }
};

// Which execution of a worker: its core makes them, each once.
struct Ticket {
  std::uint32_t slot = 0;
  std::uint32_t round = 0;
  friend bool operator==(Ticket, Ticket) = default;
};

// What is executed: a request, and which try at it.
struct Running {
  RequestId request;
  std::uint16_t attempt = 0;
  friend bool operator==(const Running&, const Running&) = default;
};

// Runs what serves a request: at once (HandlerExecution runs an Executor, the simulator takes
// simulated time), or elsewhere, with others at the same time.
class Execution {
 public:
  virtual ~Execution() = default;

  // Whether what serves this endpoint takes the parts of a join unreduced.
  virtual bool wants_matrix(std::string_view endpoint) const = 0;

  // Whether one more may begin.
  virtual bool has_room() const { return true; }

  // Runs what serves the endpoint of `header`; contents stay as they are where nothing does. True:
  // it is done, and `executed`, which comes as new, says how it ended. False: it goes on elsewhere,
  // and Core::finish() says that. Until then, or until it is abandoned, `header` and `contents`
  // stay where they are.
  virtual bool run(Ticket ticket, const wire::PartHeader& header, Contents& contents, Instant begun,
                   Duration remaining, Executed& executed) = 0;

  // The next run() executes all these together; its `header` is the first one's. They stay where
  // they are until it is back.
  virtual void together(std::span<const Running> /*requests*/) {}

  // The time of one that goes on elsewhere is up: its request has ended, finish() will be ignored.
  virtual void abandon(Ticket /*ticket*/) {}

  // Whether this replica is behind its siblings, from now on; false at first.
  virtual void set_catching_up(bool /*catching_up*/) {}

  virtual Instant now() const = 0;
};

}  // namespace flow::worker
