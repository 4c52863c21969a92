// Runs one case: as a flow of real processes, and what the library can do alone also directly.
#pragma once

#include <string>

#include "case_flow.h"

namespace flow::conformance {

// What is wrong; empty when the case passed. Thread-safe.
std::string run_case(const Case& expected, const Surroundings& surroundings, std::size_t number);

}  // namespace flow::conformance
