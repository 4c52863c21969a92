#include "store/redis_store.h"

#include "store/redis_worker_internal.h"

namespace flow::store {

RedisStore::RedisStore(RedisOptions options)
    : worker_(std::make_unique<RedisWorker>(std::move(options))) {}

RedisStore::~RedisStore() = default;

bool RedisStore::submit(Operation operation) {
  const bool queued = worker_->submit(std::move(operation));
  if (!queued) ++refused_;
  return queued;
}

std::optional<Event> RedisStore::poll() {
  return worker_->poll();
}

int RedisStore::fd() const {
  return worker_->fd();
}

bool RedisStore::flush(Duration limit) {
  return worker_->flush(limit);
}

std::uint64_t RedisStore::failed() const {
  return worker_->failed();
}

}  // namespace flow::store
