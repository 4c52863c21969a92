#include "flowctl/child.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace flow::flowctl {
namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() {
    path = (fs::temp_directory_path() / "flow-child-XXXXXX").string();
    REQUIRE(::mkdtemp(path.data()) != nullptr);
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path;
};

struct Ended {
  std::string how;
  std::string output;
};

Ended run(const Folder& folder, const std::string& script,
          std::map<std::string, std::string> environment = {}) {
  ChildSpec spec{"test", "/bin/sh", {"-c", script}, std::move(environment), folder.path + "/log"};
  const Result<pid_t> pid = spawn(spec);
  REQUIRE(pid.ok());
  int status = 0;
  REQUIRE(::waitpid(*pid, &status, 0) == *pid);
  return {describe_end(status), last_lines(spec.log, 100)};
}

}  // namespace

TEST_CASE("a child writes into its log and ends with a status in words") {
  const Folder folder;
  const Ended ended = run(folder, "echo out; echo err >&2; exit 3");
  CHECK(ended.how == "exit status 3");
  CHECK(ended.output == "out\nerr");
  CHECK(run(folder, "kill -9 $$").how == "signal 9 (Killed)");
}

TEST_CASE("a child has the environment of its executor over ours, and no input") {
  const Folder folder;
  REQUIRE(::setenv("FLOW_TEST_OURS", "ours", 1) == 0);
  REQUIRE(::setenv("FLOW_TEST_BOTH", "ours", 1) == 0);
  const Ended ended =
      run(folder, "echo $FLOW_TEST_OURS $FLOW_TEST_BOTH; cat", {{"FLOW_TEST_BOTH", "executor's"}});
  CHECK(ended.output == "ours executor's");
}

TEST_CASE("a child leads a session of its own and can be told to end, whatever we block") {
  const Folder folder;
  sigset_t signals;
  sigset_t before;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  REQUIRE(::pthread_sigmask(SIG_BLOCK, &signals, &before) == 0);
  const Ended ended = run(folder, "cut -d' ' -f6 /proc/$$/stat; echo $$; kill -TERM $$; echo no");
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  CHECK(ended.how == "signal 15 (Terminated)");
  const std::size_t middle = ended.output.find('\n');
  CHECK(ended.output.substr(0, middle) == ended.output.substr(middle + 1));
}

TEST_CASE("a program that cannot be run is an error that names it") {
  const Folder folder;
  const Result<pid_t> pid = spawn({"encode/rep-0", "/no/such/program", {}, {}, folder.path + "/l"});
  REQUIRE_FALSE(pid.ok());
  CHECK(pid.error().message.find("encode/rep-0") != std::string::npos);
  CHECK(pid.error().message.find("/no/such/program") != std::string::npos);
}

TEST_CASE("the last lines of a log are whole lines") {
  const Folder folder;
  const std::string path = folder.path + "/log";
  std::ofstream(path) << "one\ntwo\nthree\n";
  CHECK(last_lines(path, 2) == "two\nthree");
  CHECK(last_lines(path, 3) == "one\ntwo\nthree");
  CHECK(last_lines(path, 9) == "one\ntwo\nthree");
  CHECK(last_lines(folder.path + "/none", 9).empty());
}

}  // namespace flow::flowctl
