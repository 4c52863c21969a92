// What `flowctl test` prints: TAP for people and test harnesses, or JSON. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/value.h"

namespace flow::flowctl {

// How one [[test]] went.
struct TestOutcome {
  std::string file;
  std::uint32_t line = 0;  // of its table
  std::string name;
  bool passed = false;
  // For a failed one: what differs, and what there was to compare.
  std::string message;
  std::optional<ValueList> expected;
  std::optional<ValueList> got;
};

// "1..3"; "1..0 # SKIP no [[test]] tables" for none.
std::string tap_plan(std::size_t tests);

// "ok 1 - name", or "not ok 2 - name" with a block of YAML below. `number` counts from 1.
std::string tap_line(std::size_t number, const TestOutcome& outcome);

// {"passed","failed","tests":[{"file","line","name","passed","message","expected","got"}]}; the
// last three of failed ones only.
ValueMap test_report_value(const std::vector<TestOutcome>& outcomes);

}  // namespace flow::flowctl
