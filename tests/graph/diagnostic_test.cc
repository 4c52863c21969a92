#include "graph/diagnostic.h"

#include <doctest/doctest.h>

#include "declaring.h"

namespace flow::graph {
namespace {

TEST_CASE("diagnostics are sorted by place, and stay in order where places are equal") {
  Diagnostics diagnostics;
  diagnostics.warning("W1", {5, 1}, "");
  diagnostics.error("E1", {2, 9}, "");
  diagnostics.error("E2", {2, 3}, "");
  diagnostics.error("E3", {}, "");
  diagnostics.error("E4", {2, 3}, "");
  diagnostics.sorted();
  CHECK(codes_of(diagnostics) == Names{"E3", "E2", "E4", "E1", "W1"});
}

TEST_CASE("warnings are no errors") {
  Diagnostics diagnostics;
  diagnostics.warning("W1", {}, "");
  CHECK_FALSE(diagnostics.has_errors());
  diagnostics.error("E1", {}, "");
  CHECK(diagnostics.has_errors());
}

TEST_CASE("what is too much is counted, and an error among it still counts as one") {
  Diagnostics diagnostics;
  for (std::size_t i = 0; i < kMaxDiagnostics; ++i)
    diagnostics.warning("W1", {}, "");
  diagnostics.error("E1", {}, "");
  CHECK(diagnostics.all().size() == kMaxDiagnostics);
  CHECK(diagnostics.dropped() == 1);
  CHECK(diagnostics.has_errors());
}

}  // namespace
}  // namespace flow::graph
