// `flowctl test`: real flows for their own tests alone.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "base/json.h"
#include "flow_process.h"

namespace flow::testing {
namespace {

namespace fs = std::filesystem;

std::string flow_file(std::string_view rest) {
  return "[flow]\nname = \"t\"\n[gateway]\naddress = \"tcp://127.0.0.1:0\"\n" +
         executor("a", "add-text", "with = { text = \"!\" }") + std::string(rest);
}

std::string test_table(std::string_view name, std::string_view rest) {
  return "[[test]]\nname = \"" + std::string(name) + "\"\nendpoint = \"/x\"\n" + std::string(rest) +
         "\n";
}

const std::string kGood = test_table("adds",
                                     "input = [{ text = \"a\" }, { text = \"b\" }]\n"
                                     "expect = [{ text = \"a!\" }, { text = \"b!\" }]");

// Whether a file of this name lies somewhere in the sandbox.
bool exists(const Sandbox& sandbox, std::string_view name) {
  std::error_code failed;
  for (const fs::directory_entry& entry :
       fs::recursive_directory_iterator(sandbox.path(), failed)) {
    if (entry.path().filename() == name) return true;
  }
  return false;
}

bool has_private_folder(const Sandbox& sandbox) {
  for (const fs::directory_entry& entry : fs::directory_iterator(sandbox.path())) {
    if (entry.path().filename().string().starts_with("flow-run-")) return true;
  }
  return false;
}

TEST_CASE("flowctl test tries every table and prints TAP") {
  Sandbox sandbox;
  sandbox.write("in.jsonl", "{\"id\":\"1\",\"text\":\"c\"}\n");
  const std::string file = sandbox.write(
      "t.toml",
      flow_file(
          executor("b", "pass-through", "when = { \"$not\" = { tags__n = { \"$gt\" = 5 } } }") +
          kGood + test_table("reads", "input_file = \"in.jsonl\"\nexpect = [{ text = \"c!\" }]") +
          test_table("refuses",
                     "input = [{ tags = { n = \"many\" } }]\n"
                     "expect_code = \"INVALID_ARGUMENT\"")));

  const Finished finished = sandbox.flowctl({"test", file});

  CHECK(finished.out == "1..3\nok 1 - adds\nok 2 - reads\nok 3 - refuses\n");
  CHECK(finished.code == 0);
  CHECK(sandbox.leftovers() == "");
}

TEST_CASE("a test that fails says what differs, and the others are tried all the same") {
  Sandbox sandbox;
  sandbox.write("bad.jsonl", "{\"txt\":\"c\"}\n");
  const std::string file = sandbox.write(
      "t.toml", flow_file(test_table("differs",
                                     "input = [{ id = \"k\", text = \"a\" }]\n"
                                     "expect = [{ id = \"k\", text = \"b!\" }]") +
                          test_table("reads no document", "input_file = \"bad.jsonl\"") + kGood));

  const Finished finished = sandbox.flowctl({"test", file});

  INFO(finished.out);
  CHECK(finished.out.find("1..3\nnot ok 1 - differs\n  ---\n  message: \"document 1 'k': text is "
                          "\\\"a!\\\", expected \\\"b!\\\"\"\n") == 0);
  CHECK(finished.out.find("not ok 2 - reads no document\n") != std::string::npos);
  CHECK(finished.out.find("bad.jsonl") != std::string::npos);
  CHECK(finished.out.find("ok 3 - adds\n") != std::string::npos);
  CHECK(finished.code == 1);
}

TEST_CASE("several files are one report, also as JSON") {
  Sandbox sandbox;
  const std::string one = sandbox.write("one.toml", flow_file(kGood));
  const std::string none = sandbox.write("none.toml", flow_file(""));

  const Finished finished = sandbox.flowctl({"test", "-o", "json", one, none, one});

  const Result<Value> report = parse_json(finished.out);
  REQUIRE(report.ok());
  CHECK(text_of(at(*report, "passed")) == "2");
  CHECK(at(*report, "tests").if_list()->size() == 2);
  CHECK(finished.err.find("none.toml has no [[test]] tables") != std::string::npos);
  CHECK(finished.code == 0);
}

TEST_CASE("a wrong flow file ends it before anything is started") {
  Sandbox sandbox;
  const std::string good = sandbox.write("good.toml", flow_file(kGood));
  const std::string bad = sandbox.write("bad.toml", flow_file("nonsense = 1\n" + kGood));

  const Finished finished = sandbox.flowctl({"test", good, bad});

  CHECK(finished.out.empty());
  CHECK(finished.err.find("bad.toml") != std::string::npos);
  CHECK(finished.code == 78);
  CHECK(sandbox.flowctl({"test"}).code == 2);
}

TEST_CASE("a flow that does not start fails its tests with what it said") {
  Sandbox sandbox;
  const std::string file = sandbox.write(
      "t.toml", "[flow]\nname = \"t\"\n" + executor("a", "add-text", "with = { wrong = 1 }") +
                    test_table("is not tried", ""));

  const Finished finished = sandbox.flowctl({"test", file});

  CHECK(finished.out.find("not ok 1 - is not tried") != std::string::npos);
  CHECK(finished.out.find("the flow did not start") != std::string::npos);
  CHECK(finished.out.find("wrong") != std::string::npos);
  CHECK(finished.code == 1);
}

TEST_CASE("it neither meets a running flow of the same name nor touches what that keeps") {
  Sandbox sandbox;
  Flow flow(sandbox, record("a"));
  CHECK(text_of(at(flow.post("/x", {"--text", "mine"}), "exit")) == "0");
  const std::string file = sandbox.write(
      "other.toml", "[flow]\nname = \"t\"\n" + record("a") + test_table("runs", "expect = []"));

  CHECK(sandbox.flowctl({"test", file}).code == 0);

  CHECK(lines(sandbox, "a").size() == 1);
  CHECK(flow.state() == "ready");
  flow.stop();
}

TEST_CASE("Ctrl-C in the middle of a test ends all processes and leaves nothing") {
  Sandbox sandbox;
  sandbox.set("TMPDIR", sandbox.path());
  const std::string file = sandbox.write(
      "t.toml", "[flow]\nname = \"t\"\n" + record("mark") +
                    executor("slow", "sleep", "needs = \"gateway\"\nwith = { ms = 60000 }") +
                    test_table("hangs", ""));
  Program program = sandbox.start_flowctl({"test", file});
  REQUIRE(eventually([&sandbox] { return exists(sandbox, "record.jsonl"); }));
  CHECK(has_private_folder(sandbox));

  program.signal(SIGINT);

  const Finished finished = program.wait(std::chrono::seconds(40));
  CHECK(finished.code == 130);
  CHECK(finished.out == "1..1\nBail out! interrupted\n");
  CHECK_FALSE(has_private_folder(sandbox));
  CHECK(sandbox.leftovers() == "");
}

}  // namespace
}  // namespace flow::testing
