#include "devices.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/log.h"
#include "graph/devices.h"

namespace flow::worker {
namespace {

constexpr const char* kVisible = "CUDA_VISIBLE_DEVICES";
constexpr const char* kTotal = "CUDA_TOTAL_DEVICES";
constexpr const char* kLibrary = "FLOW_NVML_LIBRARY";
constexpr std::size_t kMaxVisible = 4096;  // of a Hello; a selector as long as this is refused

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

Result<std::uint32_t> parse_total(std::string_view text) {
  std::uint32_t total = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), total);
  if (code == std::errc{} && end == text.data() + text.size() && total <= graph::kMaxDevices)
    return total;
  return Error{Errc::kInvalidArgument, fmt::format("{} is '{}', but must be a number from 0 to {}",
                                                   kTotal, text, graph::kMaxDevices)};
}

// nvmlReturn_t is an enum, 0 is success.
template <typename... Args>
Status call(void* library, const char* name, Args... args) {
  using Function = int (*)(Args...);
  const auto function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) return Error{Errc::kNotFound, fmt::format("NVML has no {}", name)};
  const int code = function(args...);
  if (code != 0) return Error{Errc::kUnavailable, fmt::format("{} failed with {}", name, code)};
  return {};
}

Result<std::uint32_t> ask_nvml() {
  const std::string given = variable(kLibrary);
  const char* path = given.empty() ? "libnvidia-ml.so.1" : given.c_str();
  const auto close = [](void* library) { dlclose(library); };
  const std::unique_ptr<void, decltype(close)> library(dlopen(path, RTLD_NOW | RTLD_LOCAL), close);
  if (library == nullptr) return Error{Errc::kUnavailable, dlerror()};
  if (Status begun = call(library.get(), "nvmlInit_v2"); !begun) return std::move(begun).error();
  unsigned count = 0;
  const Status counted = call(library.get(), "nvmlDeviceGetCount_v2", &count);
  const Status ended = call(library.get(), "nvmlShutdown");
  if (!counted) return counted.error();
  if (!ended) return ended.error();
  return std::min<std::uint32_t>(count, graph::kMaxDevices);
}

Result<std::uint32_t> count_devices() {
  const std::string total = variable(kTotal);
  if (!total.empty()) return parse_total(total);
  const Result<std::uint32_t> counted = ask_nvml();
  if (counted) return *counted;
  log::warn("GPUs cannot be counted, taken as none reason={}", counted.error().message);
  return 0;
}

}  // namespace

Result<wire::DevicesAsked> devices_asked() {
  wire::DevicesAsked asked;
  asked.visible = variable(kVisible).substr(0, kMaxVisible);
  if (!graph::DeviceSelector::is_one(asked.visible)) return asked;
  const Result<graph::DeviceSelector> selector = graph::DeviceSelector::parse(asked.visible);
  if (!selector || !selector->needs_count()) return asked;
  const Result<std::uint32_t> count = count_devices();
  if (!count) return count.error();
  asked.count = *count;
  return asked;
}

Status take_first_device() {
  Result<wire::DevicesAsked> asked = devices_asked();
  if (!asked) return std::move(asked).error();
  if (!graph::DeviceSelector::is_one(asked->visible)) return {};
  const Result<graph::DeviceSelector> selector = graph::DeviceSelector::parse(asked->visible);
  if (!selector) return selector.error();
  if (selector->needs_count() && asked->count == 0) {
    log::warn("{} = \"{}\", but this host has no GPU: it starts without", kVisible, asked->visible);
    take_devices("");
    return {};
  }
  Result<std::string> device = selector->device(0, asked->count);
  if (!device) return std::move(device).error();
  take_devices(*device);
  return {};
}

void take_devices(const std::optional<std::string>& given) {
  if (given) {
    setenv(kVisible, given->c_str(), 1);
  } else if (graph::DeviceSelector::is_one(variable(kVisible))) {
    unsetenv(kVisible);
  }
}

}  // namespace flow::worker
