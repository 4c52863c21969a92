#include "gateway/settings.h"

#include <fmt/format.h>

namespace flow::gateway {
namespace {

Status read(const ValueMap& map, std::string_view key, std::int64_t& target) {
  const Value* value = map.find(key);
  if (value == nullptr) return {};
  const std::int64_t* number = value->if_int();
  if (number == nullptr || *number < 0) {
    return Error{Errc::kInvalidArgument,
                 fmt::format("gateway setting '{}' is no whole number >= 0", key)};
  }
  target = *number;
  return {};
}

}  // namespace

Result<Settings> settings_from(const ValueMap& map, const std::string& flow) {
  Settings settings;
  settings.flow = flow;
  std::int64_t deadline = to_us(settings.deadline);
  std::int64_t in_flight = settings.max_in_flight;
  auto bytes = static_cast<std::int64_t>(settings.max_in_flight_bytes);
  std::int64_t queued = settings.max_queued;
  auto request = static_cast<std::int64_t>(settings.max_request);
  std::int64_t unavailable = to_us(settings.unavailable_after);
  for (const auto& [key, target] : {std::pair{"deadline", &deadline},
                                    {"max_in_flight", &in_flight},
                                    {"max_in_flight_bytes", &bytes},
                                    {"max_queued", &queued},
                                    {"max_request", &request},
                                    {"unavailable_after", &unavailable}}) {
    if (Status status = read(map, key, *target); !status) return std::move(status).error();
  }
  if (const Value* address = map.find("address");
      address != nullptr && address->if_string() != nullptr) {
    settings.address = *address->if_string();
  }
  settings.deadline = std::chrono::microseconds(deadline);
  settings.max_in_flight = static_cast<std::uint32_t>(in_flight);
  settings.max_in_flight_bytes = static_cast<std::uint64_t>(bytes);
  settings.max_queued = static_cast<std::uint32_t>(queued);
  settings.max_request = static_cast<std::uint64_t>(request);
  settings.unavailable_after = std::chrono::microseconds(unavailable);
  return settings;
}

}  // namespace flow::gateway
