// A simulated world: one clock, one queue of events, one seeded source of chance, and a network.
//
// The network behaves as libzmq was measured to: first in first out per connection; what is lost
// when a connection is cut or a process ends is one contiguous run; what is sent while a connection
// is down waits in the sender and arrives later; nothing is ever duplicated or told. Same seed,
// same run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <vector>

#include "base/time.h"

namespace flow::sim {

// One incarnation of a process; never reused.
using ProcessId = std::uint32_t;

// Connections of different planes between the same processes are independent.
enum class Plane : std::uint8_t { kData, kControl, kReport, kClient, kLane };

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {}

  Instant now() const { return now_; }
  void at(Instant when, std::function<void()> what);
  void after(Duration wait, std::function<void()> what) { at(now_ + wait, std::move(what)); }
  void run_until(Instant end);

  // Uniform in [low, high].
  std::int64_t pick(std::int64_t low, std::int64_t high);
  bool chance(double probability) { return pick(0, 999'999) < probability * 1e6; }
  Duration pick_us(std::int64_t low, std::int64_t high) {
    return std::chrono::microseconds(pick(low, high));
  }

  ProcessId start_process();
  void kill(ProcessId process);
  bool alive(ProcessId process) const { return process < alive_.size() && alive_[process]; }

  // Delivers later, in order, if both live and the connection holds. `bytes` model the time on the
  // wire, `more` any other.
  void send(ProcessId from, ProcessId to, Plane plane, std::size_t bytes,
            std::function<void()> deliver, Duration more = {});

  // Cuts a connection: what is under way loses one contiguous run, what is sent until `back` waits.
  void cut(ProcessId from, ProcessId to, Plane plane, Duration down);

  std::uint64_t lost() const { return lost_; }

 private:
  struct Message {
    std::function<void()> deliver;
    bool lost = false;
  };
  struct Connection {
    Instant last{};  // arrival of the last message
    Instant back{};  // down until then
    std::vector<std::shared_ptr<Message>> under_way;
  };
  struct Event {
    Instant when;
    std::uint64_t number;
    std::function<void()> what;
    bool operator>(const Event& other) const {
      return when != other.when ? when > other.when : number > other.number;
    }
  };
  using Key = std::tuple<ProcessId, ProcessId, Plane>;
  void lose_run(Connection& connection, bool to_the_end);

  Instant now_{};
  std::uint64_t number_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::mt19937_64 random_;
  std::vector<bool> alive_;
  std::map<Key, Connection> connections_;
  std::uint64_t lost_ = 0;
};

}  // namespace flow::sim
