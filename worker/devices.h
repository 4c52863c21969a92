// The GPUs of this process: what its environment asks for, and what it gets.
//
// CUDA_VISIBLE_DEVICES = "RR..." (graph/devices.h) is a wish that the broker answers: it knows
// which replica this is. The number of devices of the host is, of these, the first that says it:
//   1. CUDA_TOTAL_DEVICES, a number
//   2. NVML (libnvidia-ml.so.1, or the file that FLOW_NVML_LIBRARY names), loaded for the moment
//   3. 0
//
// Control thread, before there is a data thread: the environment is read and changed.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "wire/membership.h"

namespace flow::worker {

// What to say in the Hello. Devices are counted only for a selector that depends on their number.
// kInvalidArgument: CUDA_TOTAL_DEVICES is no number of devices.
Result<wire::DevicesAsked> devices_asked();

// Makes CUDA_VISIBLE_DEVICES what the broker's Welcome says, for the executor and every library it
// loads. RR never stays: without an answer the variable is removed.
void take_devices(const std::optional<std::string>& given);

// The same for a worker on its own, which has no broker to ask: the first device of the selector. A
// host without GPUs is a warning, and no device. kInvalidArgument: no selector, or a device that is
// not there.
Status take_first_device();

}  // namespace flow::worker
