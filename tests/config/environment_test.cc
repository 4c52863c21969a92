#include "config/environment.h"

#include <doctest/doctest.h>

#include "loading.h"

namespace flow::config {
namespace {

// The text of `with.t` in a flow, after expansion; the codes of the errors if there are any.
std::string expanded(std::string_view text) {
  LoadOptions options = quiet();
  options.environment = environment({{"A", "one"}, {"EMPTY", ""}, {"NESTED", "${A}"}});
  const LoadResult result =
      load("[[executor]]\nwith = { t = '" + std::string(text) + "' }\n", options);
  if (!result.ok()) return codes(result).at(0);
  return *result.flow->decl.executors[0].with.find("t")->if_string();
}

TEST_CASE("variables are replaced wherever they stand in a string") {
  CHECK(expanded("${A}") == "one");
  CHECK(expanded("<${A}|${A}>") == "<one|one>");
  CHECK(expanded("[${EMPTY}]") == "[]");
}

TEST_CASE("a default stands in for a variable that is unset or empty") {
  CHECK(expanded("${NONE:-two words}") == "two words");
  CHECK(expanded("${EMPTY:-x}") == "x");
  CHECK(expanded("${A:-x}") == "one");
  CHECK(expanded("${NONE:-}") == "");
}

TEST_CASE("what comes out of a variable is not looked at again") {
  CHECK(expanded("${NESTED}") == "${A}");
}

TEST_CASE("dollars that are no variable stay") {
  CHECK(expanded("$5 $A {A} $") == "$5 $A {A} $");
  CHECK(expanded("$${A}") == "${A}");
}

TEST_CASE("unset variables and broken forms are errors") {
  CHECK(expanded("${NONE}") == "E0114");
  CHECK(expanded("${A") == "E0115");
  CHECK(expanded("${}") == "E0115");
  CHECK(expanded("${1A}") == "E0115");
  CHECK(expanded("${A-x}") == "E0115");
}

TEST_CASE("a number written as a string is none unless it came out of a variable") {
  LoadOptions options = quiet();
  options.environment = environment({{"N", "2"}, {"WORD", "two"}});
  CHECK(load("[[executor]]\nreplicas = \"${N}\"\n", options).ok());
  CHECK(codes(load("[[executor]]\nreplicas = \"2\"\n", options)) == Names{"E0107"});
  CHECK(codes(load("[[executor]]\nreplicas = \"${WORD}\"\n", options)) == Names{"E0107"});
}

}  // namespace
}  // namespace flow::config
