#include "flowctl/test_run.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "flowctl/private_flow.h"

namespace flow::flowctl {
namespace {

config::TestDecl test_decl() {
  config::TestDecl test;
  test.name = "finds";
  test.endpoint = "/x";
  test.place = {12, 1};
  return test;
}

Reply answer(const std::string& text) {
  Reply reply;
  wire::Document document;
  document.set_id("1");
  document.set_text(text);
  reply.documents.push_back(std::move(document));
  return reply;
}

Reply failure(Errc code, const std::string& message) {
  Reply reply;
  reply.response.failure = std::make_unique<wire::Failure>();
  *reply.response.failure = {code, message, "index", "index/rep-0"};
  return reply;
}

class Folder {
 public:
  Folder() {
    path_ = "/tmp/flow-test-run-XXXXXX";
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name) << text;
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

TEST_CASE("a test without input sends no documents") {
  const auto input = test_input(test_decl(), "flow.toml");
  REQUIRE(input.ok());
  CHECK(input->empty());
}

TEST_CASE("an input document that is none is named") {
  config::TestDecl test = test_decl();
  test.input = {ValueMap{{"text", "a"}}, ValueMap{{"txt", "b"}}};
  const auto input = test_input(test, "flow.toml");
  REQUIRE_FALSE(input.ok());
  CHECK(input.error().message.find("input: document 2: unknown field \"txt\"") == 0);
}

TEST_CASE("an input file lies beside the flow file and has a document a line") {
  const Folder folder;
  folder.write("in.jsonl", "{\"id\":\"1\"}\n\n{\"id\":\"2\"}\n");
  config::TestDecl test = test_decl();
  test.input_file = "in.jsonl";
  const auto input = test_input(test, folder.write("flow.toml", ""));
  REQUIRE(input.ok());
  REQUIRE(input->size() == 2);
  CHECK((*input)[1].id() == "2");
}

TEST_CASE("an input file that is missing or wrong is named with its line") {
  const Folder folder;
  const std::string wrong = folder.write("wrong.jsonl", "{\"id\":\"1\"}\nnonsense\n");
  config::TestDecl test = test_decl();
  test.input_file = "nowhere.jsonl";
  const std::string flow = folder.write("flow.toml", "");
  CHECK(test_input(test, flow).error().message.find("nowhere.jsonl") != std::string::npos);
  test.input_file = "wrong.jsonl";
  CHECK(test_input(test, flow).error().message.find(wrong + ":2:") != std::string::npos);
}

TEST_CASE("a test passes when code and documents are as expected") {
  config::TestDecl test = test_decl();
  CHECK(judge_test(test, "f.toml", answer("a")).passed);
  test.expect = ValueList{ValueMap{{"text", "a"}}};
  CHECK(judge_test(test, "f.toml", answer("a")).passed);
  const TestOutcome outcome = judge_test(test, "f.toml", answer("b"));
  CHECK_FALSE(outcome.passed);
  CHECK(outcome.message == "document 1: text is \"b\", expected \"a\"");
  CHECK(outcome.expected->size() == 1);
  CHECK(outcome.got->size() == 1);
  CHECK(outcome.line == 12);
}

TEST_CASE("an expected failure passes by its code alone") {
  config::TestDecl test = test_decl();
  test.expect_code = Errc::kExecutorError;
  CHECK(judge_test(test, "f.toml", failure(Errc::kExecutorError, "boom")).passed);
  CHECK(judge_test(test, "f.toml", answer("a")).message ==
        "the answer is OK, expected EXECUTOR_ERROR");
}

TEST_CASE("a failure nobody expected is told with its message") {
  const TestOutcome outcome =
      judge_test(test_decl(), "f.toml", failure(Errc::kExecutorError, "boom"));
  CHECK_FALSE(outcome.passed);
  CHECK(outcome.message.find("EXECUTOR_ERROR") != std::string::npos);
  CHECK(outcome.message.find("boom") != std::string::npos);
  CHECK(outcome.message.find("expected OK") != std::string::npos);
}

TEST_CASE("an expected document that is none fails the test and is named") {
  config::TestDecl test = test_decl();
  test.expect = ValueList{ValueMap{{"txt", "a"}}};
  CHECK(judge_test(test, "f.toml", answer("a")).message.find("expect: document 1: unknown field") ==
        0);
}

TEST_CASE("a private flow keeps away from ports, a shared Redis and chosen workspaces") {
  graph::FlowDecl flow;
  CHECK(private_overrides(flow, "/tmp/p").empty());
  flow.gateway.address = "tcp://127.0.0.1:21000";
  flow.redis.url = "redis://127.0.0.1:6379/0";
  graph::ExecutorDecl index;
  index.name.value = "index";
  index.workspace = "/srv/index";
  flow.executors = {index, graph::ExecutorDecl{}};
  CHECK(private_overrides(flow, "/tmp/p") ==
        std::vector<std::string>{"gateway.address=\"ipc:///tmp/p/gateway\"",
                                 "redis.url=\"private\"",
                                 "executor.index.workspace=\"/tmp/p/workspace\""});
}

}  // namespace
}  // namespace flow::flowctl
