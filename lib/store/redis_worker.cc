#include <fmt/format.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/check.h"
#include "store/redis_worker_internal.h"

namespace flow::store {
namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kEventsWaiting = 1024;
constexpr std::size_t kCoalesceFrom = 64;
constexpr int kRaces = 8;

// The place of an operation that a newer one of the same place replaces; empty: never replaced.
std::string place_of(const Operation& operation) {
  if (std::holds_alternative<SaveTopology>(operation)) return "t";
  if (std::holds_alternative<SaveSpec>(operation)) return "s";
  if (const auto* value = std::get_if<SaveAssignment>(&operation)) return "a" + value->slot;
  if (const auto* value = std::get_if<SaveHealth>(&operation)) return "h" + value->instance;
  return {};
}

// executor/shard/replica -> executor and shard/replica; gateway/0 -> gateway and 0.
std::pair<std::string, std::string> split_slot(const std::string& slot) {
  const auto last = slot.rfind('/');
  if (last == std::string::npos || last == 0) return {slot, "0"};
  const auto before = slot.rfind('/', last - 1);
  const auto cut = before == std::string::npos ? last : before;
  return {slot.substr(0, cut), slot.substr(cut + 1)};
}

}  // namespace

RedisWorker::RedisWorker(RedisOptions options)
    : options_(std::move(options)),
      connection_(options_.connect_timeout, options_.command_timeout),
      next_wait_(options_.first_wait),
      event_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  FLOW_CHECK(event_fd_ >= 0, "eventfd failed");
  thread_ = std::thread([this] { run(); });
}

RedisWorker::~RedisWorker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  ::close(event_fd_);
}

bool RedisWorker::submit(Operation operation) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kCoalesceFrom) {
      const std::string place = place_of(operation);
      const auto same = std::find_if(
          queue_.begin(), queue_.end(),
          [&place](const Operation& other) { return !place.empty() && place_of(other) == place; });
      if (same != queue_.end()) {
        *same = std::move(operation);
        return true;
      }
    }
    if (queue_.size() >= kStoreQueue) return false;
    queue_.push_back(std::move(operation));
  }
  changed_.notify_all();
  return true;
}

std::optional<Event> RedisWorker::poll() {
  const std::lock_guard lock(mutex_);
  if (events_.empty()) {
    eventfd_t ignored = 0;
    eventfd_read(event_fd_, &ignored);
    return std::nullopt;
  }
  Event event = std::move(events_.front());
  events_.pop_front();
  return event;
}

bool RedisWorker::flush(Duration limit) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [this] { return queue_.empty() && !busy_; });
}

void RedisWorker::emit(Event event) {
  {
    const std::lock_guard lock(mutex_);
    if (events_.size() >= kEventsWaiting) events_.pop_front();
    events_.push_back(std::move(event));
  }
  eventfd_write(event_fd_, 1);
}

// Waits; false when the thread is to end.
bool RedisWorker::wait(Duration time, bool also_for_work) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [&] { return stopping_ || (also_for_work && !queue_.empty()); });
  return !stopping_;
}

void RedisWorker::run() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);  // SIGPIPE of a lost server, and main's signals
  while (wait(Duration{}, false)) {
    if (connection_.is_open() || connect()) {
      work();
    } else if (wait(next_wait_, false)) {
      next_wait_ = std::min(2 * next_wait_, options_.longest_wait);
    }
  }
}

bool RedisWorker::connect() {
  Status status = connection_.open(options_.address);
  if (status) status = check();
  if (!status) lost(status.error().message);
  return status.ok();
}

void RedisWorker::work() {
  std::deque<Operation> batch = take();
  if (batch.empty()) {
    up();
    if (!wait(options_.check_every, true)) return;
    batch = take();
  }
  Status status;
  if (batch.empty()) {
    status = check();
  } else if (const auto* operation = std::get_if<Acquire>(&batch.front())) {
    status = acquire(*operation);
  } else {
    status = write(batch);
  }
  if (status) {
    if (!batch.empty()) up();
    batch.clear();
  } else {
    lost(status.error().message);
  }
  give_back(batch);
}

// An Acquire alone, or up to kBatch writes.
std::deque<Operation> RedisWorker::take() {
  const std::lock_guard lock(mutex_);
  std::deque<Operation> batch;
  while (!queue_.empty() && batch.size() < kBatch) {
    const bool acquires = std::holds_alternative<Acquire>(queue_.front());
    if (acquires && !batch.empty()) break;
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
    if (acquires) break;
  }
  busy_ = !batch.empty();
  return batch;
}

void RedisWorker::give_back(std::deque<Operation>& batch) {
  {
    const std::lock_guard lock(mutex_);
    while (!batch.empty()) {
      queue_.push_front(std::move(batch.back()));
      batch.pop_back();
    }
    busy_ = false;
  }
  changed_.notify_all();
}

void RedisWorker::up() {
  next_wait_ = options_.first_wait;
  if (up_) return;
  up_ = true;
  told_down_ = false;
  emit(Connected{});
}

void RedisWorker::lost(const std::string& reason) {
  connection_.close();
  if (up_ || !told_down_) emit(Disconnected{reason});
  up_ = false;
  told_down_ = true;
}

void RedisWorker::fenced(std::uint64_t term) {
  if (fenced_by_ == term) return;
  fenced_by_ = term;
  emit(Fenced{term});
}

// Is the server there, and does it still have what was written? A server that lost its data is
// reported like one that came back, so that all is saved again.
Status RedisWorker::check() {
  const Result<std::uint64_t> stored = connection_.number_or_zero({"GET", key("term")});
  if (!stored) return stored.error();
  if (term_ == 0 || *stored == term_) return {};
  if (*stored > term_) {
    fenced(*stored);
  } else if (up_) {
    emit(Connected{});
  }
  return {};
}

