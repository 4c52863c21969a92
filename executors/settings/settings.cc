#include "executors/settings/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <random>
#include <stdexcept>

#include "base/json.h"

namespace flow::executors {
namespace {

std::uint64_t random_number() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

std::int64_t int_between(const ExecutorConfig& config, std::string_view key, std::int64_t fallback,
                         std::int64_t least, std::int64_t most) {
  const std::int64_t value = config.get(key, fallback);
  if (value < least || value > most) {
    throw ConfigError(
        fmt::format("with.{} is {}, expected an int from {} to {}", key, value, least, most));
  }
  return value;
}

double number_between(const ExecutorConfig& config, std::string_view key, double fallback,
                      double least, double most) {
  const double value = config.get(key, fallback);
  if (!(value >= least && value <= most)) {
    throw ConfigError(
        fmt::format("with.{} is {}, expected a number from {} to {}", key, value, least, most));
  }
  return value;
}

std::string one_of(const ExecutorConfig& config, std::string_view key, const char* fallback,
                   std::initializer_list<std::string_view> allowed) {
  std::string value = config.get(key, fallback);
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    throw ConfigError(
        fmt::format("with.{} is \"{}\", expected one of {}", key, value, fmt::join(allowed, ", ")));
  }
  return value;
}

std::size_t top_of(const Request& request, std::size_t fallback, std::int64_t least) {
  const Value* value = request.parameters().find("top");
  if (value == nullptr) return fallback;
  const std::int64_t* top = value->if_int();
  if (top == nullptr || *top < least || *top > kMaxTop) {
    throw std::invalid_argument(fmt::format("parameter top is {}, expected an int from {} to {}",
                                            to_json(*value), least, kMaxTop));
  }
  return static_cast<std::size_t>(*top);
}

std::string name_of(const Document& document, std::size_t position) {
  if (document.id().empty()) return fmt::format("number {} (without id)", position);
  return fmt::format("'{}'", document.id());
}

IdSource::IdSource() : random_(random_number()) {}

std::string IdSource::next() {
  return fmt::format("{:016x}{:x}", random_, count_++);
}

}  // namespace flow::executors
