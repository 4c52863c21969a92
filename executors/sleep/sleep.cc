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

// What this replica waits on top.
Duration extra_of(const ExecutorConfig& config) {
  const Value* value = config.find("ms_of_replica");
  if (value == nullptr) return {};
  const ValueList* list = value->if_list();
  if (list == nullptr) {
    throw ConfigError(fmt::format(
        "with.ms_of_replica is {}, expected a list of milliseconds, one for each replica",
        to_json(*value)));
  }
  Duration extra{};
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Duration length = pause(fmt::format("with.ms_of_replica[{}]", i), (*list)[i]);
    if (i == config.replica) extra = length;
  }
  return extra;
}

}  // namespace

Sleep::Sleep(const ExecutorConfig& config) : of_replica_(extra_of(config)) {
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
  std::this_thread::sleep_for(pause_of(request.endpoint(), documents.size()));
}

void Sleep::wait(const Request& request) {
  const Duration length = pause_of(request.endpoint());
  if (length > Duration::zero()) std::this_thread::sleep_for(length);
}

Duration Sleep::pause_of(std::string_view endpoint, std::size_t documents) const {
  const auto found = by_endpoint_.find(std::string(endpoint));
  const Duration once = found == by_endpoint_.end() ? otherwise_ : found->second;
  return once + of_replica_ + static_cast<std::int64_t>(documents) * per_document_;
}

}  // namespace flow::executors
