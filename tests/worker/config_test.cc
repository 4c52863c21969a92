#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "flow/executor.h"

namespace {

using flow::ConfigError;
using flow::ExecutorConfig;
using flow::ValueMap;

std::string error_of(const ExecutorConfig& config, std::string_view key, auto fallback) {
  try {
    (void)config.get(key, fallback);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("values are read by type, missing ones are the fallback") {
  const ExecutorConfig config(ValueMap{{"text", "a"}, {"dim", 8}, {"rate", 0.5}, {"on", true}});

  CHECK(config.get("text", "b") == "a");
  CHECK(config.get("dim", 4) == 8);
  CHECK(config.get("dim", 1.5) == 8.0);
  CHECK(config.get("rate", 1.0) == 0.5);
  CHECK(config.get("on", false));
  CHECK(config.get("other", "b") == "b");
  CHECK(config.get("none", 3) == 3);
}

TEST_CASE("a value of another type is an error that names key and types") {
  const ExecutorConfig config(ValueMap{{"dim", "many"}, {"rate", 0.5}});

  CHECK(error_of(config, "dim", 4) == "with.dim must be a whole number, not a string");
  CHECK(error_of(config, "rate", 4) == "with.rate must be a whole number, not a double");
  CHECK(error_of(config, "rate", "x") == "with.rate must be a string, not a double");
  CHECK(error_of(config, "rate", false) == "with.rate must be a bool, not a double");
}

TEST_CASE("keys nobody asked for are known") {
  const ExecutorConfig config(ValueMap{{"a", 1}, {"b", 2}, {"c", 3}});
  CHECK(config.get("b", 0) == 2);
  CHECK(config.find("d") == nullptr);

  CHECK(config.unused() == std::vector<std::string>{"a", "c"});
  CHECK(config.asked() == std::vector<std::string>{"b", "d"});
  CHECK(config.with().size() == 3);
  CHECK(config.unused().empty());
}

TEST_CASE("the workspace is made with its parents") {
  std::string folder = "/tmp/flow-config-test-XXXXXX";
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  ExecutorConfig config;
  config.workspace = folder + "/flow/index/0/1";

  CHECK(config.make_workspace() == config.workspace);

  struct stat status {};
  REQUIRE(stat(config.workspace.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0750);
  CHECK(config.make_workspace() == config.workspace);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a workspace that cannot be made is named with the reason") {
  ExecutorConfig config;
  config.workspace = "/dev/null/flow";

  std::string message;
  try {
    config.make_workspace();
  } catch (const ConfigError& error) {
    message = error.what();
  }

  CHECK(message == "cannot make the workspace '/dev/null/flow': Not a directory");
}
