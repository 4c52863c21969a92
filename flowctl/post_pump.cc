#include "flowctl/post_pump.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "flowctl/exit_code.h"
#include "flowctl/output.h"

namespace flow::flowctl {

PostPump::PostPump(Client client, PumpOptions options, ReplyPrinter printer, net::Waker& stop)
    : options_(std::move(options)),
      stop_(stop),
      printer_(std::move(printer)),
      progress_(clock_.now()),
      client_(std::move(client)) {
  const std::uint32_t allowed = client_->welcome().max_in_flight;
  if (allowed > 0)
    options_.post.concurrency = std::min<std::size_t>(options_.post.concurrency, allowed);
}

int PostPump::run(DocumentReader* input) {
  std::thread printing([this] { print_all(); });
  int code = kExitOk;
  if (input == nullptr) {
    send(wire::DocumentList());
  } else {
    code = send_all(*input);
  }
  {
    const std::scoped_lock lock(mutex_);
    all_sent_ = true;
    changed_.notify_all();
  }
  printing.join();
  client_.reset();  // cancels what nobody waits for any more
  if (code != kExitOk) return code;
  return any_failed_ || output_failed_ ? kExitNo : kExitOk;
}

int PostPump::send_all(DocumentReader& input) {
  wire::DocumentList batch;
  int code = kExitOk;
  for (bool more = true; more;) {
    Result<std::optional<wire::Document>> document = input.next();
    if (!document) {
      say("{}", document.error().message);
      code = kExitBadInput;
    }
    more = document.ok() && document->has_value();
    if (more) batch.push_back(std::move(**document));
    const bool full = batch.size() >= options_.post.request_size;
    if (batch.empty() || (more && !full)) continue;
    {
      const std::scoped_lock lock(mutex_);
      bytes_read_ = input.bytes_read();
      bytes_total_ = input.bytes_total();
    }
    if (!wait_for_room()) return code;
    send(batch);
    batch = wire::DocumentList();
  }
  return code;
}

bool PostPump::wait_for_room() {
  std::unique_lock lock(mutex_);
  const std::size_t limit = options_.post.concurrency;
  changed_.wait(lock, [this, limit] {
    return stopped_ || (sent_ - answered_ < limit && sent_ - printed_ < limit * kAhead);
  });
  return !stopped_;
}

void PostPump::send(const wire::DocumentList& documents) {
  std::uint64_t index = 0;
  {
    const std::scoped_lock lock(mutex_);
    index = sent_++;
  }
  client_->submit(options_.endpoint, documents, options_.post, [this, index](Reply reply) {
    const std::scoped_lock lock(mutex_);
    arrived_.emplace(index, std::move(reply));
    ++answered_;
    changed_.notify_all();
  });
}

void PostPump::print_all() {
  output(printer_.begin());
  std::unique_lock lock(mutex_);
  Reply reply;
  while (take(lock, reply)) {
    lock.unlock();
    print(reply);
    reply = Reply{};
    lock.lock();
    ++printed_;
    changed_.notify_all();
  }
  const bool good = !stopped_;
  lock.unlock();
  progress_.clear();
  if (good) output(printer_.end());
}

// The next reply to print; false when all were.
bool PostPump::take(std::unique_lock<std::mutex>& lock, Reply& reply) {
  const auto next = [this] {
    return options_.post.ordered ? arrived_.find(printed_) : arrived_.begin();
  };
  changed_.wait(lock, [this, &next] {
    return stopped_ || next() != arrived_.end() || (all_sent_ && printed_ == sent_);
  });
  const auto it = next();
  if (stopped_ || it == arrived_.end()) return false;
  reply = std::move(it->second);
  arrived_.erase(it);
  return true;
}

void PostPump::print(const Reply& reply) {
  progress_.clear();
  const bool failed = !reply.ok();
  if (failed && !printer_.shows_failures()) say("{}", failure_line(reply));
  if (!failed && !reply.response.missing.empty() && !printer_.shows_failures()) {
    say("{}", missing_line(reply));
  }
  output(printer_.print(reply));
  ProgressState state;
  {
    const std::scoped_lock lock(mutex_);
    any_failed_ = any_failed_ || failed;
    documents_ += failed ? 0 : reply.documents.size();
    state.documents = documents_;
    state.bytes_read = bytes_read_;
    state.bytes_total = bytes_total_;
  }
  progress_.update(state, clock_.now());
}

void PostPump::output(const std::string& text) {
  const Written written = write_output(text);
  if (written == Written::kAll) return;
  {
    const std::scoped_lock lock(mutex_);
    output_failed_ = written == Written::kFailed;
  }
  stop_reading();
}

void PostPump::stop_reading() {
  const std::scoped_lock lock(mutex_);
  stopped_ = true;
  stop_.signal();
  changed_.notify_all();
}

}  // namespace flow::flowctl
