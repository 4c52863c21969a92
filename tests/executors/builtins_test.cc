#include "executors/builtins.h"

#include <doctest/doctest.h>

#include <set>

#include "tests/executors/fake_call.h"

namespace flow::executors::testing {
namespace {

TEST_CASE("every built-in can be made without settings and asks for all it reads") {
  std::set<std::string> names;
  for (const NamedExecutor& builtin : builtins()) {
    CAPTURE(builtin.name);
    const TempFolder folder;
    const ExecutorConfig config = config_in(folder);
    const auto executor = builtin.factory(config);
    CHECK(names.insert(builtin.name).second);
    CHECK_FALSE(executor->bindings().empty());
    CHECK(config.unused().empty());
  }
  CHECK(names.contains("BaseExecutor"));
}

TEST_CASE("all built-ins but the indexes bind every endpoint") {
  for (const NamedExecutor& builtin : builtins()) {
    CAPTURE(builtin.name);
    const TempFolder folder;
    const auto executor = builtin.factory(config_in(folder));
    const bool is_index = builtin.name == "vector-index" || builtin.name == "text-index";
    CHECK((binding_of(*executor, "/anything") == nullptr) == is_index);
  }
}

TEST_CASE("a key that an executor does not know stays unused") {
  const TempFolder folder;
  for (const NamedExecutor& builtin : builtins()) {
    CAPTURE(builtin.name);
    const ExecutorConfig config = config_in(folder, {{"metrik", "x"}});
    builtin.factory(config);
    CHECK(config.unused() == std::vector<std::string>{"metrik"});
    std::filesystem::remove_all(config.workspace);
  }
}

}  // namespace
}  // namespace flow::executors::testing
