// Who and where this process is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace flow {

// The host's name, for people.
std::string host_name();

// A 32-bit hash of the kernel's boot id: equal on two processes exactly when their CLOCK_MONOTONIC
// is the same clock. Never 0.
std::uint32_t host_id();

// Resident memory of this process in bytes; 0 when it cannot be read. Any thread; not for a child
// that was forked without exec().
std::uint64_t resident_bytes();

// The version of this build, "0.1.0".
std::string_view version();

}  // namespace flow
