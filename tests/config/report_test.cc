#include "config/report.h"

#include <doctest/doctest.h>

#include "base/json.h"
#include "loading.h"

namespace flow::config {
namespace {

TEST_CASE("an error shows file, line, column, code, the line with a mark, and a hint") {
  const LoadResult result = load("[[executor]]\nname = \"a\"\nreplicas = 0\n");
  CHECK(
      report_text(result) ==
      "test.toml:5:12: error[E0108]: 'replicas' of executor 'a' is 0, but must be from 1 to 4096\n"
      "    5 | replicas = 0\n"
      "      |            ^\n"
      "hint: replicas = 2\n"
      "test.toml: 1 error\n");
}

TEST_CASE("nothing to say is an empty report") {
  CHECK(report_text(load("")) == "");
}

TEST_CASE("colours are there only when asked for") {
  const LoadResult result = load("[[executor]]\nreplicas = 0\n");
  CHECK(report_text(result).find('\x1b') == std::string::npos);
  CHECK(report_text(result, true).find('\x1b') != std::string::npos);
}

TEST_CASE("a file cannot steer the terminal through its report") {
  const LoadResult result = load("[[executor]]\nname = \"\\u001b[31m\"\n");
  CHECK(codes(result) == Names{"E0130"});
  CHECK(report_text(result).find('\x1b') == std::string::npos);
}

TEST_CASE("the report of a bad file as JSON has its errors and no flow") {
  const LoadResult result = load("[[executor]]\nreplcas = 2\n");
  CHECK(to_json(Value(report_value(result))) ==
        R"({"ok":false,"errors":[{"code":"E0106","file":"test.toml","line":4,"column":1,)"
        R"("message":"unknown key 'replcas' in executor 'executor0'",)"
        R"("hint":"did you mean 'replicas'?"}],"warnings":[],"flow":null})");
}

TEST_CASE("the report of a good file as JSON has the compiled flow") {
  const LoadResult result = load(R"(
[[executor]]
name = "a"
uses = "append"
with = { text = "x" }
replicas = 2
[[executor]]
name = "b"
needs = ["gateway", "a"]
timeout = "1500ms"
)");
  CHECK(
      to_json(Value(report_value(result))) ==
      R"({"ok":true,"errors":[],"warnings":[],"flow":{"name":"test",)"
      R"("gateway":{"deadline":"30s","max_in_flight":1024,"max_in_flight_bytes":"256MiB",)"
      R"("max_queued":4096,"max_request":"16MiB","unavailable_after":"1s"},)"
      R"("redis":{"url":"private"},"executors":[{"name":"a","executor":"a","uses":"append",)"
      R"("program":"flow-worker","needs":["gateway"],"successors":["b"],"with":{"text":"x"},)"
      R"("replicas":2,"shards":1,"no_reduce":false,"takes_parts":false,"allow_partial":false,"floating":false,"threads":1,)"
      R"("restart":true,"ready_timeout":"1m"},{"name":"b","executor":"b","uses":"pass-through",)"
      R"("program":"flow-worker","needs":["gateway","a"],"successors":["gateway"],)"
      R"("replicas":1,"shards":1,"no_reduce":false,"takes_parts":false,"allow_partial":false,"floating":false,"timeout":"1500ms",)"
      R"("threads":1,"restart":true,"ready_timeout":"1m"}],"sink":"b","hanging":[]}})");
}

TEST_CASE("a flood of errors is cut and counted") {
  std::string text = "[[executor]]\n";
  for (int i = 0; i < 600; ++i)
    text += "wrong" + std::to_string(i) + " = 1\n";
  const LoadResult result = load(text);
  CHECK(result.diagnostics.all().size() == graph::kMaxDiagnostics);
  CHECK(report_text(result).ends_with("test.toml: 500 errors, and 100 more not shown\n"));
}

}  // namespace
}  // namespace flow::config
