#include "flowctl/test_report.h"

#include <doctest/doctest.h>

#include "base/json.h"

namespace flow::flowctl {
namespace {

TestOutcome passed(const std::string& name) {
  TestOutcome outcome;
  outcome.file = "flow.toml";
  outcome.line = 7;
  outcome.name = name;
  outcome.passed = true;
  return outcome;
}

TestOutcome failed(const std::string& name) {
  TestOutcome outcome = passed(name);
  outcome.passed = false;
  outcome.message = "document 1 'a': text is \"x\", expected \"y\"";
  outcome.expected = ValueList{ValueMap{{"id", "a"}, {"text", "y"}}};
  outcome.got = ValueList{};
  return outcome;
}

TEST_CASE("the plan says how many tests there are, and that none is no failure") {
  CHECK(tap_plan(3) == "1..3\n");
  CHECK(tap_plan(0) == "1..0 # SKIP no [[test]] tables\n");
}

TEST_CASE("a passed test is one line") {
  CHECK(tap_line(1, passed("adds a word")) == "ok 1 - adds a word\n");
}

TEST_CASE("a failed test says in YAML what differs and where it is written") {
  CHECK(tap_line(2, failed("adds a word")) ==
        "not ok 2 - adds a word\n"
        "  ---\n"
        "  message: \"document 1 'a': text is \\\"x\\\", expected \\\"y\\\"\"\n"
        "  at: \"flow.toml:7\"\n"
        "  expected:\n"
        "    - {\"id\":\"a\",\"text\":\"y\"}\n"
        "  got: []\n"
        "  ...\n");
}

TEST_CASE("a name can neither break its line nor be a directive") {
  CHECK(tap_line(1, passed("a\nb # SKIP")) == "ok 1 - a?b \\# SKIP\n");
}

TEST_CASE("the report as JSON has every test, and reasons of failed ones only") {
  CHECK(to_json(Value(test_report_value({passed("a"), failed("b")}))) ==
        R"({"passed":1,"failed":1,"tests":[)"
        R"({"file":"flow.toml","line":7,"name":"a","passed":true},)"
        R"({"file":"flow.toml","line":7,"name":"b","passed":false,)"
        R"("message":"document 1 'a': text is \"x\", expected \"y\"",)"
        R"("expected":[{"id":"a","text":"y"}],"got":[]}]})");
  CHECK(to_json(Value(test_report_value({}))) == R"({"passed":0,"failed":0,"tests":[]})");
}

}  // namespace
}  // namespace flow::flowctl
