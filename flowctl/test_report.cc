#include "flowctl/test_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/json.h"
#include "flowctl/output.h"

namespace flow::flowctl {
namespace {

// A name on its line: '#' begins a directive in TAP.
std::string plain_name(const std::string& name) {
  std::string out;
  for (const char c : harmless(name)) {
    if (c == '#') out += '\\';
    out += c;
  }
  return out;
}

void append_documents(std::string& out, std::string_view key,
                      const std::optional<ValueList>& list) {
  if (!list) return;
  fmt::format_to(std::back_inserter(out), "  {}:{}\n", key, list->empty() ? " []" : "");
  for (const Value& document : *list)
    fmt::format_to(std::back_inserter(out), "    - {}\n", to_json(document));
}

std::int64_t count_passed(const std::vector<TestOutcome>& outcomes) {
  return std::ranges::count_if(outcomes, &TestOutcome::passed);
}

}  // namespace

std::string tap_plan(std::size_t tests) {
  return tests == 0 ? "1..0 # SKIP no [[test]] tables\n" : fmt::format("1..{}\n", tests);
}

std::string tap_line(std::size_t number, const TestOutcome& outcome) {
  const std::string name = plain_name(outcome.name);
  if (outcome.passed) return fmt::format("ok {} - {}\n", number, name);
  std::string out = fmt::format("not ok {} - {}\n  ---\n", number, name);
  out += "  message: ";
  append_json_string(out, outcome.message);
  out += "\n  at: ";
  append_json_string(out, fmt::format("{}:{}", outcome.file, outcome.line));
  out += "\n";
  append_documents(out, "expected", outcome.expected);
  append_documents(out, "got", outcome.got);
  return out + "  ...\n";
}

ValueMap test_report_value(const std::vector<TestOutcome>& outcomes) {
  ValueList tests;
  for (const TestOutcome& outcome : outcomes) {
    ValueMap test{{"file", outcome.file},
                  {"line", std::int64_t{outcome.line}},
                  {"name", outcome.name},
                  {"passed", outcome.passed}};
    if (!outcome.passed) test.set("message", outcome.message);
    if (!outcome.passed && outcome.expected) test.set("expected", *outcome.expected);
    if (!outcome.passed && outcome.got) test.set("got", *outcome.got);
    tests.emplace_back(std::move(test));
  }
  const std::int64_t passed = count_passed(outcomes);
  return {{"passed", passed},
          {"failed", static_cast<std::int64_t>(outcomes.size()) - passed},
          {"tests", std::move(tests)}};
}

}  // namespace flow::flowctl
