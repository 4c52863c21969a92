// A chain of two stages over Redis Streams: client -> gateway -> a -> b -> gateway -> client, a
// stream for each of the four, read by groups, up to 64 entries at a time. What a process has to
// say (the next XADD, XACK and XDEL of each entry, the next XREADGROUP) goes out in one write. The
// server is private, on a unix socket, and keeps nothing on disk.
#include <hiredis/hiredis.h>
#include <sys/time.h>

#include <array>
#include <deque>
#include <utility>
#include <vector>

#include "peer.h"

namespace {

using peer::Error;
using peer::Processes;

struct Destroy {
  void operator()(redisContext* context) const { redisFree(context); }
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Context = std::unique_ptr<redisContext, Destroy>;
using Reply = std::unique_ptr<redisReply, Destroy>;

Context connect_to(const std::string& socket) {
  Context context(redisConnectUnix(socket.c_str()));
  if (context == nullptr || context->err != 0) return nullptr;
  return context;
}

std::string_view text_of(const redisReply& reply) {
  return {reply.str, static_cast<std::size_t>(reply.len)};
}

// The stream of one process: it alone reads it, anybody adds to it.
class Inbox {
 public:
  Inbox(const std::string& socket, std::string name)
      : context_(connect_to(socket)),
        name_(std::move(name)),
        wait_(std::to_string(peer::kSliceMs)) {
    if (context_ == nullptr) throw Error("cannot connect to redis-server");
    const timeval patience{peer::kPatienceMs / 1000, 0};
    redisSetTimeout(context_.get(), patience);
    append({"XGROUP", "CREATE", name_, "g", "$", "MKSTREAM"});
    drain();
  }

  void add(std::string_view stream, std::string_view message) {
    append({"XADD", stream, "*", "d", message});
  }

  // Sends what was added, waits at most kSliceMs for entries, and calls handle(message) for each.
  template <typename Handle>
  void take(const Handle& handle) {
    append({"XREADGROUP", "GROUP", "g", "c", "COUNT", "64", "BLOCK", wait_, "STREAMS", name_, ">"});
    const Reply reply = drain();
    if (reply->type == REDIS_REPLY_NIL) return;
    const redisReply& entries = *reply->element[0]->element[1];
    for (std::size_t i = 0; i < entries.elements; ++i) {
      const redisReply& entry = *entries.element[i];
      handle(text_of(*entry.element[1]->element[1]));
      append({"XACK", name_, "g", text_of(*entry.element[0])});
      append({"XDEL", name_, text_of(*entry.element[0])});
    }
  }

 private:
  template <std::size_t kCount>
  void append(const std::string_view (&words)[kCount]) {
    std::array<const char*, kCount> begins{};
    std::array<std::size_t, kCount> sizes{};
    for (std::size_t i = 0; i < kCount; ++i) {
      begins[i] = words[i].data();
      sizes[i] = words[i].size();
    }
    if (redisAppendCommandArgv(context_.get(), kCount, begins.data(), sizes.data()) != REDIS_OK) {
      throw Error("redis: " + std::string(context_->errstr));
    }
    ++open_;
  }

  // The answer to the last of what was appended.
  Reply drain() {
    Reply last;
    for (; open_ > 0; --open_) {
      void* got = nullptr;
      if (redisGetReply(context_.get(), &got) != REDIS_OK) {
        throw Error("redis: " + std::string(context_->errstr));
      }
      last.reset(static_cast<redisReply*>(got));
      if (last->type == REDIS_REPLY_ERROR) throw Error("redis: " + std::string(text_of(*last)));
    }
    return last;
  }

  Context context_;
  std::string name_;
  std::string wait_;
  std::size_t open_ = 0;
};

std::uint64_t number_of(std::string_view message) {
  return peer::number_of(message.data(), message.size());
}

void run_stage(const std::string& socket, const char* name, const char* next,
               const Processes::Ready& ready) {
  Inbox inbox(socket, name);
  ready();
  for (;;) {
    inbox.take([&inbox, next](std::string_view message) {
      (void)number_of(message);
      inbox.add(next, message);
    });
  }
}

// A message that comes for the second time is an answer.
void run_gateway(const std::string& socket, const Processes::Ready& ready) {
  Inbox inbox(socket, "gateway");
  std::vector<char> under_way(peer::kSlots);
  ready();
  for (;;) {
    inbox.take([&inbox, &under_way](std::string_view message) {
      char& known = under_way[number_of(message) % peer::kSlots];
      inbox.add(known != 0 ? "client" : "a", message);
      known = known != 0 ? 0 : 1;
    });
  }
}

class RedisClient : public peer::Client {
 public:
  explicit RedisClient(const std::string& socket) : inbox_(socket, "client") {}

  void send(std::string_view message) override { inbox_.add("gateway", message); }

  std::optional<std::uint64_t> receive() override {
    if (answers_.empty()) {
      inbox_.take([this](std::string_view message) { answers_.push_back(number_of(message)); });
    }
    if (answers_.empty()) return std::nullopt;
    const std::uint64_t number = answers_.front();
    answers_.pop_front();
    return number;
  }

 private:
  Inbox inbox_;
  std::deque<std::uint64_t> answers_;
};

std::unique_ptr<peer::Client> start(Processes& processes, const std::string& folder,
                                    int /*places*/) {
  const std::string socket = folder + "/redis.sock";
  processes.run({"redis-server", "--port", "0", "--unixsocket", socket, "--save", "",
                 "--appendonly", "no", "--dir", folder},
                folder + "/redis.log");
  processes.wait_until("redis-server", [&socket] { return connect_to(socket) != nullptr; });
  processes.start("a",
                  [&socket](const Processes::Ready& ready) { run_stage(socket, "a", "b", ready); });
  processes.start(
      "b", [&socket](const Processes::Ready& ready) { run_stage(socket, "b", "gateway", ready); });
  processes.start("gateway",
                  [&socket](const Processes::Ready& ready) { run_gateway(socket, ready); });
  return std::make_unique<RedisClient>(socket);
}

}  // namespace

int main(int argc, char** argv) {
  return peer::run(argc, argv, {"redis_streams", peer::kMaxBytes, start});
}
