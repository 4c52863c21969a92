// What a chain of two stages costs with ZeroMQ alone: the floor that Flow is measured against.
//
//   client DEALER <-> gateway ROUTER;  gateway PUSH -> PULL a PUSH -> PULL b PUSH -> PULL gateway
//
// Four processes over ipc, one frame a message. The client keeps IN_FLIGHT messages going and
// counts answers; the gateway remembers by the message's number whose it is. Stages look whether
// the message is whole and pass it on. No acknowledgement, no retry, no deadline.
//
// usage: zmq_chain BYTES IN_FLIGHT SECONDS
// Prints one line of JSON: answers per second, CPU time of all four processes per answer, latency.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::uint64_t kMagic = 0x5E7A11CE5E7A11CE;
constexpr std::uint64_t kSlots = 65536;  // more than there can be in flight
constexpr std::uint64_t kMaxInFlight = kSlots / 2;
constexpr std::uint64_t kMaxBytes = 64 << 20;
constexpr std::uint64_t kMaxSeconds = 600;
constexpr std::uint64_t kWarmUpNs = 100'000'000;
constexpr int kPatienceMs = 20'000;
constexpr int kBurst = 64;

// Starts every message; the rest is filling.
struct Head {
  std::uint64_t magic = kMagic;
  std::uint64_t number = 0;
  std::uint64_t size = 0;
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "zmq_chain: %s\n", what.c_str());
  std::exit(1);
}

int checked(int outcome, const char* what) {
  if (outcome < 0) fail(std::string(what) + ": " + zmq_strerror(zmq_errno()));
  return outcome;
}