Status RedisWorker::acquire(const Acquire& operation) {
  for (int attempt = 0; attempt < kRaces; ++attempt) {
    if (const Status watched = connection_.expect_status({"WATCH", key("term")}, "OK"); !watched)
      return watched;
    const Result<std::uint64_t> stored = connection_.number_or_zero({"GET", key("term")});
    if (!stored) return stored.error();
    const std::uint64_t wanted = std::max({*stored, operation.at_least, term_}) + 1;
    bool raced = false;
    if (const Status set = transact({{"SET", key("term"), std::to_string(wanted)}}, wanted, raced);
        !set)
      return set;
    if (raced) continue;
    Snapshot snapshot;
    snapshot.term = wanted;
    auto topology = connection_.map({"HGETALL", key("topology")});
    if (!topology) return topology.error();
    const std::string& bytes = (*topology)["snapshot"];
    if (!bytes.empty()) snapshot.topology = Bytes::copy_of(std::string_view(bytes));
    const auto highest = connection_.number_or_zero({"HGET", key("topology"), "highest_id"});
    if (!highest) return highest.error();
    snapshot.highest_id = static_cast<std::uint32_t>(*highest);
    for (const std::string& executor : options_.executors) {
      auto slots = connection_.map({"HGETALL", key("assignment:" + executor)});
      if (!slots) return slots.error();
      for (auto& [slot, value] : *slots)
        snapshot.assignment[executor + "/" + slot] = value;
    }
    term_ = wanted;
    up();
    emit(Acquired{std::move(snapshot)});
    return {};
  }
  connection_.close();
  return Error{Errc::kUnavailable, "Redis: others kept changing the term"};
}

Status RedisWorker::write(std::deque<Operation>& batch) {
  std::vector<Command> commands;
  for (const Operation& operation : batch) {
    if (const auto* topology = std::get_if<SaveTopology>(&operation))
      term_ = std::max(term_, topology->term);
    add_commands(operation, commands);
  }
  for (int attempt = 0; attempt < kRaces; ++attempt) {
    if (const Status watched = connection_.expect_status({"WATCH", key("term")}, "OK"); !watched)
      return watched;
    const Result<std::uint64_t> stored = connection_.number_or_zero({"GET", key("term")});
    if (!stored) return stored.error();
    if (*stored > term_) {
      fenced(*stored);
      return connection_.expect_status({"UNWATCH"}, "OK");
    }
    bool raced = false;
    const Status done = transact(commands, *stored, raced);
    if (!done || !raced) return done;
  }
  connection_.close();
  return Error{Errc::kUnavailable, "Redis: others kept changing the term"};
}

// Under a WATCH of the term: writes all or, when the term was changed by somebody, nothing.
Status RedisWorker::transact(const std::vector<Command>& commands, std::uint64_t stored,
                             bool& raced) {
  if (const Status multi = connection_.expect_status({"MULTI"}, "OK"); !multi) return multi;
  std::vector<Command> all;
  if (stored < term_) all.push_back({"SET", key("term"), std::to_string(term_)});
  all.insert(all.end(), commands.begin(), commands.end());
  for (const Command& command : all) {
    if (const Status queued = connection_.expect_status(command, "QUEUED"); !queued) return queued;
  }
  const Result<Reply> executed = connection_.command({"EXEC"});
  if (!executed) return executed.error();
  const redisReply& results = **executed;
  raced = results.type == REDIS_REPLY_NIL;
  if (raced) return {};
  if (results.type != REDIS_REPLY_ARRAY || results.elements != all.size()) {
    connection_.close();
    return Error{Errc::kUnavailable, "Redis EXEC: expected a list of results"};
  }
  for (std::size_t i = 0; i < results.elements; ++i) {
    const redisReply* result = results.element[i];
    if (result == nullptr || result->type == REDIS_REPLY_ERROR)
      failed_.fetch_add(1, std::memory_order_relaxed);
  }
  return {};
}

std::string RedisWorker::key(const std::string& name) const {
  return fmt::format("flow:{{{}}}:{}", options_.flow, name);
}

void RedisWorker::add_commands(const Operation& operation, std::vector<Command>& commands) const {
  if (const auto* topology = std::get_if<SaveTopology>(&operation)) {
    commands.push_back({"HSET", key("topology"), "term", std::to_string(topology->term), "version",
                        std::to_string(topology->version), "highest_id",
                        std::to_string(topology->highest_id), "snapshot",
                        std::string(topology->topology.text())});
  } else if (const auto* assignment = std::get_if<SaveAssignment>(&operation)) {
    const auto [executor, slot] = split_slot(assignment->slot);
    commands.push_back({"HSET", key("assignment:" + executor), slot, assignment->value});
  } else if (const auto* health = std::get_if<SaveHealth>(&operation)) {
    if (health->value.empty()) {
      commands.push_back({"HDEL", key("health"), health->instance});
    } else {
      commands.push_back({"HSET", key("health"), health->instance, health->value});
    }
  } else if (const auto* spec = std::get_if<SaveSpec>(&operation)) {
    commands.push_back({"SET", key("spec"), spec->toml});
  } else if (const auto* event = std::get_if<AppendEvent>(&operation)) {
    commands.push_back({"XADD", key("events"), "MAXLEN", "~", std::to_string(kEventsKept), "*",
                        "kind", event->kind, "detail", event->detail});
  }
}

}  // namespace flow::store
