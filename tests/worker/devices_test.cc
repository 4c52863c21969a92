#include "devices.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <map>

namespace {

using namespace flow;
using worker::devices_asked;
using worker::take_devices;

// The variables that matter are these and no others, as long as it lives.
using Variables = std::map<std::string, std::string>;
class Environment {
 public:
  explicit Environment(const Variables& variables) {
    clear();
    for (const auto& [name, value] : variables)
      setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environment() { clear(); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  static void clear() {
    for (const char* name :
         {"CUDA_VISIBLE_DEVICES", "CUDA_TOTAL_DEVICES", "FAKE_NVML_DEVICES", "FAKE_NVML_FAILS"})
      unsetenv(name);
    setenv("FLOW_NVML_LIBRARY", FLOW_FAKE_NVML, 1);
  }
};

std::uint32_t counted(Variables variables) {
  variables.emplace("CUDA_VISIBLE_DEVICES", "RR");
  const Environment environment(variables);
  const Result<wire::DevicesAsked> asked = devices_asked();
  REQUIRE(asked.ok());
  CHECK(asked->visible == "RR");
  return asked->count;
}

std::string visible() {
  const char* value = getenv("CUDA_VISIBLE_DEVICES");
  return value == nullptr ? "(unset)" : value;
}

}  // namespace

TEST_CASE("devices are counted by CUDA_TOTAL_DEVICES, else by NVML, else there are none") {
  CHECK(counted({{"CUDA_TOTAL_DEVICES", "4"}, {"FAKE_NVML_DEVICES", "2"}}) == 4);
  CHECK(counted({{"CUDA_TOTAL_DEVICES", "0"}, {"FAKE_NVML_DEVICES", "2"}}) == 0);
  CHECK(counted({{"CUDA_TOTAL_DEVICES", ""}, {"FAKE_NVML_DEVICES", "2"}}) == 2);
  CHECK(counted({{"FAKE_NVML_DEVICES", "8"}}) == 8);
  CHECK(counted({{"FAKE_NVML_DEVICES", "70000"}}) == 1024);
  CHECK(counted({}) == 0);
  CHECK(counted({{"FLOW_NVML_LIBRARY", "/nowhere/libnvidia-ml.so.1"}}) == 0);
  CHECK(counted({{"FLOW_NVML_LIBRARY", "libm.so.6"}}) == 0);  // none of its functions
}

TEST_CASE("an NVML that fails counts none") {
  for (const char* function : {"init", "count", "shutdown"}) {
    CAPTURE(function);
    CHECK(counted({{"FAKE_NVML_DEVICES", "2"}, {"FAKE_NVML_FAILS", function}}) == 0);
  }
  CHECK(counted({{"FAKE_NVML_DEVICES", "2"}}) == 2);
}

TEST_CASE("devices are counted only for a selector that depends on their number") {
  for (const char* value : {"", "0,1", "RRGPU-a,GPU-b", "RR1,"}) {
    CAPTURE(value);
    const Environment environment(
        Variables{{"CUDA_VISIBLE_DEVICES", value}, {"CUDA_TOTAL_DEVICES", "many"}});
    const Result<wire::DevicesAsked> asked = devices_asked();
    REQUIRE(asked.ok());
    CHECK(asked->visible == value);
    CHECK(asked->count == 0);
  }
}

TEST_CASE("a CUDA_TOTAL_DEVICES that is no number of devices is refused") {
  for (const char* value : {"four", "-1", "4 ", "1025", "4.0"}) {
    const Environment environment(
        Variables{{"CUDA_VISIBLE_DEVICES", "RR"}, {"CUDA_TOTAL_DEVICES", value}});
    const Result<wire::DevicesAsked> asked = devices_asked();
    REQUIRE_FALSE(asked.ok());
    CHECK(asked.error().message == "CUDA_TOTAL_DEVICES is '" + std::string(value) +
                                       "', but must be a number from 0 to 1024");
  }
}

TEST_CASE("a value of any length fits into a hello") {
  const Environment environment(Variables{{"CUDA_VISIBLE_DEVICES", "RR" + std::string(9000, '1')}});
  CHECK(devices_asked()->visible.size() == 4096);
}

TEST_CASE("a worker on its own takes the first device of its selector") {
  const auto first = [](const std::string& selector, const char* devices) {
    const Environment environment(
        Variables{{"CUDA_VISIBLE_DEVICES", selector}, {"CUDA_TOTAL_DEVICES", devices}});
    const Status taken = worker::take_first_device();
    return taken ? visible() : taken.error().message;
  };
  CHECK(first("RR", "4") == "0");
  CHECK(first("RR2:", "4") == "2");
  CHECK(first("RR-1", "4") == "3");
  CHECK(first("RRGPU-a,GPU-b", "0") == "GPU-a");
  CHECK(first("1,2", "4") == "1,2");
  CHECK(first("RR", "0") == "");
  CHECK(first("RR7", "4").find("RR7") != std::string::npos);
  CHECK(first("RR1,,2", "4").find("RR1,,2") != std::string::npos);
}

TEST_CASE("what the broker gave is set, and RR never stays") {
  const Environment environment(Variables{{"CUDA_VISIBLE_DEVICES", "RR"}});
  take_devices("3");
  CHECK(visible() == "3");
  take_devices(std::nullopt);
  CHECK(visible() == "3");
  take_devices("");
  CHECK(visible() == "");
  setenv("CUDA_VISIBLE_DEVICES", "RR0:2", 1);
  take_devices(std::nullopt);
  CHECK(visible() == "(unset)");
}
