#include "arguments.h"

#include <doctest/doctest.h>

#include <vector>

namespace {

using flow::Result;
using flow::worker::Arguments;
using flow::worker::parse_arguments;

std::string error_of(const std::vector<std::string_view>& words) {
  const Result<Arguments> parsed = parse_arguments(words);
  return parsed ? "" : parsed.error().message;
}

}  // namespace

TEST_CASE("options are read in both spellings") {
  const std::vector<std::string_view> words = {"--broker",  "ipc:///b", "--name=encode/rep-0",
                                               "--run-dir", "/run/x",   "--uses=append"};

  const Result<Arguments> parsed = parse_arguments(words);

  REQUIRE(parsed.ok());
  CHECK(parsed->broker == "ipc:///b");
  CHECK(parsed->name == "encode/rep-0");
  CHECK(parsed->run_dir == "/run/x");
  CHECK(parsed->uses == "append");
  CHECK_FALSE(parsed->check_config);
}

TEST_CASE("what is missing is named, except for --version and --help") {
  CHECK(error_of({}) == "--broker is missing");
  CHECK(error_of({"--broker", "b", "--name", "n"}) == "--run-dir is missing");
  CHECK(error_of({"--version"}).empty());
  CHECK(error_of({"--help"}).empty());
  CHECK(error_of({"--check-config"}) == "--broker is missing");
}

TEST_CASE("a wrong option is named, with what was meant") {
  CHECK(error_of({"--broke", "b"}) == "unknown option '--broke'; did you mean '--broker'?");
  CHECK(error_of({"what"}) == "unknown option 'what'");
  CHECK(error_of({"--broker"}) == "--broker needs a value");
  CHECK(error_of({"--broker="}) == "--broker needs a value");
  CHECK(error_of({"--broker", "a", "--broker", "b"}) == "--broker is given twice");
  CHECK(error_of({"--version=1"}) == "--version takes no value");
}

TEST_CASE("the usage names --uses only where there are several executors") {
  CHECK(flow::worker::usage("flow-worker", true).find("--uses") != std::string::npos);
  CHECK(flow::worker::usage("greeter", false).find("--uses") == std::string::npos);
}

TEST_CASE("a worker on its own needs an address alone, and takes what a flow file would say") {
  const std::vector<std::string_view> words = {
      "--listen", "tcp://127.0.0.1:0", "--with", R"({"text":"x"})", "--workspace=/w", "--name=far"};

  const Result<Arguments> parsed = parse_arguments(words);

  REQUIRE(parsed.ok());
  CHECK(parsed->listen == "tcp://127.0.0.1:0");
  CHECK(*parsed->with.find("text")->if_string() == "x");
  CHECK(parsed->workspace == "/w");
  CHECK(parsed->name == "far");
  CHECK(parse_arguments(std::vector<std::string_view>{"--listen=ipc:///x"}).ok());
}

TEST_CASE("an address that others could reach needs --insecure") {
  CHECK(error_of({"--listen", "tcp://0.0.0.0:1"}).find("`--insecure`") != std::string::npos);
  CHECK(error_of({"--listen", "tcp://0.0.0.0:1", "--insecure"}).empty());
  CHECK(error_of({"--listen", "tcp://far:1"}).find("numeric") != std::string::npos);
}

TEST_CASE("the options of a flow's worker and of one on its own do not mix") {
  CHECK(error_of({"--listen", "ipc:///x", "--broker", "b"}).find("--broker does not go") == 0);
  CHECK(error_of({"--broker=b", "--name=n", "--run-dir=r", "--with={}"}).find("--with goes") == 0);
  CHECK(error_of({"--broker=b", "--name=n", "--run-dir=r", "--insecure"}) ==
        "--insecure goes with --listen");
  CHECK(error_of({"--listen=ipc:///x", "--with=[1]"}) == "--with must be a JSON object");
  CHECK(error_of({"--listen=ipc:///x", "--with={"}).find("--with: ") == 0);
}