std::uint64_t read_clock(clockid_t clock) {
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t now_ns() {
  return read_clock(CLOCK_MONOTONIC);
}

// A socket and its context: every process has one context of its own. Lives until the process ends.
class Socket {
 public:
  Socket(void* context, int type) : socket_(zmq_socket(context, type)) {
    if (socket_ == nullptr) fail("cannot make a socket");
    for (const int option : {ZMQ_LINGER, ZMQ_SNDHWM, ZMQ_RCVHWM})
      set(option, 0);
  }
  void set(int option, int value) {
    checked(zmq_setsockopt(socket_, option, &value, sizeof(value)), "zmq_setsockopt");
  }
  void bind(const std::string& address) {
    checked(zmq_bind(socket_, address.c_str()), address.c_str());
  }
  void connect(const std::string& address) {
    checked(zmq_connect(socket_, address.c_str()), address.c_str());
  }
  // Whether there was one.
  bool receive(zmq_msg_t& message, int flags) {
    while (zmq_msg_recv(&message, socket_, flags) < 0) {
      if (zmq_errno() == EAGAIN) return false;
      if (zmq_errno() != EINTR) checked(-1, "zmq_msg_recv");
    }
    return true;
  }
  void send(zmq_msg_t& message) { checked(zmq_msg_send(&message, socket_, 0), "zmq_msg_send"); }
  void send_more(const void* bytes, std::size_t size) {
    checked(zmq_send(socket_, bytes, size, ZMQ_SNDMORE), "zmq_send");
  }
  void* handle() const { return socket_; }

 private:
  void* socket_;
};

std::uint64_t number_of(zmq_msg_t& message) {
  Head head;
  if (zmq_msg_size(&message) < sizeof(head)) fail("a message is too short");
  std::memcpy(&head, zmq_msg_data(&message), sizeof(head));
  if (head.magic != kMagic || head.size != zmq_msg_size(&message)) fail("a message is broken");
  return head.number;
}

struct Addresses {
  explicit Addresses(const std::string& folder)
      : front("ipc://" + folder + "/front"),
        a("ipc://" + folder + "/a"),
        b("ipc://" + folder + "/b"),
        back("ipc://" + folder + "/back") {}
  std::string front;
  std::string a;
  std::string b;
  std::string back;
};

void run_stage(const std::string& from, const std::string& to) {
  void* context = zmq_ctx_new();
  Socket in(context, ZMQ_PULL);
  Socket out(context, ZMQ_PUSH);
  in.bind(from);
  out.connect(to);
  zmq_msg_t message;
  zmq_msg_init(&message);
  while (in.receive(message, 0)) {
    (void)number_of(message);
    out.send(message);
  }
}

class Gateway {
 public:
  explicit Gateway(const Addresses& addresses)
      : front_(context_, ZMQ_ROUTER), back_(context_, ZMQ_PULL), first_(context_, ZMQ_PUSH) {
    front_.bind(addresses.front);
    back_.bind(addresses.back);
    first_.connect(addresses.a);
    zmq_msg_init(&message_);
  }

  void run() {
    std::array<zmq_pollitem_t, 2> items{};
    items[0] = {front_.handle(), 0, ZMQ_POLLIN, 0};
    items[1] = {back_.handle(), 0, ZMQ_POLLIN, 0};
    for (;;) {
      const bool asked = take_requests();
      const bool answered = take_answers();
      if (!asked && !answered) checked(zmq_poll(items.data(), 2, -1), "zmq_poll");
    }
  }

 private:
  struct Client {
    std::array<char, 16> id{};
    std::size_t size = 0;
  };

  bool take_requests() {
    int taken = 0;
    while (taken < kBurst && front_.receive(message_, ZMQ_DONTWAIT)) {
      Client client;
      client.size = std::min(zmq_msg_size(&message_), client.id.size());
      std::memcpy(client.id.data(), zmq_msg_data(&message_), client.size);
      front_.receive(message_, 0);
      clients_[number_of(message_) % kSlots] = client;
      first_.send(message_);
      ++taken;
    }
    return taken > 0;
  }

  bool take_answers() {
    int taken = 0;
    while (taken < kBurst && back_.receive(message_, ZMQ_DONTWAIT)) {
      const Client& client = clients_[number_of(message_) % kSlots];
      front_.send_more(client.id.data(), client.size);
      front_.send(message_);
      ++taken;
    }
    return taken > 0;
  }

  void* context_ = zmq_ctx_new();
  Socket front_;
  Socket back_;
  Socket first_;
  zmq_msg_t message_{};
  std::vector<Client> clients_ = std::vector<Client>(kSlots);
};

// The processes of the chain; they end with this one at the latest.
class Chain {
 public:
  explicit Chain(const Addresses& addresses) {
    start([&addresses] { run_stage(addresses.a, addresses.b); });
    start([&addresses] { run_stage(addresses.b, addresses.back); });
    start([&addresses] { Gateway(addresses).run(); });
  }
  ~Chain() {
    for (const pid_t pid : pids_)
      ::kill(pid, SIGKILL);
    for (const pid_t pid : pids_)
      ::waitpid(pid, nullptr, 0);
  }
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;

  // CPU time of the chain and of this process.
  std::uint64_t cpu_ns() const {
    std::uint64_t sum = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    for (const pid_t pid : pids_) {
      clockid_t clock{};
      if (::clock_getcpuclockid(pid, &clock) == 0) sum += read_clock(clock);
    }
    return sum;
  }

 private:
  template <typename Body>
  void start(const Body& body) {
    const pid_t pid = ::fork();
    if (pid < 0) fail("cannot start a process");
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      body();
      ::_exit(0);
    }
    pids_.push_back(pid);
  }

  std::vector<pid_t> pids_;
};

struct Measured {
  std::uint64_t answers = 0;
  std::uint64_t took_ns = 0;
  std::uint64_t cpu_ns = 0;
  std::vector<std::uint64_t> latencies_ns;
};

class Client {
 public:
  Client(const Addresses& addresses, std::size_t size, std::uint64_t in_flight)
      : socket_(context_, ZMQ_DEALER), filling_(size, 'x'), in_flight_(in_flight) {
    socket_.set(ZMQ_RCVTIMEO, kPatienceMs);
    socket_.connect(addresses.front);
    zmq_msg_init(&answer_);
  }

