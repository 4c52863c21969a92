#include "peer.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <vector>

namespace peer {
namespace {

constexpr std::uint64_t kMagic = 0x5E7A11CE5E7A11CE;
constexpr std::uint64_t kMaxInFlight = kSlots / 2;
constexpr int kMaxPlaces = 64;
constexpr std::uint64_t kMaxSeconds = 600;
constexpr std::uint64_t kWarmUpNs = 100'000'000;

// Starts every message; the rest is filling.
struct Head {
  std::uint64_t magic = kMagic;
  std::uint64_t number = 0;
  std::uint64_t size = 0;
};

struct WrongArgument : Error {
  using Error::Error;
};

struct Task {
  std::uint64_t size = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t duration_ns = 0;
  int places = 0;
};

struct Measured {
  std::uint64_t took_ns = 0;
  std::uint64_t cpu_ns = 0;
  std::vector<std::uint64_t> latencies_ns;
};

class ClosedLoop {
 public:
  ClosedLoop(Client& client, const Processes& processes, const Task& task)
      : client_(client), processes_(processes), task_(task), message_(task.size, 'x') {}

  Measured run() {
    loop(kWarmUpNs);
    measured_.latencies_ns.clear();
    const std::uint64_t cpu = processes_.cpu_ns();
    const std::uint64_t began = now_ns();
    loop(task_.duration_ns);
    measured_.took_ns = now_ns() - began;
    measured_.cpu_ns = processes_.cpu_ns() - cpu;
    return std::move(measured_);
  }

 private:
  void loop(std::uint64_t duration_ns) {
    const std::uint64_t until = now_ns() + duration_ns;
    for (std::uint64_t i = 0; i < task_.in_flight; ++i)
      send(now_ns());
    for (std::uint64_t open = task_.in_flight; open > 0;) {
      check_not_told_to_end();
      const std::uint64_t number = receive();
      const std::uint64_t now = now_ns();
      measured_.latencies_ns.push_back(now - sent_at_[number % kSlots]);
      if (now < until) {
        send(now);
      } else {
        --open;
      }
    }
  }

  void send(std::uint64_t now) {
    Head head;
    head.number = ++last_number_;
    head.size = message_.size();
    std::memcpy(message_.data(), &head, sizeof(head));
    sent_at_[head.number % kSlots] = now;
    client_.send(message_);
  }

  std::uint64_t receive() {
    for (int waited_ms = 0; waited_ms < kPatienceMs; waited_ms += kSliceMs) {
      if (const auto number = client_.receive()) return *number;
      processes_.check();
    }
    throw Error("no answer in 20 s");
  }

  Client& client_;
  const Processes& processes_;
  Task task_;
  std::string message_;
  std::uint64_t last_number_ = 0;
  std::vector<std::uint64_t> sent_at_ = std::vector<std::uint64_t>(kSlots);
  Measured measured_;
};

template <typename Number>
Number parse(std::string_view text, const char* name, Number least, Number most) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    throw WrongArgument(std::string(name) + " is '" + std::string(text) +
                        "', expected a number from " + std::to_string(least) + " to " +
                        std::to_string(most));
  }
  return value;
}

Task read_task(int argc, char** argv, const Peer& peer) {
  const bool choosable = peer.usual_places > 0;
  if (argc != 4 && !(argc == 5 && choosable)) {
    throw WrongArgument(std::string("usage: ") + program_invocation_short_name +
                        " BYTES IN_FLIGHT SECONDS" + (choosable ? " [PLACES]" : ""));
  }
  Task task;
  task.size = parse<std::uint64_t>(argv[1], "BYTES", sizeof(Head), peer.max_bytes);
  task.in_flight = parse<std::uint64_t>(argv[2], "IN_FLIGHT", 1, kMaxInFlight);
  task.duration_ns =
      static_cast<std::uint64_t>(parse<double>(argv[3], "SECONDS", 0.001, kMaxSeconds) * 1e9);
  task.places = argc == 5 ? parse<int>(argv[4], "PLACES", 1, kMaxPlaces) : peer.usual_places;
  return task;
}

double quantile_us(const std::vector<std::uint64_t>& sorted, double part) {
  const auto at = static_cast<std::size_t>(part * static_cast<double>(sorted.size()));
  return static_cast<double>(sorted[std::min(at, sorted.size() - 1)]) / 1000;
}

void print(const char* name, const Task& task, Measured measured) {
  const auto answers = static_cast<double>(measured.latencies_ns.size());
  std::sort(measured.latencies_ns.begin(), measured.latencies_ns.end());
  std::printf(
      "{\"peer\":\"%s\",\"size\":%llu,\"in_flight\":%llu,\"rps\":%.1f,"
      "\"cpu_us_per_request\":%.3f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
      name, static_cast<unsigned long long>(task.size),
      static_cast<unsigned long long>(task.in_flight),
      answers / static_cast<double>(measured.took_ns) * 1e9,
      static_cast<double>(measured.cpu_ns) / answers / 1000,
      quantile_us(measured.latencies_ns, 0.5), quantile_us(measured.latencies_ns, 0.99));
}

}  // namespace

std::uint64_t number_of(const void* bytes, std::size_t size) {
  Head head;
  if (size < sizeof(head)) throw Error("a message is too short");
  std::memcpy(&head, bytes, sizeof(head));
  if (head.magic != kMagic || head.size != size) throw Error("a message is broken");
  return head.number;
}

int run(int argc, char** argv, const Peer& peer) {
  try {
    const Task task = read_task(argc, argv, peer);
    end_when_told();
    const TemporaryFolder folder;
    Processes processes;
    const std::unique_ptr<Client> client = peer.start(processes, folder.path(), task.places);
    print(peer.name, task, ClosedLoop(*client, processes, task).run());
    return 0;
  } catch (const WrongArgument& error) {
    std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, error.what());
    return 2;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, error.what());
    return 1;
  }
}

}  // namespace peer
