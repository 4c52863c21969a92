// What processes use: CPU time and memory, from the kernel.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace flow::flowctl {

// CPU time of all threads of a process since its start; nothing when it is gone.
std::optional<Duration> cpu_time(pid_t pid);

// Resident memory in bytes; 0 when it is gone.
std::uint64_t resident_memory(pid_t pid);

}  // namespace flow::flowctl
