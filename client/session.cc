#include "client/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/units.h"

namespace flow::client {
namespace {

constexpr Duration kGoodbye = std::chrono::milliseconds(200);

}  // namespace

Session::Session(std::string address, ClientOptions options)
    : address_(std::move(address)),
      options_(std::move(options)),
      gate_(std::clamp(options_.max_in_flight, 1U, kMostInFlight)),
      connection_(context_, clock_, address_, options_.name, options_.max_in_flight, *this) {}

Session::~Session() {
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
  }
  waker_.signal();
  if (thread_.joinable()) thread_.join();
}

Status Session::open() {
  thread_ = std::thread([this] { run(); });
  std::unique_lock lock(mutex_);
  if (!started_.wait_for(lock, options_.connect_timeout, [this] { return start_finished_; })) {
    return Error{Errc::kUnavailable, fmt::format("no gateway answers at {} (waited {})", address_,
                                                 format_duration(options_.connect_timeout))};
  }
  return start_status_;
}

wire::ClientWelcome Session::welcome() const {
  const std::scoped_lock lock(mutex_);
  return welcome_;
}

void Session::submit(Submission&& submission, Instant now) {
  if (on_own_thread()) {
    connection_.core().submit(std::move(submission), now);
    return;
  }
  bool first = false;
  {
    const std::scoped_lock lock(mutex_);
    first = submitted_.empty();
    submitted_.push_back(std::move(submission));
  }
  if (first) waker_.signal();
}

void Session::run() {
  Status connected = connection_.open(loop_);
  if (!connected) {
    finish_start(std::move(connected));
    return;
  }
  loop_.watch_fd(waker_.fd(), [this] { take_submissions(); });
  loop_.run([this](Instant now) { return connection_.turn(now); });
  connection_.shut_down(kGoodbye);
}

void Session::take_submissions() {
  waker_.drain();
  {
    const std::scoped_lock lock(mutex_);
    taken_.swap(submitted_);
    if (closing_) loop_.stop();
  }
  const Instant now = clock_.now();
  for (Submission& submission : taken_)
    connection_.core().submit(std::move(submission), now);
  taken_.clear();
}

void Session::on_welcome(const wire::ClientWelcome& welcome) {
  {
    const std::scoped_lock lock(mutex_);
    welcome_ = welcome;
  }
  deadline_ns_.store(welcome.deadline.count(), std::memory_order_relaxed);
  max_request_bytes_.store(welcome.max_request_bytes, std::memory_order_relaxed);
  const std::uint32_t own = std::clamp(options_.max_in_flight, 1U, kMostInFlight);
  gate_.set_limit(welcome.max_in_flight == 0 ? own : std::min(own, welcome.max_in_flight));
  finish_start({});
}

void Session::finish_start(Status status) {
  const std::scoped_lock lock(mutex_);
  if (start_finished_) return;
  start_finished_ = true;
  start_status_ = std::move(status);
  started_.notify_all();
}

}  // namespace flow::client
