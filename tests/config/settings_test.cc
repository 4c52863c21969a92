#include "config/settings.h"

#include <doctest/doctest.h>

#include "loading.h"

namespace flow::config {
namespace {

TEST_CASE("the run directory follows its variables, then the user") {
  CHECK(run_directory(environment({{"FLOW_RUN_DIR", "/a"}, {"XDG_RUNTIME_DIR", "/b"}}), 7) == "/a");
  CHECK(run_directory(environment({{"XDG_RUNTIME_DIR", "/b"}}), 7) == "/b/flow");
  CHECK(run_directory(environment({{"FLOW_RUN_DIR", ""}}), 7) == "/tmp/flow-7");
  CHECK(run_directory(environment(), 0) == "/run/flow");
  CHECK(flow_directory("/run/flow", "search") == "/run/flow/search");
}

TEST_CASE("the state directory follows its variables, then the user") {
  CHECK(*state_directory(environment({{"FLOW_STATE_DIR", "/a"}, {"HOME", "/h"}}), 7) == "/a");
  CHECK(*state_directory(environment({{"XDG_STATE_HOME", "/b"}}), 7) == "/b/flow");
  CHECK(*state_directory(environment({{"HOME", "/h"}}), 7) == "/h/.local/state/flow");
  CHECK(*state_directory(environment({{"HOME", "/root"}}), 0) == "/var/lib/flow");
  CHECK(state_directory(environment(), 7).error().code == Errc::kInvalidArgument);
}

TEST_CASE("two replicas never share a workspace") {
  CHECK(workspace_directory("/s", "search", "index", 1, 2) == "/s/search/index/1/2");
}

}  // namespace
}  // namespace flow::config
