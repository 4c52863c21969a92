#include "executors/sleep/sleep.h"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <thread>

#include "base/json.h"

namespace flow::executors {
namespace {

constexpr double kMostMs = 3'600'000;

Duration pause(std::string_view key, const Value& value) {
  if (!value.is_number() || !(value.number() >= 0 && value.number() <= kMostMs)) {
    throw ConfigError(fmt::format("{} is {}, expected a number of milliseconds from 0 to {:.0f}",
                                  key, to_json(value), kMostMs));
  }
  return Duration(static_cast<std::int64_t>(value.number() * 1e6));
}

}  // namespace

Sleep::Sleep(const ExecutorConfig& config) {
  prctl(PR_SET_TIMERSLACK, 1UL);  // the kernel would add 50 us to each pause of this thread
  if (const Value* more = config.find("ms_per_document"))
    per_document_ = pause("with.ms_per_document", *more);
  if (per_document_ > Duration::zero()) {
    on_default(&Sleep::wait_for_each);
  } else {
    on_default(&Sleep::wait);  // looks at no documents
  }
  const Value* ms = config.find("ms");
  if (ms == nullptr) return;
  const ValueMap* table = ms->if_map();
  if (table == nullptr) {
    otherwise_ = pause("with.ms", *ms);
    return;
  }
  for (const auto& [endpoint, value] : *table) {
    const Duration length = pause(fmt::format("with.ms.\"{}\"", endpoint), value);
    if (endpoint == "*") {
      otherwise_ = length;
    } else {
      by_endpoint_[endpoint] = length;
    }
  }
}

void Sleep::wait_for_each(Documents& documents, const Request& request) {
  const auto count = static_cast<std::int64_t>(documents.size());
  std::this_thread::sleep_for(pause_of(request.endpoint()) + per_document_ * count);
}

void Sleep::wait(const Request& request) {
  const Duration length = pause_of(request.endpoint());
  if (length > Duration::zero()) std::this_thread::sleep_for(length);
}

Duration Sleep::pause_of(std::string_view endpoint) const {
  const auto found = by_endpoint_.find(std::string(endpoint));
  return found == by_endpoint_.end() ? otherwise_ : found->second;
}

}  // namespace flow::executors
