// Real flows for tests: the installed programs, a real Redis, files in a folder of the test's own.
//
//   Sandbox sandbox;                                        // an empty folder, its own run
//   directory Flow flow(sandbox, chain({"a", "b"}));                  // `flowctl up`, ready
//   CHECK(texts(flow.post("/x", {"--text", "t"})) == "tab");
//   flow.stop();                                            // exit 0, nothing left behind
//
// Nothing here waits without a deadline, and nothing outlives the test: children get the kernel's
// word that they die with it, and a Sandbox ends what names its folder before it deletes it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/value.h"
#include "flow/client.h"

namespace flow::testing {

inline constexpr Duration kPatience = std::chrono::seconds(20);

Instant now();

// Whether the condition came true in time; asked again every few milliseconds.
bool eventually(const std::function<bool()>& condition, Duration patience = kPatience);

// How a program ended: its exit status, 128 + n when signal n ended it, and what it printed.
struct Finished {
  int code = -1;
  std::string out;
  std::string err;
};

// A started program with its stdout and stderr in files. Killed with the object.
class Program {
 public:
  Program() = default;
  Program(pid_t pid, std::string out, std::string err)
      : pid_(pid), out_(std::move(out)), err_(std::move(err)) {}
  Program(Program&& other) noexcept;
  Program& operator=(Program&& other) noexcept;
  ~Program();

  pid_t pid() const { return pid_; }  // 0: ended and waited for
  void signal(int number) const;
  bool ended();             // takes its exit status when it has
  std::string out() const;  // so far
  std::string err() const;
  // Until it ends; killed, with code 128 + 9, when that takes too long.
  Finished wait(Duration patience = kPatience);

 private:
  pid_t pid_ = 0;
  int code_ = -1;
  std::string out_;
  std::string err_;
};

// A folder with an environment around it: FLOW_RUN_DIR and FLOW_STATE_DIR inside, PATH with the
// programs under test.
class Sandbox {
 public:
  Sandbox();
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  const std::string& path() const { return path_; }
  std::string run_dir(std::string_view flow) const;
  std::string file(std::string_view name) const;  // its path, whether it exists or not
  std::string write(std::string_view name, std::string_view text, bool executable = false) const;
  void set(const std::string& name, const std::string& value) { environment_[name] = value; }

  Program start(std::vector<std::string> command, std::string_view input = {});
  Finished flowctl(std::vector<std::string> arguments, std::string_view input = {});
  Program start_flowctl(std::vector<std::string> arguments);

  // What should not be there when nothing runs: processes whose command line names this folder, and
  // what lies in the run directory. Empty when all is clean.
  std::string leftovers() const;

 private:
  std::string path_;
  std::map<std::string, std::string> environment_;
  int programs_ = 0;
};

// The flow "t", up and supervised by a `flowctl up` of this test.
class Flow {
 public:
  // `executors` is the file without [flow]. The test fails here when it does not become ready.
  Flow(Sandbox& sandbox, std::string_view executors, std::vector<std::string> arguments = {});
  ~Flow();  // stop(), if it still runs
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;

  // One request through `flowctl post`: the object that --show-header prints, with "exit" added.
  Value post(const std::string& endpoint, std::vector<std::string> arguments = {});
  Client client(std::uint32_t max_in_flight = 1024) const;

  Value status();                         // null when there was no answer
  std::string state();                    // of the flow
  Value instance(std::string_view name);  // its entry in the status; null when there is none
  pid_t pid(std::string_view name);       // by `status -o json`; of any process by endpoints.json
  // kill -9 by pid; returns the pid it had.
  pid_t kill(std::string_view name, int signal = 9);
  // Until `name` runs again with another pid than `before` and the flow is ready.
  bool back(std::string_view name, pid_t before, Duration patience = kPatience);

  Program& supervisor() { return up_; }
  const std::string& dir() const { return dir_; }
  std::string narration() const { return up_.err(); }
  Sandbox& sandbox() { return sandbox_; }

  // SIGINT to `flowctl up`, until it has ended. Checks exit 0 and that nothing is left.
  Finished stop();

 private:
  Sandbox& sandbox_;
  std::string dir_;
  Program up_;
};

std::string read_file(const std::string& path);  // empty when there is none

// Small language for flow files.
std::string executor(std::string_view name, std::string_view uses, std::string_view more = {});
std::string append(std::string_view name, std::string_view needs = {});  // appends its own name
std::string record(std::string_view name, std::string_view needs = {});  // see lines()

// Small language for answers.
std::string texts(const Value& reply);  // of the documents, "a,b"
std::string texts(const Reply& reply);
std::string header(const Value& reply, std::string_view field);  // a string or a number, as text
const Value& at(const Value& value, std::string_view key);       // null when there is none
std::string text_of(const Value& value);                         // strings without quotes
std::vector<Value> lines(const Sandbox& sandbox, std::string_view recorder);  // what it recorded
wire::DocumentList one_document(std::string_view id, std::string_view text);

}  // namespace flow::testing
