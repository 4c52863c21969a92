#include "config/overrides.h"

#include <doctest/doctest.h>

#include <chrono>

#include "config/report.h"
#include "loading.h"

namespace flow::config {
namespace {

constexpr std::string_view kFlow = R"(
[[executor]]
name = "encode"
uses = "hashing-encoder"
with = { dim = 256 }
[[executor]]
)";

LoadResult load_with(std::vector<std::string> overrides) {
  return load(kFlow, quiet(std::move(overrides)));
}

TEST_CASE("settings of sections and of executors can be set") {
  const LoadResult result =
      load_with({"gateway.deadline=5s", "flow.name=other", "encode.replicas=3",
                 "executor.executor1.uses=append", "encode.with.dim=64",
                 "executor1.with.text=a = b", "encode.needs=[\"gateway\"]"});
  CHECK(report_text(result) == "");
  REQUIRE(result.ok());
  const graph::FlowDecl& flow = result.flow->decl;
  CHECK(flow.gateway.deadline == std::chrono::seconds(5));
  CHECK(flow.name.value == "other");
  CHECK(flow.executors[0].replicas == 3);
  CHECK(*flow.executors[0].with.find("dim") == Value(64));
  CHECK(flow.executors[1].uses.value == "append");
  CHECK(*flow.executors[1].with.find("text") == Value("a = b"));
}

TEST_CASE("the last of several settings of one key holds") {
  const LoadResult result = load_with({"encode.replicas=3", "encode.replicas=4"});
  REQUIRE(result.ok());
  CHECK(result.flow->decl.executors[0].replicas == 4);
}

TEST_CASE("a setting that cannot be applied is an error that quotes it") {
  CHECK(codes(load_with({"encode.replicas"})) == Names{"E0116"});
  CHECK(codes(load_with({"replicas=2"})) == Names{"E0116"});
  CHECK(codes(load_with({"encode..x=2"})) == Names{"E0116"});
  CHECK(codes(load_with({"encode.name.x=2"})) == Names{"E0116"});
  const LoadResult unknown = load_with({"encoder.replicas=2"});
  REQUIRE(codes(unknown) == Names{"E0116"});
  CHECK(unknown.diagnostics.all()[0].message ==
        "--set encoder.replicas=2: there is no executor 'encoder'");
  CHECK(unknown.diagnostics.all()[0].hint == "did you mean 'encode'?");
}

TEST_CASE("a setting with a wrong value is an error that says where it came from") {
  const LoadResult result = load_with({"encode.replicas=many"});
  REQUIRE(codes(result) == Names{"E0107"});
  CHECK(result.diagnostics.all()[0].message ==
        "'replicas' of executor 'encode' is a string, but must be an integer (--set "
        "encode.replicas=many)");
  CHECK(result.diagnostics.all()[0].place == graph::Place{});
}

}  // namespace
}  // namespace flow::config
