#include "flowctl/run_dir.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace flow::flowctl {
namespace {

namespace fs = std::filesystem;

struct Root {
  Root() {
    path = (fs::temp_directory_path() / "flow-run-XXXXXX").string();
    REQUIRE(::mkdtemp(path.data()) != nullptr);
  }
  ~Root() { fs::remove_all(path); }
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;

  std::string path;
};

}  // namespace

TEST_CASE("a run directory is private, is held, and knows its supervisor") {
  const Root root;
  Result<RunDir> dir = RunDir::create(root.path, "hello");
  REQUIRE(dir.ok());
  CHECK(dir->path() == root.path + "/hello");
  struct stat info {};
  REQUIRE(::stat(dir->path().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
  CHECK(fs::is_directory(dir->path() + "/logs"));
  CHECK(is_supervised(dir->path()));
  CHECK(supervisor_pid(dir->path()) == ::getpid());
}

TEST_CASE("a flow runs once: the second is refused with the pid and how to stop the first") {
  const Root root;
  const Result<RunDir> first = RunDir::create(root.path, "hello");
  REQUIRE(first.ok());
  const Result<RunDir> second = RunDir::create(root.path, "hello");
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == Errc::kUnavailable);
  CHECK(second.error().message.find(std::to_string(::getpid())) != std::string::npos);
  CHECK(second.error().message.find("flowctl down hello") != std::string::npos);
}

TEST_CASE("a folder whose sockets would have too long a path is refused before it is made") {
  const Root root;
  const std::string deep = root.path + "/" + std::string(87 - root.path.size() - 3, 'd');
  CHECK(RunDir::create(deep, "a").ok());
  const Result<RunDir> longer = RunDir::create(deep, "ab");
  REQUIRE_FALSE(longer.ok());
  CHECK(longer.error().code == Errc::kInvalidArgument);
  CHECK(longer.error().message.find("FLOW_RUN_DIR") != std::string::npos);
  CHECK_FALSE(fs::exists(deep + "/ab"));
}

TEST_CASE("a run directory that cannot be made is named with the reason") {
  const Root root;
  std::ofstream(root.path + "/file") << "x";
  const Result<RunDir> dir = RunDir::create(root.path + "/file/run", "hello");
  REQUIRE_FALSE(dir.ok());
  CHECK(dir.error().message.find(root.path + "/file/run") != std::string::npos);
  CHECK(dir.error().message.find("Not a directory") != std::string::npos);
}

TEST_CASE("what a dead supervisor left is cleared away") {
  const Root root;
  {
    const Result<RunDir> dead = RunDir::create(root.path, "hello");
    REQUIRE(dead.ok());
    std::ofstream(dead->path() + "/broker.ipc") << "old";
    std::ofstream(dead->path() + "/logs/broker.log") << "old";
  }
  CHECK_FALSE(is_supervised(root.path + "/hello"));
  const Result<RunDir> dir = RunDir::create(root.path, "hello");
  REQUIRE(dir.ok());
  CHECK_FALSE(fs::exists(dir->path() + "/broker.ipc"));
  CHECK(fs::is_empty(dir->path() + "/logs"));
}

TEST_CASE("a recorded pid that is another process by now is left alone") {
  const Root root;
  const std::string dir = root.path + "/hello";
  fs::create_directories(dir);
  Endpoints endpoints;
  endpoints.flow = "hello";
  endpoints.pids = {{"broker", ::getppid()}, {"supervisor", ::getppid()}};
  REQUIRE(write_endpoints(dir, endpoints).ok());
  CHECK(kill_leftovers(dir).empty());
}

TEST_CASE("the one running flow needs no name, several do, and none is an error") {
  const Root root;
  CHECK(choose_flow(root.path, "").error().code == Errc::kNotFound);
  Result<RunDir> first = RunDir::create(root.path, "first");
  REQUIRE(first.ok());
  CHECK(choose_flow(root.path, "")->name == "first");
  CHECK(choose_flow(root.path, "first")->supervised);
  CHECK(choose_flow(root.path, "other").error().message.find("first") != std::string::npos);

  Result<RunDir> second = RunDir::create(root.path, "second");
  REQUIRE(second.ok());
  const Result<FoundFlow> chosen = choose_flow(root.path, "");
  REQUIRE_FALSE(chosen.ok());
  CHECK(chosen.error().code == Errc::kInvalidArgument);
  CHECK(chosen.error().message.find("first, second") != std::string::npos);

  second->remove();
  CHECK(choose_flow(root.path, "")->name == "first");
}

TEST_CASE("a leftover is found by name, and alone without one") {
  const Root root;
  { REQUIRE(RunDir::create(root.path, "dead").ok()); }
  CHECK_FALSE(choose_flow(root.path, "dead")->supervised);
  CHECK(choose_flow(root.path, "")->name == "dead");
}

}  // namespace flow::flowctl