  // The same closed loop as `flowctl bench`: a request follows an answer; what is in flight at the
  // end is waited for and counts. Before that a short run that does not count.
  Measured run(const Chain& chain, std::uint64_t duration_ns) {
    loop(kWarmUpNs);
    measured_ = Measured();
    const std::uint64_t cpu = chain.cpu_ns();
    const std::uint64_t began = now_ns();
    loop(duration_ns);
    measured_.took_ns = now_ns() - began;
    measured_.cpu_ns = chain.cpu_ns() - cpu;
    return std::move(measured_);
  }

 private:
  void loop(std::uint64_t duration_ns) {
    const std::uint64_t until = now_ns() + duration_ns;
    for (std::uint64_t i = 0; i < in_flight_; ++i)
      send(now_ns());
    for (std::uint64_t open = in_flight_; open > 0;) {
      if (!socket_.receive(answer_, 0)) fail("no answer in 20 s");
      const std::uint64_t now = now_ns();
      measured_.latencies_ns.push_back(now - sent_at_[number_of(answer_) % kSlots]);
      ++measured_.answers;
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
    head.size = filling_.size();
    zmq_msg_t message;
    if (zmq_msg_init_size(&message, filling_.size()) != 0) fail("no memory for a message");
    std::memcpy(zmq_msg_data(&message), filling_.data(), filling_.size());
    std::memcpy(zmq_msg_data(&message), &head, sizeof(head));
    sent_at_[head.number % kSlots] = now;
    socket_.send(message);
  }

  void* context_ = zmq_ctx_new();
  Socket socket_;
  std::string filling_;
  std::uint64_t in_flight_;
  std::uint64_t last_number_ = 0;
  std::vector<std::uint64_t> sent_at_ = std::vector<std::uint64_t>(kSlots);
  zmq_msg_t answer_{};
  Measured measured_;
};

class TemporaryFolder {
 public:
  TemporaryFolder() {
    const char* parent = std::getenv("TMPDIR");
    path_ = std::string(parent == nullptr ? "/tmp" : parent) + "/zmq-chain-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) fail("cannot make a folder " + path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

template <typename Number>
Number parse(std::string_view text, const char* name, Number least, Number most) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    fail(std::string(name) + " is '" + std::string(text) + "', expected a number from " +
         std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

double quantile_us(std::vector<std::uint64_t>& sorted, double part) {
  const auto at = static_cast<std::size_t>(part * static_cast<double>(sorted.size()));
  return static_cast<double>(sorted[std::min(at, sorted.size() - 1)]) / 1000;
}

void print(std::uint64_t size, std::uint64_t in_flight, Measured measured) {
  const auto answers = static_cast<double>(measured.answers);
  std::sort(measured.latencies_ns.begin(), measured.latencies_ns.end());
  std::printf(
      "{\"peer\":\"zmq\",\"size\":%llu,\"in_flight\":%llu,\"rps\":%.1f,"
      "\"cpu_us_per_request\":%.3f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
      static_cast<unsigned long long>(size), static_cast<unsigned long long>(in_flight),
      answers / static_cast<double>(measured.took_ns) * 1e9,
      static_cast<double>(measured.cpu_ns) / answers / 1000,
      quantile_us(measured.latencies_ns, 0.5), quantile_us(measured.latencies_ns, 0.99));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) fail("usage: zmq_chain BYTES IN_FLIGHT SECONDS");
  const auto size = parse<std::uint64_t>(argv[1], "BYTES", sizeof(Head), kMaxBytes);
  const auto in_flight = parse<std::uint64_t>(argv[2], "IN_FLIGHT", 1, kMaxInFlight);
  const auto seconds = parse<double>(argv[3], "SECONDS", 0.001, kMaxSeconds);
  const TemporaryFolder folder;
  const Addresses addresses(folder.path());
  const Chain chain(addresses);
  Client client(addresses, size, in_flight);
  print(size, in_flight, client.run(chain, static_cast<std::uint64_t>(seconds * 1e9)));
  return 0;
}
