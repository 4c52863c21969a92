// Stands in for libnvidia-ml.so.1: FAKE_NVML_DEVICES devices; what FAKE_NVML_FAILS names fails.
#include <cstdlib>
#include <string_view>

namespace {

int outcome(std::string_view function) {
  const char* fails = std::getenv("FAKE_NVML_FAILS");
  return fails != nullptr && function == fails ? 9 : 0;
}

int begun = 0;

}  // namespace

extern "C" int nvmlInit_v2() {
  ++begun;
  return outcome("init");
}

extern "C" int nvmlDeviceGetCount_v2(unsigned* count) {
  const char* devices = std::getenv("FAKE_NVML_DEVICES");
  *count = devices == nullptr ? 0 : static_cast<unsigned>(std::atoi(devices));
  return begun == 1 ? outcome("count") : 1;
}

extern "C" int nvmlShutdown() {
  --begun;
  return outcome("shutdown");
}
