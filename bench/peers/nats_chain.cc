// A chain of two stages over NATS: client -> gateway -> a -> b -> gateway -> client, a subject for
// each step, so that every message passes nats-server five times. The server is private and listens
// on a free port of 127.0.0.1; messages are sent at once (the library's own flusher would add its
// delay). Nothing is stored.
#include <nats/nats.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "peer.h"

namespace {

using peer::Error;
using peer::Processes;

constexpr std::uint64_t kMaxBytes = 8 << 20;  // what nats-server takes without a warning
constexpr const char* kInbox = "inbox";

void check(natsStatus status, const char* what) {
  if (status != NATS_OK) throw Error(std::string(what) + ": " + natsStatus_GetText(status));
}

struct Destroy {
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
  void operator()(natsSubscription* subscription) const { natsSubscription_Destroy(subscription); }
  void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
};
using Message = std::unique_ptr<natsMsg, Destroy>;
using Subscription = std::unique_ptr<natsSubscription, Destroy>;

std::uint64_t number_of(const Message& message) {
  return peer::number_of(natsMsg_GetData(message.get()),
                         static_cast<std::size_t>(natsMsg_GetDataLength(message.get())));
}

class Connection {
 public:
  explicit Connection(const std::string& url) {
    natsOptions* made = nullptr;
    check(natsOptions_Create(&made), "options");
    const std::unique_ptr<natsOptions, Destroy> options(made);
    check(natsOptions_SetURL(made, url.c_str()), "url");
    check(natsOptions_SetSendAsap(made, true), "send at once");
    natsConnection* connection = nullptr;
    check(natsConnection_Connect(&connection, made), "cannot connect to nats-server");
    connection_.reset(connection);
  }

  // Without a limit: what is in flight bounds it.
  Subscription subscribe(const char* subject) {
    natsSubscription* made = nullptr;
    check(natsConnection_SubscribeSync(&made, connection_.get(), subject), subject);
    Subscription subscription(made);
    check(natsSubscription_SetPendingLimits(made, -1, -1), "limits");
    check(natsConnection_Flush(connection_.get()), "flush");
    return subscription;
  }

  void publish(const char* subject, const char* reply_to, const char* bytes, int size) {
    check(natsConnection_PublishRequest(connection_.get(), subject, reply_to, bytes, size),
          subject);
  }

  void pass_on(const char* subject, const Message& message) {
    check(natsConnection_Publish(connection_.get(), subject, natsMsg_GetData(message.get()),
                                 natsMsg_GetDataLength(message.get())),
          subject);
  }

 private:
  std::unique_ptr<natsConnection, Destroy> connection_;
};

// Nothing when there was none for kSliceMs.
Message next(const Subscription& subscription) {
  natsMsg* message = nullptr;
  const natsStatus status = natsSubscription_NextMsg(&message, subscription.get(), peer::kSliceMs);
  if (status == NATS_TIMEOUT) return nullptr;
  check(status, "receive");
  return Message(message);
}

void run_stage(const std::string& url, const char* from, const char* to,
               const Processes::Ready& ready) {
  Connection connection(url);
  const Subscription subscription = connection.subscribe(from);
  ready();
  for (;;) {
    const Message message = next(subscription);
    if (message == nullptr) continue;
    (void)number_of(message);
    connection.pass_on(to, message);
  }
}

void run_gateway(const std::string& url, const Processes::Ready& ready) {
  Connection connection(url);
  const Subscription subscription = connection.subscribe("gateway.*");
  std::vector<std::string> owners(peer::kSlots);
  ready();
  for (;;) {
    const Message message = next(subscription);
    if (message == nullptr) continue;
    std::string& owner = owners[number_of(message) % peer::kSlots];
    const bool asked = std::string_view(natsMsg_GetSubject(message.get())) == "gateway.in";
    if (asked) owner = natsMsg_GetReply(message.get());
    connection.pass_on(asked ? "a" : owner.c_str(), message);
  }
}

class NatsClient : public peer::Client {
 public:
  explicit NatsClient(const std::string& url) : connection_(url) {
    inbox_ = connection_.subscribe(kInbox);
  }

  void send(std::string_view message) override {
    connection_.publish("gateway.in", kInbox, message.data(), static_cast<int>(message.size()));
  }

  std::optional<std::uint64_t> receive() override {
    const Message answer = next(inbox_);
    if (answer == nullptr) return std::nullopt;
    return number_of(answer);
  }

 private:
  Connection connection_;
  Subscription inbox_;
};

// Where the server says that it listens, in a file of its own; empty as long as it does not.
std::string url_in(const std::string& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".ports") continue;
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const auto begin = text.find("nats://");
    const auto end = text.find('"', begin == std::string::npos ? 0 : begin);
    if (begin != std::string::npos && end != std::string::npos) {
      return text.substr(begin, end - begin);
    }
  }
  return "";
}

std::string start_server(Processes& processes, const std::string& folder) {
  const std::string file = folder + "/nats.conf";
  std::ofstream(file) << "listen: \"127.0.0.1:-1\"\n"
                      << "max_payload: " << kMaxBytes << "\n"
                      << "max_pending: 4294967296\nwrite_deadline: \"30s\"\n"
                      << "ports_file_dir: \"" << folder << "\"\n";
  processes.run({"nats-server", "-c", file}, folder + "/nats.log");
  std::string url;
  processes.wait_until("nats-server", [&url, &folder] {
    url = url_in(folder);
    return !url.empty();
  });
  return url;
}

std::unique_ptr<peer::Client> start(Processes& processes, const std::string& folder,
                                    int /*places*/) {
  const std::string url = start_server(processes, folder);
  processes.start("a", [&url](const Processes::Ready& ready) { run_stage(url, "a", "b", ready); });
  processes.start(
      "b", [&url](const Processes::Ready& ready) { run_stage(url, "b", "gateway.back", ready); });
  processes.start("gateway", [&url](const Processes::Ready& ready) { run_gateway(url, ready); });
  return std::make_unique<NatsClient>(url);
}

}  // namespace

int main(int argc, char** argv) {
  return peer::run(argc, argv, {"nats", kMaxBytes, start});
}
